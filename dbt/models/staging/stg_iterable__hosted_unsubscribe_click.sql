{{ source_iterable.staging('hosted_unsubscribe_click') }}

{{ source_iterable.staging('custom_event') }}

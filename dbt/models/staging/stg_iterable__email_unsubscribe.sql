{{ source_iterable.staging('email_unsubscribe') }}

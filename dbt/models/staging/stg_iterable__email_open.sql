{{ source_iterable.staging('email_open') }}

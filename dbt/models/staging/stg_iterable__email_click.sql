{{ source_iterable.staging('email_click') }}

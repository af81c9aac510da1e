{{ source_iterable.staging('email_subscribe') }}

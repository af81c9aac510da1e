{{ source_iterable.staging('email_send') }}

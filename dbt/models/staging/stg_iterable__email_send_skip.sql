{{ source_iterable.staging('email_send_skip') }}

{{ source_iterable.staging('email_bounce') }}

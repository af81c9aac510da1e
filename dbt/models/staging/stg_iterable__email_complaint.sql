{{ source_iterable.staging('email_complaint') }}

{{ source_iterable.staging('sms_send') }}

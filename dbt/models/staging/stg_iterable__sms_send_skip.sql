{{ source_iterable.staging('sms_send_skip') }}

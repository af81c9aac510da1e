{{ source_iterable.staging('sms_bounce') }}

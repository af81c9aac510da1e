{{ source_iterable.staging('sms_click') }}

{{ source_iterable.staging('sms_received') }}

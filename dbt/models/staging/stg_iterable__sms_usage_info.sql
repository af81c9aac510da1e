{{ source_iterable.staging('sms_usage_info') }}

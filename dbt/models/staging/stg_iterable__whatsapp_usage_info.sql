{{ source_iterable.staging('whatsapp_usage_info') }}

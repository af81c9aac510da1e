{{ source_iterable.staging('whatsapp_bounce') }}

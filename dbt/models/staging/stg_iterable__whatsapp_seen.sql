{{ source_iterable.staging('whatsapp_seen') }}

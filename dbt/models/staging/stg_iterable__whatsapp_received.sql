{{ source_iterable.staging('whatsapp_received') }}

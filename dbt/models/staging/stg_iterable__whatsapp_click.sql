{{ source_iterable.staging('whatsapp_click') }}

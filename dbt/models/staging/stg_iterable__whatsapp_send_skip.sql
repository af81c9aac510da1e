{{ source_iterable.staging('whatsapp_send_skip') }}

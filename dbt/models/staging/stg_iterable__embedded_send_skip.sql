{{ source_iterable.staging('embedded_send_skip') }}

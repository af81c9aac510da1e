{{ source_iterable.staging('web_push_send_skip') }}

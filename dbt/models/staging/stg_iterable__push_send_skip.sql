{{ source_iterable.staging('push_send_skip') }}

{{ source_iterable.staging('in_app_send_skip') }}

{{ source_iterable.staging('rcs_send_skip') }}

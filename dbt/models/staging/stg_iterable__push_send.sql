{{ source_iterable.staging('push_send') }}

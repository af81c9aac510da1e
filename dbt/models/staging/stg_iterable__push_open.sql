{{ source_iterable.staging('push_open') }}

{{ source_iterable.staging('push_bounce') }}

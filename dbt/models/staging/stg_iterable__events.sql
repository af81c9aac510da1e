{{ source_iterable.staging('events') }}

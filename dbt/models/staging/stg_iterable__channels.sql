{{ source_iterable.staging('channels') }}

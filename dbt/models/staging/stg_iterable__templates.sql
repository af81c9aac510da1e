{{ source_iterable.staging('templates') }}

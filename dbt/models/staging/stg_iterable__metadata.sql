{{ source_iterable.staging('metadata') }}

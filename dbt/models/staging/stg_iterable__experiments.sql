{{ source_iterable.staging('experiments') }}

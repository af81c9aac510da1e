{{ source_iterable.staging('lists') }}

{{ source_iterable.staging('users') }}

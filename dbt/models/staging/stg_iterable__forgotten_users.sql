{{ source_iterable.staging('forgotten_users') }}

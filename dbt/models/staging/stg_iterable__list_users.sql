{{ source_iterable.staging('list_users') }}

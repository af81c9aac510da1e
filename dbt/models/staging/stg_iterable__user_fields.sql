{{ source_iterable.staging('user_fields') }}

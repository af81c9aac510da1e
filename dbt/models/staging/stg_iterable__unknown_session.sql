{{ source_iterable.staging('unknown_session') }}

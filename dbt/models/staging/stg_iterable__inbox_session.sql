{{ source_iterable.staging('inbox_session') }}

{{ source_iterable.staging('embedded_session') }}

{{ source_iterable.staging('embedded_received') }}

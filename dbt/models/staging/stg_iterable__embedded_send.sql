{{ source_iterable.staging('embedded_send') }}

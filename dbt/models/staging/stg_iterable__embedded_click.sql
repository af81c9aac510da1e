{{ source_iterable.staging('embedded_click') }}

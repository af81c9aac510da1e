{{ source_iterable.staging('embedded_impression') }}

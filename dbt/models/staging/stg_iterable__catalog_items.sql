{{ source_iterable.staging('catalog_items') }}

{{ source_iterable.staging('catalog_field_mappings') }}

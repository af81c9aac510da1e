{{ source_iterable.staging('catalogs') }}

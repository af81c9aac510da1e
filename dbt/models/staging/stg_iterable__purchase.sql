{{ source_iterable.staging('purchase') }}

{{ source_iterable.staging('list_sizes') }}

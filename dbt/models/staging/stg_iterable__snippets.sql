{{ source_iterable.staging('snippets') }}

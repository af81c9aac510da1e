{{ source_iterable.staging('metadata_entries') }}

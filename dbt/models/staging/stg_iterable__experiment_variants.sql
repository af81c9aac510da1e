{{ source_iterable.staging('experiment_variants') }}

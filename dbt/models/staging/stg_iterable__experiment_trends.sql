{{ source_iterable.staging('experiment_trends') }}

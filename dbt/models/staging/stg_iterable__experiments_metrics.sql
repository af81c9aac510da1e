{{ source_iterable.staging('experiments_metrics') }}

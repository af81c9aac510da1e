{{ source_iterable.staging('campaigns_metrics') }}

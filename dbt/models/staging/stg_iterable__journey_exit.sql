{{ source_iterable.staging('journey_exit') }}

{{ source_iterable.staging('campaigns') }}

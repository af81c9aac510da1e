{{ source_iterable.staging('child_campaigns') }}

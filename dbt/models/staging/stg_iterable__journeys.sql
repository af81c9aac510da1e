{{ source_iterable.staging('journeys') }}

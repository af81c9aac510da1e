{{ source_iterable.staging('webhooks') }}

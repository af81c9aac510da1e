{{ source_iterable.staging('push_uninstall') }}

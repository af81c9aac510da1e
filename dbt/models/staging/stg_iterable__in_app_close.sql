{{ source_iterable.staging('in_app_close') }}

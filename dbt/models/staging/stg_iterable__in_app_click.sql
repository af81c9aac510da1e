{{ source_iterable.staging('in_app_click') }}

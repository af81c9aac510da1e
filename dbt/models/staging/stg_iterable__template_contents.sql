{{ source_iterable.staging('template_contents') }}

{{ source_iterable.staging('template_locales') }}

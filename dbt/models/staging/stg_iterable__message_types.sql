{{ source_iterable.staging('message_types') }}

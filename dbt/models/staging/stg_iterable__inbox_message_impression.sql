{{ source_iterable.staging('inbox_message_impression') }}

"""The streams: what each requests from Iterable, and the table that lists them."""

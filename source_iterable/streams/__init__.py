"""The streams: what each asks Iterable for, and the table that lists them."""

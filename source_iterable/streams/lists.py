"""Plain lists: one request, every item a record."""

from __future__ import annotations

from collections.abc import Iterator

from source_iterable.streams.context import StreamContext
from source_iterable.streams.listing import Fields, ListStream
from source_iterable.streams.paging import items_of


class PlainList(ListStream):
    """`GET path` answers `{selector: [...]}`, all at once."""

    def __init__(self, name: str, path: str, selector: str, primary_key: str) -> None:
        self.name = name
        self.path = path
        self.selector = selector
        self.primary_key = (primary_key,)

    def read(self, context: StreamContext, state: Fields) -> Iterator[list[Fields]]:
        yield items_of(self.path, context.client.get_json(self.path), self.selector)

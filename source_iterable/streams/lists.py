"""Plain lists: every item of an answer, or of its pages, a record."""

from __future__ import annotations

from collections.abc import Iterator

from source_iterable.streams.context import StreamContext
from source_iterable.streams.listing import Fields, ListStream


class PlainList(ListStream):
    """`GET path` answers `{selector: [...]}`, all at once or, with a `page_size`, in pages."""

    def __init__(self, name: str, path: str, selector: str, primary_key: str, page_size: int | None = None) -> None:
        self.name = name
        self.path = path
        self.selector = selector
        self.primary_key = (primary_key,)
        self.page_size = page_size
        self.cost = "1" if page_size is None else f"1 per {page_size:,} {name}"

    def read(self, context: StreamContext, state: Fields) -> Iterator[list[Fields]]:
        for items in context.shared.pages(self.path, self.selector, {}, self.page_size):
            yield [self.record(item) for item in items]

    def record(self, item: Fields) -> Fields:
        """The record for one item of the answer."""
        return item

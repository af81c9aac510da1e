"""Plain lists: every item of a response, or of its pages, is a record."""

from __future__ import annotations

from collections.abc import Iterator

from source_iterable.reading.context import StreamContext
from source_iterable.reading.stream import Fields, Reading, State, Stream


class PlainList(Stream):
    """`GET path` returns `{selector: [...]}`, all at once or, with a `page_size`, in pages."""

    def __init__(self, name: str, path: str, selector: str, primary_key: str, page_size: int | None = None) -> None:
        self.name = name
        self.path = path
        self.selector = selector
        self.primary_key = (primary_key,)
        self.page_size = page_size
        self.cost = f"1 per {page_size:,} {name}" if page_size else "1"

    def _read(self, context: StreamContext, state: State) -> Reading:
        for items in self._pages(context):
            yield [self.record(item) for item in items]

    def items(self, context: StreamContext) -> Iterator[Fields]:
        """Yield every item, for the child streams. Requested once per sync for all of them."""
        for items in self._pages(context):
            yield from items

    def record(self, item: Fields) -> Fields:
        """The record for one item of the response."""
        return item

    def _pages(self, context: StreamContext) -> Iterator[list[Fields]]:
        return context.shared.pages(self.path, self.selector, self.primary_key[0], {}, self.page_size)

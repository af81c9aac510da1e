"""Newest first: paged lists sorted by last update, so that a sync stops where the previous one began."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from source_iterable.api.request import Parameters
from source_iterable.reading.context import StreamContext
from source_iterable.reading.state import state_time
from source_iterable.reading.stream import Checkpoint, Fields, Reading, State, Stream
from source_iterable.records.batch import RecordBatch

UPDATED_AT = "updatedAt"


class NewestFirstStream(Stream):
    """A list requested with `sort=-updatedAt`, page by page and kind by kind; incremental on updatedAt (milliseconds).

    For every kind, the state holds the newest updatedAt read and the keys of the records that had it: a record updated
    later in the same millisecond is still found, and none is read twice. Another connector's state, a plain updatedAt,
    applies to all kinds.
    """

    cursor_field = UPDATED_AT
    path: str
    selector: str
    page_size = 1000

    def kinds(self) -> dict[str, Parameters]:
        """The lists that make up the stream: each a name for the state, and its query parameters."""
        return {"all": {}}

    def record(self, kind: str, item: Fields) -> Fields:
        """The record for one item of the response."""
        return item

    def batches(self, context: StreamContext, kind: str, items: list[Fields]) -> Iterator[RecordBatch]:
        """Yield the records for the items of a page."""
        yield self.batch(self.record(kind, item) for item in items)

    def items(self, context: StreamContext) -> Iterator[Fields]:
        """Yield every item regardless of state, for other streams. One updated meanwhile is yielded again."""
        for parameters in self.kinds().values():
            for items in self._newer(context, parameters, {UPDATED_AT: -1, "seen": []}):
                yield from items

    def read(self, context: StreamContext, state: State) -> Reading:
        floor = 1000 * (state_time(self.name, UPDATED_AT, state) or 0)
        marks: dict[str, Fields] = dict(state.get("kinds") or {})
        for kind, parameters in self.kinds().items():
            mark = marks.get(kind) or {UPDATED_AT: floor, "seen": []}
            newest = dict(mark)
            for items in self._newer(context, parameters, mark):
                for item in items:
                    _advance(newest, *self._version(item))
                yield from self.batches(context, kind, items)
            marks[kind] = newest
        yield Checkpoint({UPDATED_AT: max(mark[UPDATED_AT] for mark in marks.values()), "kinds": marks})

    def _newer(self, context: StreamContext, parameters: Parameters, mark: Fields) -> Iterator[list[Fields]]:
        """Yield the items newer than the mark, each version once, a page at a time.

        An item updated during paging moves to the front, which was already read: after more than one page, the front is
        read again until nothing there is new.
        """
        query = {**parameters, "sort": f"-{UPDATED_AT}"}
        known: set[tuple[int, Any]] = set()
        reading = 0
        while True:
            pages_read, found, last = 0, False, None
            for items in context.shared.pages(
                self.path, self.selector, self.primary_key[0], query, self.page_size, reading
            ):
                versions = [self._version(item) for item in items]
                new = [
                    item
                    for item, version in zip(items, versions, strict=True)
                    if version not in known and _is_newer(version, mark)
                ]
                known.update(versions)
                pages_read += 1
                found = found or bool(new)
                yield new
                times = [time for time, _ in versions]
                if times != sorted(times, reverse=True) or (last is not None and times and times[0] > last):
                    continue  # not sorted after all: only reading everything reaches the end
                last = times[-1] if times else last
                if times and (times[-1] < mark[UPDATED_AT] or (reading and len(new) < len(items))):
                    break
            if not found or (reading == 0 and pages_read == 1):
                return
            reading += 1

    def _version(self, item: Fields) -> tuple[int, Any]:
        return int(item.get(UPDATED_AT) or 0), item[self.primary_key[0]]


def _is_newer(version: tuple[int, Any], mark: Fields) -> bool:
    time, key = version
    return bool(time > mark[UPDATED_AT] or (time == mark[UPDATED_AT] and key not in mark["seen"]))


def _advance(mark: Fields, updated_at: int, key: Any) -> None:
    if updated_at > mark[UPDATED_AT]:
        mark[UPDATED_AT], mark["seen"] = updated_at, [key]
    elif updated_at == mark[UPDATED_AT] and key not in mark["seen"]:
        mark["seen"] = [*mark["seen"], key]

"""Newest first: paged lists sorted by last update, so that a sync stops where the previous one began."""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import blake2b
from itertools import combinations
from time import time as now_in_seconds
from typing import Any

from source_iterable.api.request import Parameters
from source_iterable.errors import BrokenResponse, ConfigError
from source_iterable.reading.context import StreamContext
from source_iterable.reading.state import state_time
from source_iterable.reading.stream import Checkpoint, Fields, Reading, State, Stream
from source_iterable.records.batch import RecordBatch

UPDATED_AT = "updatedAt"
# Keys that a state holds for the items of one time.
MOST_KEYS = 100
# Later updates for which it is worked out which of them had the time of a state that is only counted.
MOST_LATER = 12


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
        """Yield every item, whatever the state, for other streams. Items updated meanwhile are yielded again, newer."""
        for parameters in self.kinds().values():
            for items in self._newer(context, parameters, Mark(-1)):
                yield from items

    def check_state(self, state: State) -> None:
        kinds = state.get("kinds") or {}
        if not kinds:  # only then is it read, see `read`
            super().check_state(state)
        if not isinstance(kinds, dict) or not all(Mark.is_valid(mark) for mark in kinds.values()):
            raise ConfigError(
                f"The state of stream {self.name} cannot be read: kinds is not what this connector writes. Correct the "
                "state, or reset the stream."
            )

    def _read(self, context: StreamContext, state: State) -> Reading:
        marks: dict[str, Fields] = dict(state.get("kinds") or {})
        # Another connector's time, or where there are kinds, nothing: one that they do not hold was not read.
        floor = 0 if marks else 1000 * (state_time(self.name, UPDATED_AT, state) or 0)
        for kind, parameters in self.kinds().items():
            newest = Mark.of(marks[kind]) if kind in marks else Mark(floor)
            if newest.updated_at > 1000 * now_in_seconds():
                self.warn_of_future(context, newest.updated_at)
            mark = Mark.of(newest.state)
            if newest.keys is None:
                if self._is_unchanged(context, parameters, newest):
                    mark = Mark(newest.updated_at + 1)
                else:
                    mark, newest = Mark(newest.updated_at), Mark(newest.updated_at)
            for items in self._newer(context, parameters, mark):
                for item in items:
                    newest.advance(*self._version(item))
                yield from self.batches(context, kind, items)
            marks[kind] = newest.state
        yield Checkpoint({UPDATED_AT: max(mark[UPDATED_AT] for mark in marks.values()), "kinds": marks})

    def _newer(self, context: StreamContext, parameters: Parameters, mark: Mark) -> Iterator[list[Fields]]:
        """Yield the items newer than the mark, each version once, a page at a time.

        An item updated during paging moves to the front, which was already read: after more than one page, the front is
        read again until nothing there is new.
        """
        query = {**parameters, "sort": f"-{UPDATED_AT}"}
        known: set[tuple[int, Any]] = set()
        reading = 0
        is_sorted = True
        while True:
            pages_read, found, last = 0, False, None
            for items in context.shared.pages(
                self.path, self.selector, self.primary_key[0], query, self.page_size, reading
            ):
                versions = [self._version(item) for item in items]
                new = [
                    item
                    for item, version in zip(items, versions, strict=True)
                    if version not in known and mark.is_older_than(*version)
                ]
                known.update(versions)
                pages_read += 1
                found = found or bool(new)
                yield new
                times = [time for time, _ in versions]
                if times != sorted(times, reverse=True) or (last is not None and times and times[0] > last):
                    is_sorted = False  # not sorted after all: only reading everything reaches the end
                last = times[-1] if times else last
                if is_sorted and times and (times[-1] < mark.updated_at or (reading and len(new) < len(items))):
                    break
            if not found or (reading == 0 and pages_read == 1):
                return
            reading += 1

    def _is_unchanged(self, context: StreamContext, parameters: Parameters, mark: Mark) -> bool:
        """Whether the items with the time of a mark that is only counted are those that were read, but for later updates."""
        query = {**parameters, "sort": f"-{UPDATED_AT}"}
        now = Mark(mark.updated_at)
        later: set[Any] = set()
        is_sorted = True
        for items in context.shared.pages(self.path, self.selector, self.primary_key[0], query, self.page_size):
            versions = [self._version(item) for item in items]
            for time, key in versions:
                if time == mark.updated_at:
                    now.advance(time, key)
                elif time > mark.updated_at:
                    later.add(key)
            times = [time for time, _ in versions]
            is_sorted = is_sorted and times == sorted(times, reverse=True)
            if is_sorted and times and times[-1] < mark.updated_at:
                break
        left = mark.count - now.count
        if len(later) > MOST_LATER and left not in (0, len(later)):
            return False
        totals = (sum(map(_digest, keys)) for keys in combinations(later, left)) if left >= 0 else iter(())
        return any((now.total + total) % 2**64 == mark.total for total in totals)

    def _version(self, item: Fields) -> tuple[int, Any]:
        updated_at = item.get(UPDATED_AT) or 0
        if type(updated_at) is not int:
            raise BrokenResponse(
                f"The response to GET {self.path} holds an item whose {UPDATED_AT} is not a number of milliseconds."
            )
        return updated_at, item[self.primary_key[0]]


class Mark:
    """Up to where a list was read: the newest updatedAt (milliseconds), and the keys of the items that had it.

    After a bulk change, thousands of items have the same time. Over MOST_KEYS, the keys are counted and summed up instead
    (`keys` is None): enough to see whether they are still the same.
    """

    def __init__(self, updated_at: int, keys: list[Any] | None = None, count: int = 0, total: int = 0) -> None:
        self.updated_at = updated_at
        self.keys: set[Any] | None = set(keys or ())
        self.count = count
        self.total = total
        for key in keys or ():
            self._add(key)
        if not keys and count:
            self.keys = None

    @classmethod
    def of(cls, state: Fields) -> Mark:
        """The mark of a valid state."""
        return cls(state[UPDATED_AT], state.get("seen"), state.get("count", 0), int(state.get("total", "0"), 16))

    @staticmethod
    def is_valid(state: Any) -> bool:
        """Whether a state is one of ours."""
        return (
            isinstance(state, dict)
            and type(state.get(UPDATED_AT)) is int
            and isinstance(seen := state.get("seen", []), list)
            and all(type(key) in (int, str) for key in seen)
            and type(state.get("count", 0)) is int
            and isinstance(total := state.get("total", "0"), str)
            and re.fullmatch("[0-9a-f]{1,32}", total) is not None
        )

    @property
    def state(self) -> Fields:
        if self.keys is None:
            return {UPDATED_AT: self.updated_at, "count": self.count, "total": f"{self.total:x}"}
        return {UPDATED_AT: self.updated_at, "seen": sorted(self.keys, key=_by_type)}

    def advance(self, updated_at: int, key: Any) -> None:
        """Note an item that was read."""
        if updated_at > self.updated_at:
            self.updated_at, self.keys, self.count, self.total = updated_at, set(), 0, 0
        if updated_at == self.updated_at and (self.keys is None or key not in self.keys):
            self._add(key)

    def is_older_than(self, updated_at: int, key: Any) -> bool:
        """Whether an item with this time is still to be read."""
        return updated_at > self.updated_at or (
            updated_at == self.updated_at and (self.keys is None or key not in self.keys)
        )

    def _add(self, key: Any) -> None:
        self.count += 1
        self.total = (self.total + _digest(key)) % 2**64
        if self.keys is not None:
            self.keys.add(key)
            if len(self.keys) > MOST_KEYS:
                self.keys = None


def _by_type(key: Any) -> tuple[bool, Any]:
    # An edited state may hold keys of both types.
    return isinstance(key, str), key


def _digest(key: Any) -> int:
    return int.from_bytes(blake2b(repr(key).encode(), digest_size=8).digest(), "big")

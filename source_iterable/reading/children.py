"""ChildStream: a stream read slice by slice, one slice per item of its parent."""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Protocol

from source_iterable.errors import NotFound
from source_iterable.reading.context import StreamContext
from source_iterable.reading.stream import Checkpoint, Fields, Reading, State, Stream

# Identifies a slice: the id or name of the parent's item.
Key = int | str


class Parent(Protocol):
    """A stream whose items are the slices of child streams."""

    def items(self, context: StreamContext) -> Iterator[Fields]:
        """Yield every item; the pages are requested once per sync."""


def keys_of(parent: Parent, field: str, context: StreamContext) -> list[Key]:
    """The `field` of each of the parent's items."""
    return [item[field] for item in parent.items(context)]


class ChildStream(Stream):
    """Subclasses name the parent and read one slice. If they are resumable, the state holds the finished slices.

    A slice that no longer exists (404) is skipped with a warning.
    """

    parent: Parent
    # The field of the parent's items that identifies a slice, and what a slice is called in a warning.
    parent_key: str
    noun: str

    @abstractmethod
    def read_slice(self, context: StreamContext, key: Key) -> Iterator[list[Fields]]:
        """Yield the records of one slice, in lists."""

    def keys(self, context: StreamContext) -> Iterable[Key]:
        """The keys of all slices, all of one type."""
        return keys_of(self.parent, self.parent_key, context)

    def slices(self, context: StreamContext, keys: list[Key]) -> Iterator[tuple[Key, Iterator[list[Fields]]]]:
        """Yield the slices with these keys, in any order."""
        for key in keys:
            yield key, self.read_slice(context, key)

    def _read(self, context: StreamContext, state: State) -> Reading:
        done = Done(self.keys(context), state if self.resumable else {})
        for key, slice_ in self.slices(context, done.remaining):
            try:
                yield from slice_
            except NotFound:
                context.logger.warning(f"{self.name}: {self.noun} {key} no longer exists; skipped.")
            done.add(key)
            if self.resumable:
                yield Checkpoint(done.state)
        yield Checkpoint({})


class Done:
    """Tracks finished slices: all up to a key, in key order, and some beyond it.

    Its state stays small however many slices there are: {"after": key} and, if slices finish out of order,
    {"done": [those beyond it]}. A state that does not fit the keys is ignored.
    """

    def __init__(self, keys: Iterable[Key], state: State) -> None:
        self._open = deque(sorted(set(keys)))  # all of one type
        self._after: Key | None = None
        if self._open and type(state.get("after")) is type(self._open[0]):
            self._after = state["after"]
            while self._open and self._open[0] <= self._after:
                self._open.popleft()
        self._beyond = set(self._open).intersection(_keys_in(state.get("done")))
        self.remaining = [key for key in self._open if key not in self._beyond]

    def add(self, key: Key) -> None:
        """Record that a slice is done."""
        self._beyond.add(key)
        while self._open and self._open[0] in self._beyond:
            self._after = self._open.popleft()
            self._beyond.discard(self._after)

    @property
    def state(self) -> State:
        """The state to resume from."""
        after = {} if self._after is None else {"after": self._after}
        return {**after, "done": sorted(self._beyond)} if self._beyond else after


def _keys_in(value: object) -> list[Key]:
    return [key for key in value if type(key) in (int, str)] if isinstance(value, list) else []

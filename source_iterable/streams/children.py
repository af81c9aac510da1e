"""ChildStream: a stream that is read slice by slice, one slice for each item of its parent."""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator

from source_iterable.errors import NotFound
from source_iterable.streams.context import StreamContext
from source_iterable.streams.listing import Fields, ListStream

# What identifies a slice: the id or the name of the parent's item.
Key = int | str


class ChildStream(ListStream):
    """What a subclass says: the slices' keys, and how to read one. Where it is resumable, the state tells which are done.

    A slice that is gone by the time it is asked for (404) is skipped with a warning.
    """

    # What a slice is called in a warning, in front of its key.
    noun: str

    @abstractmethod
    def keys(self, context: StreamContext) -> Iterable[Key]:
        """The keys of all slices, of one type."""

    @abstractmethod
    def read_slice(self, context: StreamContext, key: Key) -> Iterator[list[Fields]]:
        """The records of one slice, in lists."""

    def slices(self, context: StreamContext, keys: list[Key]) -> Iterator[tuple[Key, Iterator[list[Fields]]]]:
        """The slices with these keys, in any order."""
        for key in keys:
            yield key, self.read_slice(context, key)

    def read(self, context: StreamContext, state: Fields) -> Iterator[list[Fields]]:
        if not self.resumable:
            state.clear()
        done = Done(self.keys(context), state)
        for key, records in self.slices(context, done.remaining):
            try:
                yield from records
            except NotFound:
                context.logger.warning(f"{self.name}: {self.noun} {key} does not exist any more; skipped.")
            done.add(key)
            if self.resumable:
                state.clear()
                state.update(done.state)
                yield []
        state.clear()


class Done:
    """Which slices are done: all up to a key, in the order of the keys, and some beyond it.

    Its state stays small however many slices there are: {"after": key} and, where slices are done in another order,
    {"done": [those beyond it]}. A state that does not fit the keys counts as none.
    """

    def __init__(self, keys: Iterable[Key], state: Fields) -> None:
        self._open = deque(sorted(set(keys)))  # all of one type
        self._after: Key | None = None
        if self._open and type(state.get("after")) is type(self._open[0]):
            self._after = state["after"]
            while self._open and self._open[0] <= self._after:
                self._open.popleft()
        beyond = state.get("done")
        self._beyond = set(self._open).intersection(beyond if isinstance(beyond, list) else ())
        self.remaining = [key for key in self._open if key not in self._beyond]

    def add(self, key: Key) -> None:
        """Say that a slice is done."""
        self._beyond.add(key)
        while self._open and self._open[0] in self._beyond:
            self._after = self._open.popleft()
            self._beyond.discard(self._after)

    @property
    def state(self) -> Fields:
        """The state that says so; a new object every time."""
        after = {} if self._after is None else {"after": self._after}
        return {**after, "done": sorted(self._beyond)} if self._beyond else after

"""Done: which slices of a stream are finished, in a state that stays small however many there are."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from typing import Any

from source_iterable.reading.stream import State

# Identifies a slice: the id or name of the parent's item.
Key = int | str


class Done:
    """Tracks finished slices, as ranges in the order of their keys.

    Its state is {"after": key} of the range from the first key on, and {"done": [[first, last], ...]} of those beyond it. It
    has as many ranges as there are slices that others have overtaken. Earlier versions wrote single keys instead of ranges;
    what does not fit the keys is ignored.

    A key that is new within a range counts as finished. Ids of lists ascend, so theirs are beyond all ranges; the slice of a
    new name is read when the stream is read in full again, by the next sync that is not resumed.
    """

    def __init__(self, keys: Iterable[Key], state: State) -> None:
        """Continue from a state, with these keys, all of one type."""
        self._keys: list[Any] = sorted(set(keys))
        self._places = {key: place for place, key in enumerate(self._keys)}
        # Ranges of places: the last of each by its first, and the first by its last.
        self._lasts: dict[int, int] = {}
        self._firsts: dict[int, int] = {}
        finished = {place for each in self._given(state) for place in each}
        for place in finished:
            self._add(place)
        self.remaining: list[Key] = [key for place, key in enumerate(self._keys) if place not in finished]

    def add(self, key: Key) -> None:
        """Record that one of the remaining slices is done."""
        self._add(self._places[key])

    @property
    def state(self) -> State:
        """The state to resume from."""
        ranges = [[self._keys[first], self._keys[last]] for first, last in sorted(self._lasts.items())]
        after = {"after": ranges.pop(0)[1]} if 0 in self._lasts else {}
        return {**after, "done": ranges} if ranges else after

    def _add(self, place: int) -> None:
        first, last = self._firsts.pop(place - 1, place), self._lasts.pop(place + 1, place)
        self._lasts[first], self._firsts[last] = last, first

    def _given(self, state: State) -> Iterator[range]:
        """The ranges of places in a state."""
        kind, after, done = type(next(iter(self._keys), None)), state.get("after"), state.get("done")
        if type(after) is kind:
            yield range(bisect_right(self._keys, after))
        for each in done if isinstance(done, list) else []:
            pair = each if isinstance(each, list) else [each, each]
            if [*map(type, pair)] == [kind, kind]:
                yield range(bisect_left(self._keys, pair[0]), bisect_right(self._keys, pair[1]))

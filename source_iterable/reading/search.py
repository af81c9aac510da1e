"""Search: which things have numbers on days long past, found by asking for ranges of days, in a state of 10 kB.

A range only excludes: what has no numbers in it has none on any of its days. Values never come from ranges.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import takewhile
from typing import Any, NamedTuple

import msgspec

from source_iterable.reading.fingerprints import state_as
from source_iterable.reading.id_set import IdSet

# Days of the first range, and of those within it. What lies within these is halved.
YEAR, MONTH = 365, 30
# Characters of all sets in a state.
_SETS_LENGTH = 9_000


class Moving(NamedTuple):
    """A thing, and the first and the last day (ordinals) on which its numbers may move."""

    id: int
    first: int
    last: int


@dataclass
class Range:
    """Days (ordinals) that are asked about at once: which things have numbers in them, up to the id `after`."""

    first: int
    last: int
    after: int | None = None
    found: IdSet = field(default_factory=IdSet)

    @property
    def is_day(self) -> bool:
        return self.first == self.last


class Search:
    """What to ask to have read a day, and then the day before, and so on; and what has been found out.

    `known` are ranges that were asked whole, each within the one before; `at` is the range that is being asked.

    Args:
        given: what an earlier `state` returned; anything else starts over.
        moving: all things, in order of their ids.
        end: what was found out about days from this one (ordinal) on does not count: they were not over.
    """

    def __init__(self, given: Any, moving: Sequence[Moving], end: int) -> None:
        self._known, self._at = _unpacked(given, end)
        self._moving = moving
        # By the number of known ranges: what they leave, and whether the last one excluded half of what it was asked for.
        self._left: list[tuple[Sequence[Moving], bool]] = [(moving, True)]
        self._narrow()

    def next(self, day: int, first: int) -> tuple[Range, list[int]]:
        """What to ask now, to read all from `first` to `day`, newest first, and the ids that are left to be asked for.

        It is a range of days that ends with this one, or the day itself.
        """
        self._known = [*takewhile(lambda each: each.first <= day <= each.last, self._known)]
        del self._left[len(self._known) + 1 :]
        if self._at is None or self._at.last != day:
            self._at = Range(self._start(day, first), day)
        after = self._at.after
        ids = [each.id for each in self._touching(self._at.first, day)]
        return self._at, ids if after is None else [each for each in ids if each > after]

    def asked(self, up_to: int, found: Iterable[int]) -> None:
        """Note that things up to this id were asked for, and which have numbers."""
        if self._at is not None:
            self._at.after = up_to
            self._at.found.update(found)

    def done(self) -> None:
        """Note that what was to be asked was asked, for all."""
        if self._at is not None and not self._at.is_day:
            self._known.append(self._at)
            self._narrow()
        self._at = None

    @property
    def state(self) -> dict[str, Any]:
        """What to continue from; empty if there is nothing."""
        ranges = [*self._known, *filter(None, [self._at])]
        while sum(len(each.found.text) for each in ranges if not each.is_day) > _SETS_LENGTH:
            max(ranges, key=lambda each: len(each.found.text)).found.fold()
        known = {"known": [_packed(each) for each in self._known]} if self._known else {}
        begun = {"at": _packed(self._at)} if self._at and self._at.after is not None else {}
        return {**known, **begun}

    def _start(self, day: int, first: int) -> int:
        """Where the range begins that is worth asking for, if it ends with a day: the day itself if none is."""
        days = YEAR
        if self._known:
            around = self._known[-1]
            first, whole = max(first, around.first), around.last - around.first + 1
            # Halves of a range that excluded little promise little.
            is_worth_halving = whole >= MONTH or self._left[-1][1]
            days = MONTH if whole >= 2 * MONTH else (whole + 1) // 2 if is_worth_halving else 1
        start = max(day - days + 1, first)
        return start if self._touching(start, day) else day

    def _touching(self, first: int, last: int) -> list[Moving]:
        """The things whose numbers may move from `first` to `last`, without those that are excluded."""
        return [each for each in self._left[-1][0] if each.first <= last and each.last >= first]

    def _narrow(self) -> None:
        for each in self._known[len(self._left) - 1 :]:
            touching = self._touching(each.first, each.last)
            left = [thing for thing in touching if thing.id in each.found]
            self._left.append((left, 2 * len(left) <= len(touching)))


class _Packed(msgspec.Struct, omit_defaults=True):
    first: date
    last: date
    found: str = ""
    after: int | None = None


class _State(msgspec.Struct):
    known: list[_Packed] = []
    at: _Packed | None = None


def _packed(of: Range) -> dict[str, Any]:
    found = "" if of.is_day else of.found.text
    packed = _Packed(date.fromordinal(of.first), date.fromordinal(of.last), found, of.after)
    return msgspec.to_builtins(packed)  # type: ignore[no-any-return]


def _unpacked(given: Any, end: int) -> tuple[list[Range], Range | None]:
    """The ranges of a state: known ones, and the one that was begun."""
    state = state_as(_State, given)
    if state is None:
        return [], None
    try:
        known = [_range(each) for each in state.known if each.last.toordinal() < end]
        begun = _range(state.at) if state.at and state.at.last.toordinal() < end else None
    except ValueError:
        return [], None
    return known, begun


def _range(packed: _Packed) -> Range:
    return Range(packed.first.toordinal(), packed.last.toordinal(), packed.after, IdSet(packed.found))

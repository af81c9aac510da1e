"""Days: which days of a report are to be read, and what a state says of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from typing import Any

from source_iterable.errors import ConfigError
from source_iterable.reading.stream import State
from source_iterable.records.timestamps import is_date

DATE = "date"
# The ranges of days in a state that need not be read again, each the first and the last day.
READ = "read"
# Numbers of a day move until late events have come in: a sync reads today and the days before it again, so many in all.
LAST_DAYS = 3
ONE_DAY = timedelta(days=1)


def day_at(seconds: float) -> date:
    """The day in UTC of a time in seconds since the epoch."""
    return datetime.fromtimestamp(seconds, timezone.utc).date()


class Days:
    """The days that were read, in syncs up to this one.

    Its state is {"date": the newest of them, "read": ranges of those that need not be read again}. That is one range, unless
    a sync was cut off before it came down to the days that an earlier one had read.
    """

    def __init__(self, state: State, now: date) -> None:
        """Continue from a state that `must_be_readable` accepts; `now` is the day of this sync."""
        self._first_again = _first_again(now)
        newest = day_of(state)
        ranges = _ranges(state)
        if newest is not None and READ not in state:
            # A state written by hand: a sync has read everything up to its day.
            ranges = [(date.min, _first_again(newest))]
        # Without the future: a clock that was ahead has read days before they came.
        self._newest = newest and min(newest, now)
        self._ranges = [(start, min(end, self._first_again)) for start, end in ranges if start <= self._first_again]

    def unread(self, first: date, last: date) -> Iterator[date]:
        """The days from `last` down to `first` that were not read, or whose numbers may have moved since."""
        day = last
        while day >= first:
            if day >= self._first_again or not any(start <= day <= end for start, end in self._ranges):
                yield day
            if day == date.min:
                return
            day -= ONE_DAY

    def add(self, day: date) -> None:
        """Note a day that was read."""
        self._newest = day if self._newest is None else max(self._newest, day)
        # The first of the days that are read again has been read for the last time, unless there is another sync today.
        if day <= self._first_again:
            self._ranges = _merged([*self._ranges, (day, day)])

    @property
    def state(self) -> State:
        """The state, once there is a day."""
        ranges = [[start.isoformat(), end.isoformat()] for start, end in self._ranges]
        return {DATE: str(self._newest), READ: ranges}


def is_ahead(state: State, now: date) -> bool:
    """Whether a state was moved to the future by hand: nothing is to be read until then."""
    newest = day_of(state)
    return newest is not None and newest > now and not state.keys() - {DATE}


def must_be_readable(stream: str, state: State) -> None:
    """Raise ConfigError for a state that no Days can continue from."""
    try:
        day_of(state)
        for start, end in _ranges(state):
            if start > end:
                raise ValueError
    except (ValueError, TypeError):
        raise ConfigError(
            f"The state of stream {stream} cannot be read: {DATE} or {READ} is not what this connector writes. Correct the "
            "state, or reset the stream."
        ) from None


def day_of(state: State) -> date | None:
    """The newest day of a state that `must_be_readable` accepts, if it has one."""
    text = state.get(DATE)
    return None if text is None else _day(text)


def _first_again(day: date) -> date:
    """The first of the days that a sync on this day reads again."""
    return date.fromordinal(max(day.toordinal() - LAST_DAYS + 1, 1))


def _ranges(state: State) -> list[tuple[date, date]]:
    return [(_day(start), _day(end)) for start, end in state.get(READ) or []]


def _day(text: Any) -> date:
    if not isinstance(text, str) or not is_date(text[:10]):
        raise ValueError
    return date.fromisoformat(text[:10])


def _merged(ranges: list[tuple[date, date]]) -> list[tuple[date, date]]:
    """The same days in as few ranges as possible."""
    merged: list[tuple[date, date]] = []
    for start, end in sorted(ranges):
        if merged and start <= merged[-1][1] + ONE_DAY:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged

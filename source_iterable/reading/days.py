"""Streams that are read day by day: which days a sync reads, and what its state says about them."""

from __future__ import annotations

from abc import abstractmethod
from datetime import date, datetime, timedelta, timezone
from operator import itemgetter
from typing import Any

from source_iterable.reading.stream import Reading, State, Stream, StreamContext, unreadable
from source_iterable.records.timestamps import is_date

DATE = "date"
# The days that need not be read again: the first and the last one, in a list of one range.
READ = "read"
# Days that every sync reads again, up to today: their numbers change until late events have come in.
LAST_DAYS = 3
ONE_DAY = timedelta(days=1)


class DailyStream(Stream):
    """A stream of a record a day of each thing, whose state holds a day."""

    cursor_field = DATE
    exempt_key = True

    def check_state(self, state: State) -> None:
        try:
            day_of(state)
            if any(start > end for start, end in _ranges(state)):
                raise ValueError
        except (ValueError, TypeError):
            raise unreadable(self.name, f"{DATE} or {READ} is not what this connector writes") from None

    def _read(self, context: StreamContext, state: State) -> Reading:
        today = datetime.fromtimestamp(context.client.now(), timezone.utc).date()
        if is_ahead(state, today):
            self.warn_of_future(context, state[DATE])
        else:
            yield from self._read_days(context, state, today)

    @abstractmethod
    def _read_days(self, context: StreamContext, state: State, today: date) -> Reading:
        """Yield what `_read` does, up to today in UTC."""


class Days:
    """The days that were read, in syncs up to this one: one interval.

    Its state is {"date": the newest day, "read": [[first, last]] of the days that need not be read again}. Earlier versions
    had several ranges; the newest counts, and the days of the others are read again.
    """

    def __init__(self, state: State, now: date) -> None:
        """Continue from a state that `check_state` accepts; `now` is the day of this sync."""
        self.first_again = _first_again(now)
        newest, ranges = day_of(state), _ranges(state)
        if newest is not None and READ not in state:
            # A state written by hand: a sync has read everything up to its day.
            ranges = [(date.min, _first_again(newest))]
        # Without the future: a clock that was ahead has read days before they came.
        self._newest = newest and min(newest, now)
        read = [(start, min(end, self.first_again)) for start, end in ranges if start <= self.first_again]
        self._read = max(read, key=itemgetter(1), default=None)

    def unread(self, first: date, last: date) -> list[date]:
        """The days from `first` to `last` that were not read, or whose numbers may have changed since.

        Those since the last sync come first, oldest first; then the older ones, newest first. So what was read is one
        interval, wherever the sync ends.
        """
        if self._read is None:
            return _span(first, last)[::-1]
        start, end = self._read
        newer = _span(max(first, min(end + ONE_DAY, self.first_again)), last)
        older = [day for day in _span(first, min(start, last)) if day < start]
        return newer + older[::-1]

    def is_old(self, day: date) -> bool:
        """Whether an unread day is before all that were read, or its numbers no longer change: nobody waits for it."""
        return day < (self._read[0] if self._read else self.first_again)

    def add(self, day: date) -> None:
        """Note a day that was read."""
        self._newest = day if self._newest is None else max(self._newest, day)
        # The first of the days that are read again has been read for the last time, unless there is another sync today.
        if day <= self.first_again:
            start, end = self._read or (day, day)
            if day > end + ONE_DAY or day + ONE_DAY < start:
                # With other options, other days are read: the interval of before is forgotten.
                start = end = day
            self._read = (min(start, day), max(end, day))

    @property
    def state(self) -> State:
        """The state; without DATE until there is a day."""
        newest = {DATE: str(self._newest)} if self._newest else {}
        return {**newest, READ: [list(map(str, self._read))] if self._read else []}


def is_ahead(state: State, now: date) -> bool:
    """Whether a state was moved to the future by hand: nothing is read until then."""
    newest = day_of(state)
    return newest is not None and newest > now and not state.keys() - {DATE}


def day_of(state: State) -> date | None:
    """The newest day of a state that `check_state` accepts, if it has one."""
    text = state.get(DATE)
    return None if text is None else _day(text)


def _first_again(day: date) -> date:
    """The first of the days that a sync on this day reads again."""
    return date.fromordinal(max(day.toordinal() - LAST_DAYS + 1, 1))


def _span(first: date, last: date) -> list[date]:
    """The days from `first` to `last`."""
    return [date.fromordinal(number) for number in range(first.toordinal(), last.toordinal() + 1)]


def _ranges(state: State) -> list[tuple[date, date]]:
    return [(_day(start), _day(end)) for start, end in state.get(READ) or []]


def _day(text: Any) -> date:
    if not isinstance(text, str) or not is_date(text[:10]):
        raise ValueError
    return date.fromisoformat(text[:10])

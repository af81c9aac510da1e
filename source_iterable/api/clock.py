"""What responses show besides their data: Iterable's time, and whether it accepts the API key.

No other module reads a clock to plan or compare.
"""

from __future__ import annotations

import email.utils
import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timezone

from source_iterable.errors import BadKey, Forbidden, IterableError, LocalError, ServerError, Stopped

_Time = Callable[[], float]
# Seconds that this machine may differ from Iterable without a warning.
MOST_OFF = 60.0
# Later dates, after the year 9000, are errors.
_LATEST = 221_845_392_000.0
# Endpoints that every project has.
_PATHS = ("channels", "lists")


class Clock:
    """Learns Iterable's time from its responses. Thread-safe. `machine` and `monotonic` return seconds."""

    def __init__(self, logger: logging.Logger, machine: _Time = time.time, monotonic: _Time = time.monotonic) -> None:
        self._logger = logger
        self._machine = machine
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._has_warned = False
        # Iterable's time less the monotonic clock.
        self._offset: float | None = None
        # Whether any response has arrived, with or without a date.
        self.has_heard = False

    def hear(self, headers: Mapping[str, str]) -> None:
        """Note the time in the headers of a response that begins now.

        The latest time counts: a response may have waited in a cache or proxy, but none comes from the future.
        """
        date = http_date(headers.get("Date", ""))
        with self._lock:
            self.has_heard = True
            if date is None or date > _LATEST:
                return
            age = headers.get("Age", "").strip()  # seconds in caches; more than about a day is an error
            offset = date + (int(age) if age.isdecimal() and len(age) < 6 else 0) - self._monotonic()
            self._offset = offset if self._offset is None else max(offset, self._offset)
            here, there = self._machine(), self.at_iterable()
            if abs(here - there) <= MOST_OFF or self._has_warned:
                return
            self._has_warned = True
        off = f"{abs(here - there):,.0f} seconds {'ahead of' if here > there else 'behind'} Iterable's"
        times = f"{iso_time(here)} here, {iso_time(there)} there"
        self._logger.warning(f"The clock of this machine is {off} ({times}): set it right. The earlier time is used.")

    def at_iterable(self) -> float:
        """Iterable's time in seconds since the epoch; this machine's if no response had a date."""
        return self._machine() if self._offset is None else self._offset + self._monotonic()

    def now(self) -> float:
        """Seconds since the epoch: the earlier of Iterable's time and this machine's.

        Whatever Iterable records later is read by a later sync. With a time in the future it would be missed.
        """
        return min(self._machine(), self.at_iterable())


class Key:
    """Whether Iterable accepts the API key. Thread-safe.

    `probe` requests a path; it raises BadKey for any 401, and other IterableErrors.
    """

    def __init__(self, probe: Callable[[str], object], clock: Clock) -> None:
        self._probe = probe
        self._clock = clock
        self._lock = threading.Lock()
        # Whether Iterable accepts it; None if that is not known yet. Any success says so.
        self.is_accepted: bool | None = None
        # How each request for Iterable's time failed.
        self._failures: list[IterableError] = []

    def works(self, refused: str = "") -> bool:
        """Whether Iterable accepts the key, though not at the path `refused`: a key may lack single endpoints (seen).

        False if no endpoint answers that; the next call tries again.
        """
        with self._lock:
            if self.is_accepted is None:
                try:
                    self._try(refused)
                except (Stopped, LocalError):
                    raise
                except IterableError:
                    return False
            return self.is_accepted is True

    def hear(self) -> None:
        """Set the clock by any response. Threads that wait while another one requests it share its failure."""
        tried = len(self._failures)
        with self._lock:
            if self._clock.has_heard:
                return
            if len(self._failures) > tried:
                raise self._failures[-1]
            try:
                self._try()
            except IterableError as error:
                if not self._clock.has_heard:
                    self._failures.append(error)
                    raise

    def _try(self, refused: str = "") -> None:
        """Find out: one success means accepted, refusals by all endpoints mean refused. Raises IterableError otherwise.

        An endpoint that is out of order says nothing about the key, and must not stop streams that do not need it.
        """
        failure: ServerError | None = None
        for path in [path for path in _PATHS if path != refused]:
            try:
                self._probe(path)
                return
            except (BadKey, Forbidden):
                pass
            except ServerError as error:
                failure = error
        if failure is not None:
            raise failure
        self.is_accepted = bool(self.is_accepted)  # another thread may have had a success meanwhile


def iso_time(seconds: float) -> str:
    """Seconds since the epoch as an RFC 3339 time in UTC, without fractions."""
    # Not strftime, which writes the year 1 as 1, not as 0001.
    return datetime.fromtimestamp(int(seconds), timezone.utc).isoformat()


def http_date(text: str) -> float | None:
    """A date of a header (RFC 9110) in seconds since the epoch; None if it is not a date."""
    try:
        date = email.utils.parsedate_to_datetime(text)
        # GMT as -0000 parses as a time without a zone.
        return (date if date.tzinfo else date.replace(tzinfo=timezone.utc)).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None

"""Clock: the time at Iterable, and what counts as now. No other module reads a clock to plan or compare."""

from __future__ import annotations

import email.utils
import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timezone

_Time = Callable[[], float]
# Seconds that this machine may differ from Iterable without a warning.
MOST_OFF = 60.0
# Later dates, after the year 9000, are errors.
_LATEST = 221_845_392_000.0


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
            offset = date + _age(headers) - self._monotonic()
            self._offset = offset if self._offset is None else max(offset, self._offset)
            here, there = self._machine(), self.at_iterable()
            if abs(here - there) > MOST_OFF and not self._has_warned:
                self._has_warned = True
                off = f"{abs(here - there):,.0f} seconds {'ahead of' if here > there else 'behind'} Iterable's"
                times = f"({iso_time(here)} here, {iso_time(there)} there)"
                self._logger.warning(
                    f"The clock of this machine is {off} {times}: set it right. The earlier one counts."
                )

    def at_iterable(self) -> float:
        """Iterable's time in seconds since the epoch; this machine's if no response had a date."""
        return self._machine() if self._offset is None else self._offset + self._monotonic()

    def now(self) -> float:
        """Seconds since the epoch: the earlier of Iterable's time and this machine's.

        Whatever Iterable records later is read by a later sync. With a time in the future it would be missed.
        """
        return min(self._machine(), self.at_iterable())


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


def _age(headers: Mapping[str, str]) -> int:
    """Seconds that a response has spent in caches."""
    text = headers.get("Age", "").strip()
    return int(text) if text.isdecimal() and len(text) < 6 else 0  # about a day; more is an error

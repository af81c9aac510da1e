"""Rate budgets: wait before sending a request, so that Iterable never returns 429.

Why not the CDK's `APIBudget`: it counts a request when it may leave, not when it arrives, so two requests with different
latencies can reach Iterable closer together than the limit allows; it wakes all waiting threads at once; and its sleep
can be neither observed nor interrupted. Here a request holds its permit until its response begins, and one thread at a
time waits. Measured with 40 threads, 4 requests per 0.6 seconds and latencies of 2 to 30 milliseconds: with the CDK's budget
the server saw a fifth request within 0.6 seconds six times, with this one never; all 40 took 5.44 and 5.63 seconds (5.4
is the minimum).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import NamedTuple

# Seconds after which a request without a response counts as arrived: some responses take an hour to begin.
MAX_TRANSIT = 2.0

# Seconds after which a thread that waits for its turn tells so.
TELL_SECONDS = 1.0

# Limits from the API reference: (path prefixes, requests, seconds). The first row with a matching prefix applies; other
# endpoints: 10 requests a second. The three export job calls share one budget, which is safe however Iterable counts.
LIMITS: list[tuple[tuple[str, ...], int, float]] = [
    (("export/data.",), 4, 60.0),
    (("export/userEvents", "export/jobs"), 10, 1.0),
    (("export/",), 1, 1.0),
    (("lists/",), 5, 60.0),
    (("campaigns/metrics",), 10, 60.0),
    (("users/",), 3, 1.0),
    (("campaigns", "channels", "lists", "messageTypes", "templates", "catalogs"), 100, 1.0),
    (("",), 10, 1.0),
]


class NotYet(NamedTuple):
    """No permit now; retry after this many seconds."""

    seconds: float


class Permit:
    """Permission for one request, as a context manager around sending it."""

    def __init__(self, budget: RateBudget, taken: float) -> None:
        self._budget = budget
        self.taken = taken
        self.arrival: float | None = None

    def __enter__(self) -> Permit:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._budget.arrived(self)


class Turn:
    """A lock around waiting for a limit: one thread waits, and all others can tell how long."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tell: Callable[[float], None] = lambda seconds: None
        self._over = 0.0

    @contextmanager
    def taken(self, tell: Callable[[float], None]) -> Iterator[Turn]:
        """Take it, once all others are through. `tell` is called with the seconds until the limit lets one through."""
        while not self._lock.acquire(timeout=TELL_SECONDS):
            tell(max(self._over - time.monotonic(), 0.0))
        try:
            self._tell = tell
            yield self
        finally:
            self._lock.release()

    def wait(self, seconds: float, wait: Callable[[float], None]) -> None:
        """Wait for the limit by calling `wait(seconds)`. Only in the block of `taken`."""
        self._over = time.monotonic() + seconds
        self._tell(seconds)
        wait(seconds)


class RateBudget:
    """At most `limit` requests in any `period` seconds, shared by all threads."""

    def __init__(self, limit: int, period: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._period = period
        self._clock = clock
        self._lock = threading.Lock()
        self._turn = Turn()
        self._permits: list[Permit] = []

    def try_acquire(self) -> Permit | NotYet:
        """A permit, or when to retry. Never waits."""
        with self._lock:
            now = self._clock()
            for permit in self._permits:
                if permit.arrival is None and now - permit.taken >= MAX_TRANSIT:
                    permit.arrival = permit.taken + MAX_TRANSIT
            self._permits = [p for p in self._permits if p.arrival is None or now - p.arrival <= self._period]
            if len(self._permits) < self._limit:
                self._permits.append(Permit(self, now))
                return self._permits[-1]
            arrivals = [permit.arrival for permit in self._permits if permit.arrival is not None]
            if arrivals:
                return NotYet(max(min(arrivals) + self._period - now, 0.0) + 0.001)
            return NotYet(min(self._period, MAX_TRANSIT) / 10)

    def acquire(self, wait: Callable[[float], None], tell: Callable[[float], None] = lambda seconds: None) -> Permit:
        """Wait for a permit by calling `wait(seconds)`. One thread at a time.

        `tell` is called with the seconds until the next permit, also for the threads behind the one that waits for it.
        """
        with self._turn.taken(tell) as turn:
            while isinstance(permit := self.try_acquire(), NotYet):
                turn.wait(permit.seconds, wait)
            return permit

    def arrived(self, permit: Permit) -> None:
        """Note that this permit's request got its response, or never will."""
        with self._lock:
            if permit.arrival is None:
                permit.arrival = self._clock()


class RateBudgets:
    """The budgets of all endpoints: `factor` times Iterable's published limits. `clock` returns seconds."""

    def __init__(self, factor: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._factor = factor
        self._rows = [(prefixes, RateBudget(limit, period / factor, clock)) for prefixes, limit, period in LIMITS]

    def why_exceeded(self) -> str:
        """Why Iterable may answer 429 although the budgets are kept, as the end of a sentence."""
        if self._factor > 1:
            return (
                f". This sync may send {self._factor:g} times Iterable's published limits (rate_limit_factor): more than "
                "this account allows, or another program uses the same project."
            )
        return " although this sync keeps to the rate limit: another program probably uses the same project."

    def for_path(self, path: str) -> RateBudget:
        """The budget of an endpoint, by its path below the API root."""
        return next(budget for prefixes, budget in self._rows if path.startswith(prefixes))

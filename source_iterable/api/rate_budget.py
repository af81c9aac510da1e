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
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NamedTuple, TypeVar

T = TypeVar("T")

# Seconds after which a request without a response counts as arrived: some responses take an hour to begin.
MAX_TRANSIT = 2.0

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


class Permit(AbstractContextManager["Permit"]):
    """Permission for one request, as a context manager around sending it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._taken = clock()
        self.arrival: float | None = None

    def counts_from(self, now: float) -> float:
        """When the request reached Iterable, at the latest."""
        return self.arrival or min(self._taken + MAX_TRANSIT, now)

    def __exit__(self, *exception: object) -> None:
        """Note that the request got its response, or never will."""
        self.arrival = self._clock()


class Turn:
    """Threads that wait for one limit, one after the other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ends = 0.0

    def ends(self) -> float:
        """When the limit lets the first of them through, by time.monotonic()."""
        return self._ends

    def wait(self, attempt: Callable[[], T | NotYet], wait: Callable[[float], None]) -> T:
        """Call `attempt` until it returns something else than NotYet, with `wait(seconds)` in between."""
        with self._lock:
            while isinstance(result := attempt(), NotYet):
                self._ends = time.monotonic() + result.seconds
                wait(result.seconds)
            return result


class RateBudget:
    """At most `limit` requests in any `period` seconds, shared by all threads."""

    def __init__(self, limit: int, period: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._period = period
        self._clock = clock
        self._lock = threading.Lock()
        self._permits: list[Permit] = []
        self.turn = Turn()

    def try_acquire(self) -> Permit | NotYet:
        """A permit, or when to retry. Never waits."""
        with self._lock:
            now = self._clock()
            self._permits = [each for each in self._permits if now - each.counts_from(now) <= self._period]
            if len(self._permits) < self._limit:
                self._permits.append(Permit(self._clock))
                return self._permits[-1]
            first = min(permit.counts_from(now) for permit in self._permits)
            return NotYet(max(first + self._period - now, 0.0) + 0.001)

    def acquire(self, wait: Callable[[float], None]) -> Permit:
        """Wait for a permit by calling `wait(seconds)`. One thread at a time."""
        return self.turn.wait(self.try_acquire, wait)


class RateBudgets:
    """The budgets of all endpoints: `factor` times Iterable's published limits. `clock` returns seconds."""

    def __init__(self, factor: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._factor = factor
        self._rows = [(prefixes, RateBudget(limit, period / factor, clock)) for prefixes, limit, period in LIMITS]

    def why_exceeded(self) -> str:
        """Why Iterable may answer 429 although the budgets are kept, as the end of a sentence."""
        if self._factor > 1:
            return f": rate_limit_factor {self._factor:g} may be too high, or another program uses the same project."
        return " although this sync keeps to the rate limit: another program probably uses the same project."

    def for_path(self, path: str) -> RateBudget:
        """The budget of an endpoint, by its path below the API root."""
        return next(budget for prefixes, budget in self._rows if path.startswith(prefixes))

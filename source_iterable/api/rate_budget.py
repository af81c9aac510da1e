"""Rate budgets: wait before sending a request, so that Iterable never returns 429.

Iterable counts a request when it arrives, but what is seen here is when its response begins. A permit that ends one period
after that is safe but late: by the way back, and by the way of the next request, which has to arrive as well. So it ends
earlier by the shortest of the last response times less half their median: half a response time where latency is steady, and
nothing where it jitters. As long as no response takes less time than its request took to arrive, no request comes too early,
however suddenly latency changes; nor did one in hours of jitter (benchmarks/README.md). Twice as early would be too early:
for ten requests when latency falls from 0.3 to 0.02 seconds.

Why not the CDK's `APIBudget`: it counts a request when it may leave, not when it arrives, so two requests with different
latencies can reach Iterable closer together than the limit allows; it wakes all waiting threads at once; and its sleep
can be neither observed nor interrupted. Here one thread at a time waits. Measured with 40 threads, 4 requests per 0.6
seconds and latencies of 2 to 30 milliseconds: with the CDK's budget the server saw a fifth request within 0.6 seconds 13
times, with this one never; all 40 took 5.45 and 5.61 seconds (5.4 is the minimum).
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from statistics import median
from typing import NamedTuple, TypeVar

T = TypeVar("T")

# Seconds that a request may take longer to arrive than another. Some responses take an hour to begin; a request then counts
# from so long after it was sent.
MAX_TRANSIT = 2.0

# Response times that a budget remembers, and how many it needs to tell steady latency from jitter.
REMEMBERED = 256
ENOUGH = 20

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
    """Permission for one request, as a context manager around sending it; `learn` is told how long a response took."""

    def __init__(self, clock: Callable[[], float], learn: Callable[[float], None]) -> None:
        self._clock = clock
        self._learn = learn
        self._sent = clock()
        # When the response began, or it became known that there is none.
        self.arrival: float | None = None

    def counts_from(self, now: float, head_start: float) -> float:
        """From when it counts: so long before its response began, which may be now at the earliest."""
        response = now if self.arrival is None else self.arrival
        return min(response - head_start, self._sent + MAX_TRANSIT)

    def __enter__(self) -> Permit:
        self._sent = self._clock()
        return self

    def __exit__(self, *exception: object) -> None:
        """Note that the request got its response, or never will."""
        self.arrival = self._clock()
        if not any(exception):
            self._learn(self.arrival - self._sent)


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
        self._response_times: deque[float] = deque(maxlen=REMEMBERED)
        self._head_start = 0.0
        self.turn = Turn()

    def try_acquire(self) -> Permit | NotYet:
        """A permit, or when to retry. Never waits."""
        with self._lock:
            now = self._clock()
            self._permits = [each for each in self._permits if self._seconds_left(each, now) >= 0]
            if len(self._permits) < self._limit:
                self._permits.append(Permit(self._clock, self._learn))
                return self._permits[-1]
            return NotYet(min(self._seconds_left(each, now) for each in self._permits) + 0.001)

    def within(self, seconds: float) -> int:
        """How many permits there are from now until so many seconds from now, if each is taken as soon as it is free."""
        with self._lock:
            now = self._clock()
            free = [0.0] * (self._limit - len(self._permits))
            free += [max(self._seconds_left(each, now), 0.0) for each in self._permits]
        return sum(int((seconds - at) // self._period) + 1 for at in free if at <= seconds)

    def acquire(self, wait: Callable[[float], None]) -> Permit:
        """Wait for a permit by calling `wait(seconds)`. One thread at a time."""
        return self.turn.wait(self.try_acquire, wait)

    def _seconds_left(self, permit: Permit, now: float) -> float:
        return permit.counts_from(now, self._head_start) + self._period - now

    def _learn(self, response_time: float) -> None:
        with self._lock:
            self._response_times.append(response_time)
            if len(self._response_times) >= ENOUGH:
                head_start = min(self._response_times) - median(self._response_times) / 2
                # Less than the period, or a permit would end before its response begins.
                self._head_start = min(max(head_start, 0.0), 0.9 * self._period)


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

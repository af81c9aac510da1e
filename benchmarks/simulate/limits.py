"""Iterable's rate limits, counted where requests arrive: as a leaky bucket, and as a sliding window."""

from __future__ import annotations

import re
from collections import Counter, deque
from typing import NamedTuple, Protocol

# Of floating-point seconds.
_ROUNDING = 1e-9


class Limit(NamedTuple):
    """So many requests in so many seconds for the requests, `METHOD path`, that match."""

    name: str
    requests: str
    most: int
    seconds: float


# From the API reference; export jobs are limited by organization, whatever the request. Others are not limited here.
LIMITS = [
    Limit("streamed exports", r"GET export/data\.", 4, 60.0),
    Limit("users' events", r"GET export/userEvents", 10, 1.0),
    Limit("export jobs", r"\w+ export/", 1, 1.0),
    Limit("users of lists", r"GET lists/", 5, 60.0),
    Limit("campaign metrics", r"GET campaigns/metrics", 10, 60.0),
    Limit("users", r"GET users/", 3, 1.0),
    Limit("lists of things", r"GET (campaigns|channels|lists|messageTypes|templates|catalogs)", 100, 1.0),
]


class Limiter(Protocol):
    """Decides about the requests to what one limit is for."""

    def accepts(self, now: float) -> bool:
        """Whether a request that arrives now is answered. A refused one does not count."""


class LeakyBucket:
    """Holds `most` requests; one leaks out every `seconds / most`."""

    def __init__(self, limit: Limit) -> None:
        self._most, self._rate = limit.most, limit.most / limit.seconds
        self._level = self._since = 0.0

    def accepts(self, now: float) -> bool:
        level = max(self._level - (now - self._since) * self._rate, 0.0)
        if level + 1 > self._most + _ROUNDING:
            return False
        self._level, self._since = level + 1, now
        return True


class SlidingWindow:
    """At most `most` requests in any `seconds`."""

    def __init__(self, limit: Limit) -> None:
        self._most, self._seconds = limit.most, limit.seconds
        self._arrivals: deque[float] = deque()

    def accepts(self, now: float) -> bool:
        while self._arrivals and self._arrivals[0] <= now - self._seconds + _ROUNDING:
            self._arrivals.popleft()
        if len(self._arrivals) >= self._most:
            return False
        self._arrivals.append(now)
        return True


class Limiters:
    """All limits, both ways. `refused` counts, by the kind of limiter, what each would have refused."""

    def __init__(self) -> None:
        self.refused: Counter[str] = Counter()
        self._rows: list[tuple[re.Pattern[str], dict[str, Limiter]]] = [
            (re.compile(limit.requests), {"leaky": LeakyBucket(limit), "sliding": SlidingWindow(limit)})
            for limit in LIMITS
        ]

    def refusing(self, request: str, now: float) -> list[str]:
        """The kinds of limiters that refuse a request, `METHOD path`, that arrives now."""
        for pattern, limiters in self._rows:
            if pattern.match(request):
                refusing = [kind for kind, limiter in limiters.items() if not limiter.accepts(now)]
                self.refused.update(refusing)
                return refusing
        return []

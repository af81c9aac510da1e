"""Iterable's rate limits: a leaky bucket for each budget."""

from typing import NamedTuple


class Limit(NamedTuple):
    """So many requests in so many seconds. The endpoints share it; a first segment includes all below."""

    requests: int
    period: float
    endpoints: tuple[str, ...]


# The first row that names an endpoint applies. The reference states these limits; what it does not name stays at or under
# ten a second, which is the last row.
LIMITS = (
    Limit(4, 60.0, ("export/data.json", "export/data.csv")),
    Limit(1, 1.0, ("export/start", "export/{jobId}/files", "export/{jobId}")),
    Limit(5, 60.0, ("lists/getUsers", "lists/previewUsers", "lists/{listId}/size")),
    Limit(10, 60.0, ("campaigns/metrics",)),
    Limit(3, 1.0, ("users/getFields", "users/forgotten", "users/forgottenUserIds")),
    Limit(100, 1.0, ("campaigns", "channels", "lists", "messageTypes", "templates", "catalogs")),
    Limit(10, 1.0, ()),
)


def limit_of(endpoint: str) -> Limit:
    """The limit of an endpoint."""
    names = {endpoint, endpoint.partition("/")[0]}
    return next((limit for limit in LIMITS if names.intersection(limit.endpoints)), LIMITS[-1])


class LeakyBucket:
    """Holds `capacity` requests and leaks them evenly over `period` seconds; a request that would overflow it is refused."""

    def __init__(self, capacity: int, period: float) -> None:
        self._capacity, self._leak = capacity, capacity / period
        self._level = self._at = 0.0

    def wait(self, at: float) -> float:
        """Pour one request in at this time: 0.0 if it fits. Otherwise nothing is poured; the seconds until it would fit."""
        self._level, self._at = max(0.0, self._level - (at - self._at) * self._leak), at
        over = self._level + 1.0 - self._capacity
        # A clock's rounding must not refuse a request that comes exactly in time.
        if over > 1e-6:
            return over / self._leak
        self._level += 1.0
        return 0.0


class Limits:
    """All budgets of the project, `factor` times as fast as Iterable's; 0 or None turns them off."""

    def __init__(self, factor: float | None) -> None:
        self._buckets = {limit: LeakyBucket(limit.requests, limit.period / factor) for limit in LIMITS if factor}

    def wait(self, endpoint: str, at: float) -> float:
        """0.0 if a request may pass at this time; otherwise the seconds until it may."""
        bucket = self._buckets.get(limit_of(endpoint))
        return 0.0 if bucket is None else bucket.wait(at)

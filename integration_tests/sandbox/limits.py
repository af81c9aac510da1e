"""Iterable's rate limits: a leaky bucket for each."""

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


class Limits:
    """All limits of the project, `factor` times as fast as Iterable's; 0 or None turns them off."""

    def __init__(self, factor: float | None) -> None:
        self._factor = factor
        self._levels: dict[Limit, tuple[float, float]] = {}  # of each bucket, and at which time

    def wait(self, endpoint: str, at: float) -> float:
        """Pour a request into its bucket at this time: 0.0 if it fits, otherwise the seconds until it would."""
        names = {endpoint, endpoint.partition("/")[0]}
        limit = next((each for each in LIMITS if names.intersection(each.endpoints)), LIMITS[-1])
        if not self._factor:
            return 0.0
        leak = limit.requests / (limit.period / self._factor)
        level, since = self._levels.get(limit, (0.0, at))
        level = max(0.0, level - (at - since) * leak)
        over = level + 1.0 - limit.requests
        fits = over <= 1e-6  # a clock's rounding must not refuse a request that comes exactly in time
        self._levels[limit] = (level + 1.0 if fits else level, at)
        return 0.0 if fits else over / leak

"""Durations: learns how long a transport takes for a window, by its size."""

from __future__ import annotations

import time
from collections import deque
from statistics import linear_regression, median

# Windows that are remembered, and for how many seconds: Iterable is faster at some hours than at others, and what was slow
# should be tried again.
_REMEMBERED, _FRESH = 16, 2 * 3600.0
# Bytes. Sizes that differ by less say nothing about what a byte costs.
_FAR_APART = 50 * 10**6


class Durations:
    """What the last windows have taken. Without any, `prior` seconds are expected. Thread-safe."""

    def __init__(self, prior: float) -> None:
        self._prior = prior
        # With when each was seen, by time.monotonic().
        self._seen: deque[tuple[float, int, float]] = deque(maxlen=_REMEMBERED)
        # The last one of each data type that was read.
        self.last: dict[str, tuple[int, float]] = {}

    @property
    def is_known(self) -> bool:
        """Whether there was a window."""
        return bool(self._fresh())

    def learn(self, data_type: str, size: int, seconds: float) -> None:
        """Note that a window of `size` bytes of a data type took so many seconds."""
        self.last[data_type] = size, round(seconds, 1)
        self.suppose(size, seconds)

    def suppose(self, size: int, seconds: float) -> None:
        """Expect what a window took in an earlier sync, or what one that was given up might have."""
        self._seen.append((time.monotonic(), size, seconds))

    def expected(self, size: int) -> float:
        """Seconds that a window of `size` bytes probably takes; 0 bytes if its size is unknown."""
        if not (seen := self._fresh()):
            return self._prior
        sizes, seconds = [size for size, _ in seen], [seconds for _, seconds in seen]
        slope = 0.0
        if max(sizes) - min(sizes) >= _FAR_APART:
            slope = max(linear_regression(sizes, seconds).slope, 0.0)
        # The median: one that got stuck says little about the others.
        return max(median(took - slope * of for of, took in seen) + slope * size, min(seconds))

    def _fresh(self) -> list[tuple[int, float]]:
        since = time.monotonic() - _FRESH
        return [(size, seconds) for at, size, seconds in list(self._seen) if at > since]

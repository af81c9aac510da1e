"""A transport without a network, and windows that are wanted."""

from __future__ import annotations

import io
from collections.abc import Iterator

from source_iterable.api.rate_budget import NotYet
from source_iterable.api.spooled import SpooledResponse
from source_iterable.errors import IterableError
from source_iterable.exports.demand import Demand, Opening
from source_iterable.exports.durations import Durations
from source_iterable.exports.transport import Elsewhere, Read
from source_iterable.exports.windows import UNIT_BYTES, Window, WindowPlan


class FakeTransport:
    """A transport that takes `seconds`, has capacity for `free` windows, and for as many again after each `period` seconds.

    It raises `failures` by data type, and yields two responses for all others.
    """

    def __init__(self, name: str, free: int = 10**6, seconds: float = 1.0, period: float = 60.0) -> None:
        self.name = name
        self.max_bytes = 10**13
        self.window_bytes = self.spool_bytes = UNIT_BYTES
        self.durations = Durations(seconds)
        self.free, self.period = free, period
        self.capacity = free
        self.failures: dict[str, IterableError] = {}
        self.asked: list[str] = []
        self.windows: list[Window] = []
        self.closed = False

    def try_acquire(self) -> Read | NotYet:
        if not self.free:
            return NotYet(self.period)
        self.free -= 1
        return self._read

    def within(self, seconds: float) -> int:
        return 0 if seconds < 0 else self.free + int(seconds / self.period) * self.capacity

    def close(self) -> None:
        self.closed = True

    def _read(self, data_type: str, window: Window, elsewhere: Elsewhere) -> Iterator[SpooledResponse]:
        self.asked.append(data_type)
        self.windows.append(window)
        if data_type in self.failures:
            raise self.failures[data_type]
        for content in (f"{self.name}\n".encode(), b"second\n"):
            yield SpooledResponse(io.BytesIO(content), len(content))


class Wanted(Demand):
    """Some windows of a stream of so many bytes in 100 days (0: unknown), and what was given to which transport."""

    def __init__(self, data_type: str, size: int = 0) -> None:
        super().__init__(data_type)
        self.plan = WindowPlan(0, 8_640_000, size / 8_640_000)
        self.given: list[tuple[str, int]] = []
        self.spooled = 0

    @property
    def bytes_left(self) -> int | None:
        return self.plan.bytes_left if self.plan.left else None

    @property
    def spooled_bytes(self) -> int:
        return self.spooled

    @property
    def is_open(self) -> bool:
        return self.plan.left and len(self.given) < self.plan.at_once

    def cut(self, size: int) -> Window:
        return self.plan.cut(size)

    def take(self, opening: Opening, spool_bytes: int) -> None:
        self.given.append((opening.transport.name, round(opening.window.expected_bytes / 10**6)))
        self.spooled += spool_bytes

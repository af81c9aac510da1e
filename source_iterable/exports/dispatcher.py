"""Dispatcher: gives windows to the transports, each to the one that will have read it first."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from source_iterable.api.client import IterableClient
from source_iterable.api.rate_budget import NotYet
from source_iterable.errors import Stopped
from source_iterable.exports.demand import Again, Demand, Opening
from source_iterable.exports.transport import Transport
from source_iterable.exports.usable import UsableTransports
from source_iterable.exports.windows import UNIT_BYTES, Window, units

# Bytes of temporary files: of windows that are read, or have been and wait for those before them in their stream.
DISK_BYTES = 10**9
# The share of them that is kept for transports that take little, at most so much: the one for the largest windows is not to
# wait until those that were read meanwhile have been consumed.
_KEPT, _LITTLE = 0.25, 0.1
# A window may be larger than expected.
MARGIN = 1.25
# Bytes of a window for a transport of which nothing is known yet: a larger one might take very long.
FIRST_BYTES = 300 * 10**6
# A transport brings less than it promises: it also takes requests, and time for its files.
_WORTH = 0.8
# Bytes by which windows differ in size.
_STEP_BYTES = 50 * 10**6


class Dispatcher:
    """Gives windows to transports, in a thread of its own.

    A transport that has capacity gets a window, unless the others will have read all that waits before it has read one. So
    all are busy until the end, and nothing waits for a slow one that a fast one could have read.

    `made` makes the transports, given what each calls when it may have capacity.
    """

    def __init__(self, client: IterableClient, made: Callable[[Callable[[], None]], list[Transport]]) -> None:
        self.usable = UsableTransports(made(self.wake))
        self._client = client
        self._changed = threading.Condition()
        self._demands: dict[Demand, None] = {}
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._failure: Exception | None = None
        # When a transport has capacity again by the clock, by time.monotonic().
        self._next = 0.0
        client.when_stopped(self.wake)

    @contextmanager
    def serving(self, demand: Demand) -> Iterator[None]:
        """Give windows to a demand while the block runs."""
        with self.changing():
            if self._thread is None:
                thread = threading.Thread(target=self._dispatch, name="export windows", daemon=True)
                # May fail; then the next stream tries it again.
                thread.start()
                self._thread = thread
            self._demands[demand] = None
        try:
            yield
        finally:
            with self.changing():
                del self._demands[demand]

    def wait(self, until: Callable[[], object]) -> None:
        """Wait until this holds for a demand that is served. Raises Stopped, or what ended the thread."""

        def ends() -> float:
            # This thread may take a moment to notice that it waits for nothing.
            return 0.0 if until() else self._next

        with self._client.progress.waiting("the export rate limit", ends), self._changed:
            self._changed.wait_for(lambda: until() or self._failure or self._is_closed or self._client.is_stopped)
        self._client.wait(0)
        if self._failure is not None:
            raise self._failure
        if not until():
            raise Stopped("The sync has ended.")

    def acquire(self, data_type: str, window: Window) -> Opening:
        """Wait for a transport for one window, ahead of all that nobody waits for. Raises as `wait` does."""
        again = Again(data_type, window)
        with self.serving(again):
            self.wait(lambda: again.opening)
        assert again.opening is not None
        return again.opening

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Around a change of a demand."""
        with self._changed:
            yield
            self._changed.notify_all()

    def wake(self) -> None:
        """Note that a transport may have capacity, or that the sync ends."""
        with self.changing():
            pass

    def close(self) -> None:
        """Give no more windows."""
        with self.changing():
            self._is_closed = True

    def is_faster_elsewhere(self, transport: Transport, data_type: str, window: Window, seconds: float) -> bool:
        """Whether another transport has nothing to do, and would read a window in half of so many seconds."""
        number = min(units(window.expected_bytes), window.seconds)
        size = window.expected_bytes // number
        with self._changed:
            return any(
                other is not transport
                and size <= other.max_bytes
                and self._best_for(other) is None
                and other.within(0.0) > 0
                and other.within(seconds / 2 - other.durations.expected(size)) >= number
                for other in self.usable.of(data_type)
            )

    def _dispatch(self) -> None:
        with self._changed:
            try:
                while not self._client.is_stopped and not self._is_closed:
                    pause = self._assign()
                    self._next = time.monotonic() + (pause or 0.0)
                    self._changed.wait(pause)
            except Exception as error:
                # Such as no more threads: whoever waits for a window raises it.
                self._failure = error
                self._changed.notify_all()

    def _assign(self) -> float | None:
        """Give windows to all transports that have capacity. Returns the seconds until one will have; None: when woken."""
        soonest = math.inf
        for transport in self.usable.all:
            while (demand := self._best_for(transport)) is not None:
                read = transport.try_acquire()
                if isinstance(read, NotYet):
                    soonest = min(soonest, read.seconds)
                    break
                window = demand.cut(self._size(transport, demand))
                expected = int(MARGIN * (window.expected_bytes or UNIT_BYTES))
                demand.take(Opening(transport, window, read), min(expected, transport.spool_bytes))
                self._changed.notify_all()
        return soonest if soonest < math.inf else None

    def _best_for(self, transport: Transport) -> Demand | None:
        """The demand that a transport should read a window of; None if there is none, or the others are faster.

        First what a thread waits for. Then a transport for large windows takes from what is largest, and one for small ones
        what is small or unknown: the large ones are left to the former, and it is soon known which they are.
        """
        room = DISK_BYTES - sum(each.spooled_bytes for each in self._demands)
        needed = min(transport.spool_bytes, MARGIN * UNIT_BYTES)
        has_room = needed <= (room if needed < _LITTLE * DISK_BYTES else room - _KEPT * DISK_BYTES)
        sign = -1 if transport.window_bytes > UNIT_BYTES else 1
        fitting = [
            each
            for each in self._demands
            if each.is_open
            and transport in self.usable.of(each.data_type, each.least_bytes)
            and (each.is_urgent or has_room)
        ]
        best = min(fitting, key=lambda each: (not each.is_urgent, sign * each.units), default=None)
        return best if best is not None and self._left(transport, best) > 0 and self._pays(transport, best) else None

    def _left(self, transport: Transport, demand: Demand) -> int:
        """How many of the windows that wait now will still wait when a transport has read one of a demand."""
        waiting = sum(each.units for each in self._demands)
        # The same for all: two transports, each faster for what the other one is for, would leave everything to each other.
        size = min(sum(each.bytes_left or 0 for each in self._demands) // waiting, UNIT_BYTES)
        for other in self.usable.of(demand.data_type, demand.least_bytes):
            earlier = transport.durations.expected(size) - other.durations.expected(size)
            if other is not transport and earlier > 0:
                waiting -= other.within(earlier)
        return waiting

    def _pays(self, transport: Transport, demand: Demand) -> bool:
        """Whether a transport reads more of a demand than it keeps the others from reading.

        What the others have read of the same stream meanwhile waits on disk for its window, and there is room for a few.
        """
        size = self._size(transport, demand)
        seconds = transport.durations.expected(size)
        meanwhile = sum(
            other.within(seconds - other.durations.expected(UNIT_BYTES))
            for other in self.usable.of(demand.data_type, demand.least_bytes)
            if other is not transport
        )
        elsewhere = sum(each.units for each in self._demands if each is not demand)
        room = (1 - _KEPT) * DISK_BYTES // (MARGIN * UNIT_BYTES)
        return meanwhile - elsewhere - room <= _WORTH * units(size) * max(transport.within(seconds), 1)

    def _size(self, transport: Transport, demand: Demand) -> int:
        """Bytes of the next window for a transport: its share of what the others will leave to it."""
        largest = transport.window_bytes if transport.durations.is_known else min(transport.window_bytes, FIRST_BYTES)
        size = UNIT_BYTES
        known = sum(each.bytes_left or 0 for each in self._demands)
        while size < largest:
            seconds = transport.durations.expected(size)
            others = sum(other.within(seconds) for other in self.usable.of(demand.data_type) if other is not transport)
            # This one, and those of its windows that begin now or soon.
            if known - others * UNIT_BYTES <= size * (1 + transport.within(seconds / 2)):
                break
            size = min(size + _STEP_BYTES, largest)
        return size

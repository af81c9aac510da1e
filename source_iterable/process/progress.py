"""Progress: what a sync is doing and waiting for, logged every twenty seconds."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

T = TypeVar("T")

# The name of the stream that the code reads for. Threads of a stream inherit it, see `inherited`.
STREAM: ContextVar[str | None] = ContextVar("stream", default=None)
# Seconds between two times that a stream tells that it waits for a limit.
TELL_INTERVAL = 60.0
# Seconds between log lines: Airbyte kills a source that is silent for long, and people want to know sooner.
LOG_INTERVAL = 20.0


@dataclass
class StreamProgress:
    """One stream's progress: records and bytes written, the window being read, the share (0 to 1) of its time range read.

    `counts` is what else its last line in the log tells: retries, skipped, and windows by transport.
    """

    records: int = 0
    bytes: int = 0
    window: str = ""
    share: float | None = None
    counts: Counter[str] = field(default_factory=Counter)


class Progress:
    """Collects what the threads of a sync report; one heartbeat thread logs it.

    Thread-safe.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._lock = threading.Lock()
        self._waits: dict[int, tuple[str, float]] = {}
        self._numbers = itertools.count()
        self._streams: dict[str, StreamProgress] = {}
        self._stop = threading.Event()
        self._listeners: dict[str, Callable[[float], None]] = {}
        self._told: dict[str, float] = {}

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Note that this thread waits for `what` while the block runs."""
        number = next(self._numbers)
        with self._lock:
            self._waits[number] = (what, time.monotonic())
        try:
            yield
        finally:
            with self._lock:
                del self._waits[number]

    @contextmanager
    def telling(self, name: str, listener: Callable[[float], None]) -> Iterator[None]:
        """While the block runs, which reads a stream, `listener` is told when its waits for a limit of Iterable end.

        That is a time in seconds since the epoch; at most once in TELL_INTERVAL.
        """
        STREAM.set(name)
        self._listeners[name] = listener
        try:
            yield
        finally:
            del self._listeners[name]

    def limited(self, seconds: float) -> None:
        """Tell that the stream of this thread waits for a limit of Iterable, which ends in `seconds`."""
        name = STREAM.get()
        listener = self._listeners.get(name or "")
        if name is None or listener is None:
            return
        with self._lock:
            now = time.monotonic()
            if now - self._told.get(name, -TELL_INTERVAL) < TELL_INTERVAL:
                return
            self._told[name] = now
        listener(time.time() + seconds)

    def advance(self, name: str, records: int = 0, size: int = 0, window: str = "", share: float | None = None) -> None:
        """Add `records` and `size` bytes to a stream; set its window and the share (0 to 1) of its time range read."""
        with self._lock:
            progress = self._streams.setdefault(name, StreamProgress())
            progress.records += records
            progress.bytes += size
            progress.window = window or progress.window
            progress.share = progress.share if share is None else share

    def count(self, what: str) -> None:
        """Count a retry, a skipped item or a window for the stream that this thread reads for."""
        if (name := STREAM.get()) is not None:
            with self._lock:
                self._streams.setdefault(name, StreamProgress()).counts[what] += 1

    def lines(self) -> list[str]:
        """One line per stream being read, and one per thing waited for."""
        streams = [_stream_line(name, stream) for name, stream in self.snapshot().items() if stream.share != 1.0]
        return streams + self.waiting_lines()

    def waiting_lines(self) -> list[str]:
        """One line per thing waited for."""
        now = time.monotonic()
        waits: dict[str, list[float]] = {}
        with self._lock:
            for what, since in self._waits.values():
                waits.setdefault(what, []).append(now - since)
        return [_waiting_line(what, ages) for what, ages in sorted(waits.items())]

    def snapshot(self) -> dict[str, StreamProgress]:
        """Every stream's progress at this moment."""
        with self._lock:
            return {name: replace(stream) for name, stream in self._streams.items()}

    def stream(self, name: str) -> StreamProgress:
        """One stream's progress at this moment."""
        with self._lock:
            return replace(self._streams.get(name, StreamProgress()))

    @contextmanager
    def heartbeat(self) -> Iterator[None]:
        """Log `lines()` every LOG_INTERVAL seconds while the block runs."""
        thread = threading.Thread(target=self._beat, name="progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()

    def _beat(self) -> None:
        while not self._stop.wait(LOG_INTERVAL):
            for line in self.lines() or ["Working"]:
                self._logger.info(line)


def inherited(work: Callable[..., T]) -> Callable[..., T]:
    """Work for another thread, which then works for the same stream."""
    return partial(copy_context().run, work)


def _waiting_line(what: str, ages: list[float]) -> str:
    times = "" if len(ages) == 1 else f", {len(ages)} times"
    return f"Waiting for {what} ({max(ages):.0f} s{times})"


def _stream_line(name: str, progress: StreamProgress) -> str:
    share = "" if progress.share is None else f", {progress.share:.0%} of its time range"
    window = f", window {progress.window}" if progress.window else ""
    return f"{name}: {progress.records:,} records, {progress.bytes / 1e6:,.1f} MB{share}{window}"

"""Progress: what the streams of a sync have read, and what its threads wait for."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple, TypeVar

T = TypeVar("T")

# The name of the stream that the code reads for. Threads of a stream inherit it, see `inherited`.
STREAM: ContextVar[str | None] = ContextVar("stream", default=None)


@dataclass
class StreamProgress:
    """One stream's progress: records and bytes written, the window being read, the share (0 to 1) of its time range read.

    `counts`: retries, skipped items, and windows by transport, for the stream's last line in the log. `ended`: it was read
    to its end, or failed.
    """

    records: int = 0
    bytes: int = 0
    window: str = ""
    share: float | None = None
    ended: bool = False
    counts: Counter[str] = field(default_factory=Counter)


@dataclass(eq=False)
class _Wait:
    """What a thread waits for. `limit`: if it is one of Iterable's limits, when that ends (time.monotonic())."""

    what: str
    limit: Callable[[], float] | None
    stream: str | None
    since: float


class Waiting(NamedTuple):
    """A thread that waits: for which stream, if for one, since how many seconds, and whether for a limit of Iterable."""

    stream: str | None
    seconds: float
    is_limit: bool = False


class Progress:
    """Collects what the threads of a sync report. Thread-safe.

    `committed` has the rows that a load has committed, by stream. `notice` is what the user was told last.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waits: set[_Wait] = set()
        self._streams: defaultdict[str, StreamProgress] = defaultdict(StreamProgress)
        # `limited` reports only waits that take at least this many seconds in all.
        self.short_wait = 0.0
        self.committed: Counter[str] = Counter()
        self.notice = ""

    @contextmanager
    def waiting(self, what: str, limit: Callable[[], float] | None = None) -> Iterator[None]:
        """Note that this thread waits for `what` while the block runs.

        Args:
            limit: if it is one of Iterable's limits: returns when it next lets a thread through (time.monotonic()).
        """
        wait = _Wait(what, limit, STREAM.get(), time.monotonic())
        with self._lock:
            self._waits.add(wait)
        try:
            yield
        finally:
            with self._lock:
                self._waits.remove(wait)

    def waits(self) -> dict[str, list[Waiting]]:
        """What is waited for, in alphabetical order, and who waits for it."""
        now = time.monotonic()
        waits: defaultdict[str, list[Waiting]] = defaultdict(list)
        with self._lock:
            for wait in self._waits:
                waits[wait.what].append(Waiting(wait.stream, now - wait.since, wait.limit is not None))
        return dict(sorted(waits.items()))

    def limited(self) -> dict[str, float]:
        """The streams that wait long for a limit of Iterable, and when it ends, in seconds since the epoch."""
        now, clock = time.monotonic(), time.time()
        limited: dict[str, float] = {}
        with self._lock:
            for wait in self._waits:
                if wait.stream is not None and wait.limit is not None:
                    end = max(wait.limit(), now)
                    if end - wait.since >= self.short_wait:
                        limited[wait.stream] = max(clock + end - now, limited.get(wait.stream, 0.0))
        return limited

    def begin(self, names: Iterable[str]) -> None:
        """Note that these streams are to be read."""
        with self._lock:
            for name in names:
                self._streams[name]

    def end(self, name: str) -> None:
        """Note that a stream was read to its end, or failed."""
        with self._lock:
            self._streams[name].ended = True

    def advance(self, name: str, records: int = 0, size: int = 0, window: str = "", share: float | None = None) -> None:
        """Add `records` and `size` bytes to a stream; set its window and the share (0 to 1) of its time range read."""
        with self._lock:
            progress = self._streams[name]
            progress.records += records
            progress.bytes += size
            progress.window = window or progress.window
            progress.share = progress.share if share is None else share

    def count(self, what: str) -> None:
        """Count a retry, a skipped item or a window for the stream that this thread reads for."""
        if (name := STREAM.get()) is not None:
            with self._lock:
                self._streams[name].counts[what] += 1

    def snapshot(self) -> dict[str, StreamProgress]:
        """Every stream's progress at this moment."""
        with self._lock:
            return {name: replace(stream, counts=stream.counts.copy()) for name, stream in self._streams.items()}

    def stream(self, name: str) -> StreamProgress:
        """One stream's progress at this moment."""
        return self.snapshot().get(name, StreamProgress())


def inherited(work: Callable[..., T]) -> Callable[..., T]:
    """Wrap work for another thread, so that it runs for the same stream."""
    return partial(copy_context().run, work)

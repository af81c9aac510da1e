"""Reads all streams of a sync concurrently, each in its own thread, and yields what happens as one sequence."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from source_iterable.errors import LocalError
from source_iterable.process.machine import trouble
from source_iterable.process.progress import STREAM
from source_iterable.reading.pace import Pace
from source_iterable.reading.stream import Checkpoint, State, Stream, StreamContext
from source_iterable.records.batch import RecordBatch

# One thread for each stream: most of them just wait for Iterable.
_READERS = 100
# Bytes of batches between the readers and whoever takes them.
CAPACITY = 8 * 2**20
# Seconds without anything new after which Nothing is yielded.
TICK = 0.25
# Seconds between two Limited of one stream.
LIMITED_SECONDS = 60.0


class Started(NamedTuple):
    """A stream begins."""


class Limited(NamedTuple):
    """A stream waits for a limit of Iterable, until `end` (seconds since the epoch)."""

    end: float


class Ended(NamedTuple):
    """A stream was read to its end, or failed with `error`: an IterableError, or a fault of ours."""

    error: Exception | None = None


class Nothing(NamedTuple):
    """Nothing happened for a while. Everything before it has been taken."""


Item = Started | RecordBatch | Checkpoint | Limited | Ended | Nothing


def read(
    context: StreamContext, streams: Mapping[str, tuple[Stream, State]]
) -> Generator[tuple[str, Item], None, None]:
    """Yield what the streams yield, each with its name and in its order, between a Started and an Ended for each.

    Some checkpoints are left out, or come later than they were yielded: reading/pace.py says which. The last one of a stream
    comes before its Ended, also if it failed.

    Streams begin in the order of `streams`. A failed stream does not stop the others, unless this machine is the reason.
    Closing the generator stops the readers.
    """
    queue = _Queue()
    context.barrier.expect({name: stream.needs for name, (stream, _) in streams.items() if stream.needs})
    context.progress.begin(streams)
    context.shared.expect({name: stream.lists for name, (stream, _) in streams.items()})
    for stream, state in streams.values():
        stream.announce(context, state)
    pool = ThreadPoolExecutor(_READERS, thread_name_prefix="stream")
    for name, (stream, state) in streams.items():
        pool.submit(_read_stream, context, name, stream, state, queue)
    # When a Limited of each stream may be yielded next: not before it has started, nor after it has ended.
    next_limited = dict.fromkeys(streams, math.inf)
    pace = Pace([name for name, (stream, _) in streams.items() if stream.every_state])
    try:
        while next_limited:
            name, item = queue.get(TICK) or ("", Nothing())
            if isinstance(item, Started):
                next_limited[name] = 0.0
            elif isinstance(item, Ended):
                del next_limited[name]
                pace.end(name)
            pace.note(name, item)
            yield from pace.due()
            if not isinstance(item, Checkpoint):
                yield name, item
            now = time.monotonic()
            for name, end in context.progress.limited().items():
                if now >= next_limited.get(name, math.inf):
                    next_limited[name] = now + LIMITED_SECONDS
                    yield name, Limited(end)
    finally:
        # Nobody waits for room that nobody makes.
        queue.close()
        context.client.stop()
        pool.shutdown(wait=False, cancel_futures=True)


def _read_stream(context: StreamContext, name: str, stream: Stream, state: State, queue: _Queue) -> None:
    STREAM.set(name)
    queue.put(name, Started())
    error: Exception | None = None
    try:
        for item in stream.read(context, state):
            if isinstance(item, RecordBatch):
                context.progress.advance(name, item.count, len(item.lines))
            if isinstance(item, Checkpoint) or item.count:
                queue.put(name, item)
            if queue.closed:
                return
        context.progress.advance(name, share=1.0)
    except Exception as failure:
        error = trouble(failure) if isinstance(failure, (OSError, MemoryError)) else failure
    finally:
        context.barrier.done(name)
        context.shared.done(name)
    if isinstance(error, LocalError):
        context.client.stop(f"The sync was ended: {error}")
    if not queue.closed:
        context.progress.end(name)
    queue.put(name, Ended(error))


class _Queue:
    """A FIFO queue from the readers to their consumer: full at CAPACITY bytes of batches; other items take no room."""

    def __init__(self) -> None:
        self._items: deque[tuple[str, Item]] = deque()
        self._bytes = 0
        self._changed = threading.Condition()
        self.closed = False

    def put(self, name: str, item: Item) -> None:
        """Append an item once there is room, or nobody reads any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._bytes < CAPACITY or self.closed)
            self._items.append((name, item))
            self._bytes += _size(item)
            self._changed.notify_all()

    def get(self, timeout: float) -> tuple[str, Item] | None:
        """The next item; None if there is none within `timeout` seconds."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._items, timeout):
                return None
            name, item = self._items.popleft()
            self._bytes -= _size(item)
            self._changed.notify_all()
            return name, item

    def close(self) -> None:
        """Nobody reads any more: whoever waits for room goes on."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()


def _size(item: Item) -> int:
    return len(item.lines) if isinstance(item, RecordBatch) else 0

"""Reading: several streams at once, in threads, as one sequence of what they yield."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import Empty, Full, Queue
from threading import Event

from source_iterable.errors import IterableError, LocalError
from source_iterable.process.machine import trouble
from source_iterable.reading.context import StreamContext
from source_iterable.reading.stream import Checkpoint, State, Stream
from source_iterable.records.batch import RecordBatch

# One for each stream: most just wait for Iterable.
_READERS = 100
# Batches between the readers and who takes them, about a tenth of a megabyte each.
_QUEUED = 64
# Seconds between looks whether a full queue will ever be emptied.
_LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class Ended:
    """A stream was read to its end, or failed with `error`."""

    error: IterableError | None = None


Item = RecordBatch | Checkpoint | Ended


def read(
    context: StreamContext, streams: Mapping[str, tuple[Stream, State]]
) -> Generator[tuple[str, Item], None, None]:
    """Yield what the streams yield, each with its name and in its order, and an Ended for each.

    Closing the iterator stops the readers.
    """
    queue: Queue[tuple[str, Item]] = Queue(_QUEUED)
    given_up = Event()

    def put(name: str, item: Item) -> None:
        while not given_up.is_set():
            try:
                queue.put((name, item), timeout=_LOOK_SECONDS)
                return
            except Full:
                pass

    def run(name: str, stream: Stream, state: State) -> None:
        error: IterableError | None = None
        try:
            for item in stream.read(context, state):
                if isinstance(item, RecordBatch):
                    context.progress.advance(name, item.count, len(item.lines))
                put(name, item)
                if given_up.is_set():
                    return
        except IterableError as failure:
            error = failure
        except (OSError, MemoryError) as failure:
            error = trouble(failure)
        finally:
            context.done(name)
        if isinstance(error, LocalError):
            context.client.stop(f"The load was ended: {error}")
        if error is None:
            context.progress.advance(name, share=1.0)
        put(name, Ended(error))

    context.expect([stream for stream, _ in streams.values()])
    pool = ThreadPoolExecutor(_READERS, thread_name_prefix="stream")
    running = {pool.submit(run, name, stream, state) for name, (stream, state) in streams.items()}
    left = len(streams)
    try:
        while left:
            try:
                name, item = queue.get(timeout=_LOOK_SECONDS)
            except Empty:
                # A reader that ended without a word has a fault of ours.
                for reader in running:
                    if reader.done() and (fault := reader.exception()):
                        raise fault from None
                continue
            left -= isinstance(item, Ended)
            yield name, item
    finally:
        given_up.set()
        context.client.stop()
        pool.shutdown(wait=False, cancel_futures=True)

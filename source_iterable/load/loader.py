"""Loader: one load, from the streams to a destination, committed every few minutes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Semaphore
from typing import Any

from source_iterable.errors import IterableError
from source_iterable.load.destination import Destination
from source_iterable.load.rows import RowFile
from source_iterable.load.spool import Spool
from source_iterable.load.tables import Table, table_of
from source_iterable.reading.context import StreamContext
from source_iterable.reading.stream import Checkpoint, State, Stream
from source_iterable.reading.together import Ended, read
from source_iterable.records.batch import RecordBatch

# A commit at the latest after so many seconds, or rows: what a kill costs.
COMMIT_SECONDS, COMMIT_ROWS = 180.0, 1_000_000
# Files on their way to the destination, besides those being filled.
_WAITING_FILES = 2


@dataclass
class Loaded:
    """What a load did with one stream: rows, seconds from the start to its end, and the error that ended it."""

    rows: int = 0
    seconds: float = 0.0
    error: IterableError | None = None


@dataclass
class Loader:
    """Loads streams into a destination. `results` has what was done so far, by stream."""

    context: StreamContext
    destination: Destination
    folder: Path
    commit_seconds: float = COMMIT_SECONDS
    commit_rows: int = COMMIT_ROWS
    results: dict[str, Loaded] = field(default_factory=dict)

    def run(self, streams: Iterable[Stream]) -> None:
        """Read the streams and load their rows. A failed stream does not stop the others: see `results`.

        Raises IterableError if the destination or this machine fails; the next load goes on from the last commit.
        """
        begun = time.monotonic()
        states = self.destination.states()
        tables: dict[str, Table] = {}
        to_read: dict[str, tuple[Stream, State]] = {}
        for stream in streams:
            self.results[stream.name] = Loaded()
            state = states.get(stream.name, {})
            try:
                stream.check_state(state)
                tables[stream.name] = table_of(stream, self.context.config)
            except IterableError as error:
                self.results[stream.name].error = error
                continue
            to_read[stream.name] = (stream, state)
            self.destination.start(tables[stream.name], resumed=bool(state))
        worker = _Worker()
        reading = read(self.context, to_read)
        checkpoints: dict[str, State] = {}

        def deliver(table: Table, file: RowFile) -> None:
            worker.do(self.destination.add, table, file)

        spool = Spool(self.folder, deliver)

        def commit() -> None:
            spool.flush_all()
            worker.do(self.destination.commit, dict(checkpoints))
            checkpoints.clear()

        uncommitted, due = 0, time.monotonic() + self.commit_seconds
        try:
            for name, item in reading:
                if isinstance(item, RecordBatch):
                    spool.add(tables[name], item)
                    self.results[name].rows += item.count
                    uncommitted += item.count
                elif isinstance(item, Checkpoint):
                    checkpoints[name] = item.state
                elif isinstance(item, Ended):
                    self.results[name].seconds = time.monotonic() - begun
                    self._end(name, item, spool, worker, tables[name])
                if uncommitted >= self.commit_rows or time.monotonic() >= due:
                    commit()
                    uncommitted, due = 0, time.monotonic() + self.commit_seconds
            commit()
            worker.finish()
        finally:
            reading.close()
            worker.close()

    def _end(self, name: str, ended: Ended, spool: Spool, worker: _Worker, table: Table) -> None:
        if ended.error is not None and not isinstance(ended.error, IterableError):
            raise ended.error  # a fault of ours
        self.results[name].error = ended.error
        spool.flush(table)
        if ended.error is None:
            worker.do(self.destination.finish, table)


class _Worker:
    """One thread that does one thing after another, while the next rows are read."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="loader")
        self._slots = Semaphore(_WAITING_FILES)
        self._failure: BaseException | None = None

    def do(self, work: Callable[..., None], *arguments: Any) -> None:
        """Do it when everything before it is done. Raises what an earlier work raised."""
        self._slots.acquire()
        self._raise_failure()
        self._pool.submit(self._run, work, *arguments)

    def finish(self) -> None:
        """Wait until all is done. Raises what a work raised."""
        self._pool.shutdown()
        self._raise_failure()

    def close(self) -> None:
        """Do nothing more, and wait for what is being done."""
        self._pool.shutdown(cancel_futures=True)

    def _run(self, work: Callable[..., None], *arguments: Any) -> None:
        try:
            # After a failure nothing may be done, a commit least of all.
            if self._failure is None:
                work(*arguments)
        except BaseException as failure:
            self._failure = failure
        finally:
            self._slots.release()

    def _raise_failure(self) -> None:
        if self._failure:
            raise self._failure

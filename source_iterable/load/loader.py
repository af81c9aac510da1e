"""One load: from the streams to a destination, committed every few minutes."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from source_iterable.errors import IterableError
from source_iterable.load.commits import Commits
from source_iterable.load.destination import Destination, mixed_rows
from source_iterable.load.projects import check_projects
from source_iterable.load.rows import Spool
from source_iterable.load.tables import Table, project_of, table_of
from source_iterable.process.machine import local_errors
from source_iterable.reading.stream import Checkpoint, State, Stream, StreamContext
from source_iterable.reading.together import Ended, read
from source_iterable.records.batch import RecordBatch
from source_iterable.streams.check import must_be_accepted
from source_iterable.streams.table import SHORT, STREAMS

# A commit at the latest after so many seconds, or rows, or Destination.commit_bytes: what a kill costs.
COMMIT_SECONDS, COMMIT_ROWS = 180.0, 1_000_000
# Streams whose past Iterable does not keep, and what of it is lost.
_UNREPEATABLE = {
    "list_sizes": "the sizes on past days",
    "campaigns_metrics_daily": "the days before the last metrics_days",
}
_PREFIX, _LOCK = "source-iterable-load-", ".lock"


class Loaded(NamedTuple):
    """What a load did with one stream: rows, seconds from the start of the load to the stream's end, and its error."""

    rows: int = 0
    seconds: float = 0.0
    error: Exception | None = None


def load(
    context: StreamContext,
    destination: Destination,
    streams: Collection[Stream],
    folder: Path,
    commit_rows: int,
    reload: Collection[str] = (),
) -> dict[str, Loaded]:
    """Read streams and load their rows, by way of files in `folder`. A stream that cannot be read, or not be written, does
    not stop the others.

    The streams of `reload` lose their rows and states first. The next load continues from the last commit.

    Raises IterableError if the destination or this machine fails; before anything is changed, if Iterable cannot be reached
    or refuses the API key; and ConfigError, before any request, if rows would be added to others that were written with
    other private options.
    """
    begun = time.monotonic()
    results: dict[str, Loaded] = {}
    tables: dict[str, Table] = {}
    to_read: dict[str, tuple[Stream, State]] = {}
    # That of users may lack columns, which have to be requested.
    wanted = [table_of(stream, context.config) for stream in streams]
    kept = [table for table in wanted if table.name not in reload]
    check_projects(destination, kept if context.config.project else wanted, context.config.project)
    private = destination.private()
    # Of several projects, a table that is replaced keeps the rows of the others.
    mixed = [
        each.name
        for each in kept
        if (each.merged or each.project) and private.get(each.name, each.private) != each.private
    ]
    if mixed:
        raise mixed_rows(mixed, f"--reload {','.join(mixed)}")
    unread = [table_of(stream, context.config) for stream in STREAMS.values() if stream not in streams]
    if old := [table.name for table in unread if table.private and _is_otherwise(table, destination, private)]:
        context.logger.warning(
            f"Tables that this load does not read have rows that were written with other private fields: {', '.join(old)}. "
            "To load them again from the beginning, name them in --streams and --reload, or drop them."
        )
    must_be_accepted(context.config, context.client, every_error=bool(reload))
    states = destination.states(kept)
    for stream in streams:
        # What is requested whole is replaced whole, so that nothing stays that Iterable has deleted.
        name, state = stream.name, {} if stream.whole else states.get(stream.name, {})
        results[name] = Loaded()
        try:
            stream.check_state(state)
            tables[name] = table_of(stream, context.config, context.client, destination.columns)
        except IterableError as error:
            results[name] = Loaded(error=error)
            continue
        to_read[name] = (stream, state)
    parts = destination.other_parts()
    if reloaded := [table for name, table in tables.items() if name in reload]:
        destination.reload(reloaded)
    destination.start_over([tables[name] for name, (_, state) in to_read.items() if not state])
    for warning in _warnings_of_deletion(tables, reload, {*parts} - {*destination.other_parts()}):
        context.logger.warning(warning)
    # As a catalog would say it: which of the project's own fields have columns.
    context.catalog_schemas = {name: table.schema for name, table in tables.items()}
    with _worker() as do, closing(read(context, to_read)) as reading:
        commits = Commits(destination, context.progress)
        spool = Spool(folder, lambda file: do(commits.add, file), destination.keeps_nul)
        checkpoints: dict[str, State] = {}
        finished: list[Table] = []
        rows, size, due = 0, 0, time.monotonic() + COMMIT_SECONDS
        left = {*to_read}
        for name, item in reading:
            if isinstance(item, RecordBatch):
                spool.add(tables[name], item)
                rows, size = rows + item.count, size + len(item.lines)
            elif isinstance(item, Checkpoint) and not to_read[name][0].whole:
                checkpoints[name] = item.state
            elif isinstance(item, Ended):
                if item.error and not isinstance(item.error, IterableError):
                    raise item.error  # a fault of ours
                results[name] = Loaded(context.progress.stream(name).records, time.monotonic() - begun, item.error)
                spool.flush(tables[name])
                if item.error is None:
                    finished.append(tables[name])
                left.remove(name)
            # Once the last of the short lists is complete, those are in the tables, however long the rest takes.
            is_early = isinstance(item, Ended) and name in SHORT and left and left.isdisjoint(SHORT)
            if is_early or rows >= commit_rows or size >= destination.commit_bytes or time.monotonic() >= due:
                spool.flush()
                do(commits.commit, checkpoints, finished)
                checkpoints, finished = {}, []
                rows, size, due = 0, 0, time.monotonic() + COMMIT_SECONDS
        spool.flush()
        do(commits.commit, checkpoints, finished)
        do(destination.compact)
    return results | {name: Loaded(error=error) for name, error in commits.errors.items()}


def _is_otherwise(table: Table, destination: Destination, private: Mapping[str, str]) -> bool:
    """Whether a table, or what waits for it, has rows with other private options; `private` has the marks of tables."""
    return private.get(table.name, table.private) != table.private or destination.collects_otherwise(table)


def _warnings_of_deletion(
    tables: Mapping[str, Table], reload: Collection[str], parts: Collection[tuple[str, str]]
) -> Iterator[str]:
    """What does not come back by itself: the rows of these parts of a backfill, streams and keys, and past days."""
    for stream in sorted({stream for stream, _ in parts if stream in tables and tables[stream].merged}):
        others = ", ".join(sorted(_shown(key) for name, key in parts if name == stream))
        yield (
            f"{stream}: the rows of other projects or parts of the backfill are gone, too. Load these again, each with its "
            f"own configuration: {others}."
        )
    for name, lost in _UNREPEATABLE.items():
        if name in tables and name in reload:
            yield f"{name}: --reload has deleted rows that cannot be loaded again: {lost}."


def _shown(key: str) -> str:
    """A backfill key for people."""
    project = project_of(key)
    period = key.removeprefix(project).lstrip("/").replace("/", " to ") or "the one without end_date"
    return f"project {project}, {period}" if project else period


@contextmanager
def _worker() -> Iterator[Callable[..., None]]:
    """A function that does what it is given in another thread, while the next rows are read.

    One thing after another: it waits until what came before is done, and raises what that raised. So does the end.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="loader") as pool:
        doing: Future[Any] = pool.submit(int)  # nothing yet

        def do(work: Callable[..., None], *arguments: Any) -> None:
            nonlocal doing
            doing.result()
            doing = pool.submit(work, *arguments)

        yield do
        doing.result()


@contextmanager
def work_folder() -> Iterator[Path]:
    """A temporary folder for the files of one load. Removes those that killed loads left behind. Raises LocalError."""
    with local_errors():
        for file in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/{_LOCK}"):
            # It can be locked once the process that made it is gone.
            with suppress(OSError), open(file) as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(file.parent, ignore_errors=True)
        folder = tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True)
        lock = open(Path(folder.name) / _LOCK, "w")  # noqa: SIM115  held until the end
        fcntl.flock(lock, fcntl.LOCK_EX)
    with folder, lock:
        yield Path(folder.name)

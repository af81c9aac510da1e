"""Iterable as a dlt source, for one's own pipelines: `pipeline.run(iterable(config))`."""

from __future__ import annotations

import logging
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dlt
from dlt.common.typing import TSecretStrValue

from source_iterable.api.client import IterableClient
from source_iterable.config import Config
from source_iterable.load.dlt_tables import arrow_batches, hints
from source_iterable.load.parts import part_of
from source_iterable.load.rows import RowFile
from source_iterable.load.spool import Spool
from source_iterable.load.tables import Table, table_of
from source_iterable.reading.context import StreamContext
from source_iterable.reading.stream import Checkpoint
from source_iterable.records.batch import RecordBatch
from source_iterable.streams.configuration import parse_config
from source_iterable.streams.groups import chosen
from source_iterable.streams.table import STREAMS

# dlt reads a few resources at a time, each of which has two files at the most.
_FILE_BYTES = 8 * 2**20


@dlt.source(name="iterable", section="iterable", max_table_nesting=0)
def iterable(
    config: Mapping[str, Any] | None = None,
    streams: str | Iterable[str] = "default",
    api_key: TSecretStrValue | None = None,
    start_date: str | None = None,
    region: str | None = None,
    project_type: str | None = None,
) -> Any:
    """Every stream as a resource of its name. Incremental ones are merged on their key, the others replaced.

    Args:
        config: a configuration of source-iterable (docs/options.md). The other options go before it, and can also come from
            dlt's configuration: `sources.iterable.api_key`, `sources.iterable.start_date` and so on.
        streams: names of streams and groups, as for `source-iterable load --streams`.

    Raises ConfigError.
    """
    given = {"api_key": api_key, "start_date": start_date, "region": region, "project_type": project_type}
    parsed = parse_config({**(config or {}), **{key: value for key, value in given.items() if value is not None}})
    sync = _Sync(parsed)
    names = chosen(streams if isinstance(streams, str) else ",".join(streams))
    return [_resource(sync, name) for name in names]


def _resource(sync: _Sync, name: str) -> Any:
    table = table_of(STREAMS[name], sync.config)

    def rows() -> Iterator[Any]:
        yield from _rows(sync, table)

    return dlt.resource(rows, name=name, section="iterable", parallelized=True, **hints(table, table.columns))


def _rows(sync: _Sync, table: Table) -> Iterator[Any]:
    """A stream's rows as Arrow, with its state in dlt's."""
    states = dlt.current.resource_state()
    part = part_of(sync.config)
    full: list[RowFile] = []
    with sync.context() as context, tempfile.TemporaryDirectory(prefix="source-iterable-") as folder:
        spool = Spool(Path(folder), lambda _, file: full.append(file), _FILE_BYTES)
        for item in STREAMS[table.stream].read(context, states.get(part, {}) if table.merged else {}):
            if isinstance(item, RecordBatch):
                spool.add(table, item)
                yield from _arrow(table, full)
            elif isinstance(item, Checkpoint) and table.merged:
                # dlt loads the state with all rows of this run, or neither.
                states[part] = dict(item.state)
        spool.flush(table)
        yield from _arrow(table, full)


def _arrow(table: Table, files: list[RowFile]) -> Iterator[Any]:
    while files:
        file = files.pop(0)
        for batch in arrow_batches(file):
            yield dlt.mark.with_hints(batch, dlt.mark.make_hints(**hints(table, file.columns))) if file.texts else batch
        file.path.unlink()


class _Sync:
    """One context for all resources of a run: they share Iterable's rate limits. Made for the first, closed by the last."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._lock = threading.Lock()
        self._context: StreamContext | None = None
        self._users = 0

    @contextmanager
    def context(self) -> Iterator[StreamContext]:
        """The context, for one resource."""
        with self._lock:
            if self._context is None:
                logger = logging.getLogger("source_iterable")
                self._context = StreamContext(self.config, IterableClient(self.config, logger), logger)
            context = self._context
            self._users += 1
        try:
            yield context
        finally:
            with self._lock:
                self._users -= 1
                if self._users == 0:
                    context.close()
                    self._context = None

"""dlt: Iterable as a source for one's own pipelines."""

from __future__ import annotations

import logging
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import dlt
from dlt.common.typing import TSecretStrValue

from source_iterable.api.client import IterableClient
from source_iterable.config import Config
from source_iterable.load.destination import mixed_rows
from source_iterable.load.dlt_adapter import ANEW, PRIVATE, SOURCE, columns_in
from source_iterable.load.dlt_formats import Format, format_for, hints, items
from source_iterable.load.projects import mixed_projects
from source_iterable.load.rows import RowFile, Spool
from source_iterable.load.tables import Table, backfill_key, has_projects, table_of
from source_iterable.reading.stream import StreamContext
from source_iterable.records.batch import RecordBatch
from source_iterable.streams.privacy import notes
from source_iterable.streams.table import DEFAULT, STREAMS, chosen, parse_config

_LOGGER = logging.getLogger("source_iterable")


@dlt.source(name=SOURCE, section=SOURCE, max_table_nesting=0)
def iterable(
    config: Mapping[str, Any] | None = None,
    streams: str | Iterable[str] = DEFAULT,
    api_key: TSecretStrValue | None = None,
    start_date: str | None = None,
    region: str | None = None,
    project_type: str | None = None,
) -> Any:
    """Every stream as a resource of its name. Incremental ones are merged on their key, the others replaced.

    Args:
        config: a configuration of source-iterable (docs/options.md). The other parameters take precedence over it, and may
            also come from dlt's configuration: `sources.iterable.api_key`, `sources.iterable.start_date` and so on.
        streams: names of streams and groups, as for `source-iterable load --streams`.

    Raises ConfigError.
    """
    given = {"api_key": api_key, "start_date": start_date, "region": region, "project_type": project_type}
    parsed = parse_config({**(config or {}), **{key: value for key, value in given.items() if value is not None}})
    names = chosen(streams if isinstance(streams, str) else ",".join(streams), _LOGGER)
    for note in notes(parsed):
        _LOGGER.warning(note)
    tables = [table_of(STREAMS[name], parsed) for name in names]
    shared = _SharedContext(parsed, {table.name: table.schema for table in tables})
    return [_stream(table, shared) for table in tables]


class _SharedContext:
    """The context of one run of the source: its resources share Iterable's rate limits.

    The first resource that is read makes it, the last one closes it. `schemas` are those of the tables. `folder` goes with
    the source itself: dlt takes files from it when a resource may have ended already.
    """

    def __init__(self, config: Config, schemas: dict[str, Mapping[str, Any]]) -> None:
        self.config = config
        self.schemas = schemas
        self.folder = tempfile.TemporaryDirectory(prefix="source-iterable-", ignore_cleanup_errors=True)
        self._lock = threading.Lock()
        self._users = 0

    def __enter__(self) -> StreamContext:
        with self._lock:
            if self._users == 0:
                client = IterableClient(self.config, _LOGGER)
                self._context = StreamContext(self.config, client, _LOGGER, self.schemas)
            self._users += 1
            return self._context

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._context.close()


def _stream(table: Table, shared: _SharedContext) -> Any:
    """A stream's rows, with its state in dlt's: dlt loads both or neither.

    `table` lacks the project's own fields: only when it is read is it known which of them are columns already.
    """
    key, stream = backfill_key(shared.config), STREAMS[table.name]

    def rows() -> Iterator[Any]:
        states = dlt.current.resource_state()
        full: list[RowFile] = []
        if (table.merged or table.project) and states.get(PRIVATE, table.private) != table.private:
            raise mixed_rows([table.name], f'pipeline.run(…, refresh="{ANEW}")')
        held = columns_in(dlt.current.source_schema(), table.name)
        if held and has_projects(held) != bool(table.project):
            raise mixed_projects([table.name], table.project, f'pipeline.run(…, refresh="{ANEW}")')
        states[PRIVATE] = table.private
        sent = format_for(dlt.current.pipeline())
        with shared as context:
            whole = table_of(stream, shared.config, context.client, partial(columns_in, dlt.current.source_schema()))
            # As a catalog would say it: which of the project's own fields have columns.
            shared.schemas[table.name] = whole.schema
            # Small files: dlt reads a few resources at a time, each of which has two at the most.
            spool = Spool(Path(shared.folder.name), full.append, keeps_nul=False, file_bytes=8 * 2**20)
            for item in stream.read(context, states.get(key, {}) if table.merged else {}):
                if isinstance(item, RecordBatch):
                    spool.add(whole, item)
                    yield from items(full, sent)
                elif table.merged:
                    states[key] = dict(item.state)
            spool.flush(whole)
            yield from items(full, sent)

    told = hints(table, table.columns, Format())
    return dlt.resource(rows, name=table.name, section=SOURCE, parallelized=True, **told)

"""dlt: Iterable as a source for one's own pipelines, and any of dlt's destinations for the command `load`."""

from __future__ import annotations

import logging
import re
import tempfile
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pyarrow
from dlt.common.destination.exceptions import UnknownDestinationModule
from dlt.common.exceptions import DltException
from dlt.common.typing import TSecretStrValue
from dlt.pipeline.exceptions import PipelineStepFailed

from source_iterable.api.client import IterableClient
from source_iterable.config import Config
from source_iterable.load.destination import Destination, DestinationError, mixed_rows
from source_iterable.load.rows import RowFile, Spool, no_rows, select
from source_iterable.load.tables import Column, Table, backfill_key, table_of
from source_iterable.process.machine import causes
from source_iterable.reading.stream import State, StreamContext
from source_iterable.records.batch import RecordBatch
from source_iterable.streams.privacy import notes
from source_iterable.streams.table import STREAMS, chosen, parse_config

# dlt's names of types, where they are not DuckDB's.
_DATA_TYPES = {"varchar": "text", "boolean": "bool", "timestamptz": "timestamp"}
# Replaces a table in one transaction, instead of emptying it first.
_IN_ONE_GO = "insert-from-staging"
_SOURCE = "iterable"
# Where the state of a resource has the mark of the private options with which its rows were written. No backfill key is so.
_PRIVATE = "private"
# Drops a table and its states, and makes it again.
_ANEW: Any = "drop_resources"
_LOGGER = logging.getLogger("source_iterable")


@dlt.source(name=_SOURCE, section=_SOURCE, max_table_nesting=0)
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
        config: a configuration of source-iterable (docs/options.md). The other parameters take precedence over it, and may
            also come from dlt's configuration: `sources.iterable.api_key`, `sources.iterable.start_date` and so on.
        streams: names of streams and groups, as for `source-iterable load --streams`.

    Raises ConfigError.
    """
    given = {"api_key": api_key, "start_date": start_date, "region": region, "project_type": project_type}
    parsed = parse_config({**(config or {}), **{key: value for key, value in given.items() if value is not None}})
    names = chosen(streams if isinstance(streams, str) else ",".join(streams))
    for note in notes(parsed):
        _LOGGER.warning(note)
    shared = _SharedContext(parsed)
    with shared as context:
        tables = [table_of(STREAMS[name], parsed, context.client) for name in names]
    # As a catalog would say it: which of the project's own fields have columns.
    shared.schemas = {table.name: table.schema for table in tables}
    return [_stream(table, shared) for table in tables]


class _SharedContext:
    """The context of one run of the source: its resources share Iterable's rate limits.

    The first resource that is read makes it, the last one closes it.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.schemas: dict[str, Mapping[str, Any]] = {}
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
    """A stream's rows as Arrow, with its state in dlt's: dlt loads both or neither."""
    key = backfill_key(shared.config)

    def rows() -> Iterator[Any]:
        states = dlt.current.resource_state()
        full: list[RowFile] = []
        if table.merged and states.get(_PRIVATE, table.private) != table.private:
            raise mixed_rows([table.name], f'pipeline.run(…, refresh="{_ANEW}")')
        states[_PRIVATE] = table.private
        with shared as context, tempfile.TemporaryDirectory(prefix="source-iterable-") as folder:
            # Small files: dlt reads a few resources at a time, each of which has two at the most.
            spool = Spool(Path(folder), full.append, keeps_nul=False, file_bytes=8 * 2**20)
            for item in STREAMS[table.name].read(context, states.get(key, {}) if table.merged else {}):
                if isinstance(item, RecordBatch):
                    spool.add(table, item)
                    yield from _arrow(full)
                elif table.merged:
                    states[key] = dict(item.state)
            spool.flush(table)
            yield from _arrow(full)

    return dlt.resource(rows, name=table.name, section=_SOURCE, parallelized=True, **_hints(table, table.columns))


class DltDestination(Destination):
    """Any destination of dlt. One load package a commit, with the states in it. Raises DestinationError.

    `folder` is for dlt's files until they are loaded. It is new for every load, so only the destination itself says what was
    loaded, and nothing that a killed load left behind is loaded twice.
    """

    keeps_nul = False

    def __init__(self, destination: Any, dataset: str, backfill: str, folder: Path) -> None:
        self._backfill = backfill
        self._files: dict[str, list[RowFile]] = {}
        # Tables that are dropped and made again with their next rows.
        self._anew: set[str] = set()
        self.pipeline = dlt.pipeline(_SOURCE, str(folder / "dlt"), destination=destination, dataset_name=dataset)
        self._name = self.pipeline.destination.destination_name
        # dlt's CSV files for PostgreSQL turn empty texts into NULL.
        self._format: Any = "insert_values" if self._name == "postgres" else None
        with self._errors():
            self.pipeline.sync_destination()

    def states(self, tables: Iterable[Table]) -> Mapping[str, State]:
        there = {table.name: self._resources.get(table.name, {}) for table in tables if table.name in self._there}
        return {name: states[self._backfill] for name, states in there.items() if states.get(self._backfill)}

    def private(self) -> Mapping[str, str]:
        resources = self._resources.items()
        return {name: states[_PRIVATE] for name, states in resources if _PRIVATE in states and name in self._there}

    def other_parts(self) -> Collection[tuple[str, str]]:
        found = [(name, part) for name in self._resources.keys() - self._anew for part in self._resources[name]]
        return [(name, part) for name, part in found if part not in (self._backfill, _PRIVATE)]

    def reload(self, tables: Iterable[Table]) -> None:
        tables = list(tables)
        self._run(tables, {}, _ANEW)
        self._there.update(table.name for table in tables)

    def start_over(self, tables: Iterable[Table]) -> None:
        """Rows are kept here until their commit. That first drops tables which are missing or get columns of other types."""
        marks = self.private()
        for table in tables:
            missing = table.name in self._known and table.name not in self._there
            if missing or not (table.merged or marks.get(table.name, table.private) == table.private):
                self._anew.add(table.name)

    def add(self, file: RowFile) -> None:
        self._files.setdefault(file.table.name, []).append(file)

    def commit(self, states: Mapping[str, State], finished: Iterable[Table] = ()) -> None:
        # A table that is replaced and not read to its end has no rows in the warehouse yet, which its state must not say.
        merged = [files[0].table for files in self._files.values() if files[0].table.merged]
        ready = {table.name: table for table in [*merged, *finished]}
        self._run([table for name, table in ready.items() if name in self._anew], states, _ANEW)
        self._run([table for name, table in ready.items() if name not in self._anew], states)
        self._anew.difference_update(ready)

    def close(self) -> None:
        """No-op: what was not committed is not there."""

    def how_to_open(self) -> str:
        return f"the schema {self.pipeline.dataset_name} of {self._name}"

    @property
    def _resources(self) -> dict[str, Any]:
        """The states of the resources as dlt has them: by backfill key, and _PRIVATE."""
        resources: dict[str, Any] = self.pipeline.state.get("sources", {}).get(_SOURCE, {}).get("resources", {})
        return resources

    @cached_property
    def _known(self) -> set[str]:
        """The tables that the destination has, or had: dlt would take those for present that somebody has dropped."""
        schema = self.pipeline.default_schema_name and self.pipeline.default_schema
        return {*self._resources, *(schema.data_table_names() if schema else ())}

    @cached_property
    def _there(self) -> set[str]:
        with self._errors(), self.pipeline.destination_client() as client:
            # Not every destination can say so.
            tables = getattr(client, "get_storage_tables", lambda names: ((name, names) for name in names))
            return {name for name, columns in tables(sorted(self._known)) if columns}

    def _run(self, tables: Iterable[Table], states: Mapping[str, State], refresh: Any = None) -> None:
        """Load a package with the rows of these tables and their states. With _ANEW it drops the tables first."""
        if resources := [self._resource(table, states.get(table.name)) for table in tables]:
            with self._errors():
                self.pipeline.run(resources, loader_file_format=self._format, refresh=refresh)

    def _resource(self, table: Table, state: State | None) -> Any:
        files = self._files.pop(table.name, [])

        def rows() -> Iterator[Any]:
            states = dlt.current.resource_state()
            states[_PRIVATE] = table.private
            if state is not None:
                states[self._backfill] = dict(state)
            # So that a table that has no rows yet is not missing.
            yield from _arrow(files) if files else [_no_rows(table)]

        return dlt.resource(rows, name=table.name, **_hints(table, table.columns))

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (DltException, OSError) as error:
            cause = next(each for each in causes(error) if not isinstance(each, PipelineStepFailed))
            # It may have the form user:password@host.
            why = re.sub(r"\S*@\S*", "…", str(cause).strip().split("\n")[0])
            raise DestinationError(f"dlt cannot load into {self._name}: {why}") from None


def destination_named(name: str) -> Any:
    """dlt's destination of this name; None if there is none."""
    try:
        able = dlt.destination(name).capabilities()
    except (UnknownDestinationModule, ValueError):
        return None
    # Destinations with a selector choose by table format: files, without transactions.
    if not able.replace_strategies_selector and _IN_ONE_GO in (able.supported_replace_strategies or ()):
        return dlt.destination(name, replace_strategy=_IN_ONE_GO)
    return dlt.destination(name)


def _hints(table: Table, columns: Iterable[Column]) -> dict[str, Any]:
    """The parameters of dlt.resource and make_hints for a table: its name, write disposition, key and column types."""
    return {
        "table_name": table.name,
        "columns": {name: {"data_type": _DATA_TYPES.get(each, each), "nullable": True} for _, name, each in columns},
        "primary_key": list(table.key) or None,
        "write_disposition": "merge" if table.merged else "replace",
    }


def _no_rows(table: Table) -> Any:
    """An Arrow table without rows."""
    with duckdb.connect() as database:
        return pyarrow.RecordBatchReader.from_stream(database.sql(no_rows(table, json="varchar"))).read_all()


def _arrow(files: list[RowFile]) -> Iterator[Any]:
    """The rows of files, which are deleted, as Arrow record batches. JSON is text."""
    while files:
        file = files.pop(0)
        hints = dlt.mark.make_hints(**_hints(file.table, file.columns))
        # DuckDB is only a parser here.
        with duckdb.connect(config={"memory_limit": "100MB", "threads": 1}) as database:
            for batch in pyarrow.RecordBatchReader.from_stream(database.sql(select(file, json="varchar"))):
                # dlt has not been told of the columns for values that do not fit.
                yield dlt.mark.with_hints(batch, hints) if file.misfits else batch
        file.path.unlink()

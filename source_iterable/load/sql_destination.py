"""SqlDestination: a database with transactions as the destination. One transaction a commit."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from hashlib import sha256
from typing import Any

from source_iterable.errors import ConfigError
from source_iterable.load.destination import Destination
from source_iterable.load.rows import RowFile, literal, names, quoted
from source_iterable.load.tables import EVENT_COLUMNS, Column, Kind, Table, views_of
from source_iterable.reading.stream import State

_STATES = "_source_iterable_states"


class SqlDestination(Destination):
    """A Destination whose tables are in the schema `dataset`. Raises DestinationError.

    Subclasses connect to the database and say how its SQL differs: `types` has its name of each kind, `indexed` whether it
    needs an index to find the rows of a table by their key.
    """

    types: Mapping[Kind, str]
    indexed = False

    def __init__(self, dataset: str, backfill: str) -> None:
        self._dataset = dataset
        self._backfill = backfill
        self._open = False
        # The columns of existing tables.
        self._held: dict[str, dict[str, Kind]] = {}
        self._finished: list[Table] = []

    @abstractmethod
    def run(self, sql: str) -> list[tuple[Any, ...]]:
        """Execute a statement; returns its rows."""

    @abstractmethod
    def stage(self, file: RowFile) -> str:
        """Make the temporary table `incoming` of a file's rows, each key once.

        Returns the SQL condition under which a row of `incoming` replaces the row `old` of the table.
        """

    @abstractmethod
    def errors(self) -> AbstractContextManager[None]:
        """Around the use of the database: what goes wrong raises DestinationError."""

    @abstractmethod
    def fields_of_custom_events(self) -> list[tuple[str, str, str]]:
        """The name of an event, a field in its `data`, and the kind of a value of it ("" if null): each that occurs, once.

        Kinds are text, integer, number, boolean, json.
        """

    @abstractmethod
    def field(self, name: str, kind: Kind) -> str:
        """SQL for a field in the column `data`; NULL where a value is not of this kind."""

    def prepare(self, enter: str) -> None:
        """Make the schema and the table of states if missing. For the subclass, once it is connected.

        `enter` is SQL after which names without a schema are in `dataset`.
        """
        with self._transaction():
            self.run(f"CREATE SCHEMA IF NOT EXISTS {quoted(self._dataset)}")
            self.run(enter)
            columns = "stream text, part text, state text, committed_at timestamptz"
            self.run(f"CREATE TABLE IF NOT EXISTS {_STATES} ({columns})")
            self.end_transaction()
            columns = f"information_schema.columns WHERE table_schema = {literal(self._dataset)}"
            found = self.run(f"SELECT table_name, column_name, lower(data_type) FROM {columns}")
        kinds: dict[str, Kind] = {name.lower(): kind for kind, name in self.types.items()}
        self._held = {}
        for table, column, name in found:
            self._held.setdefault(table, {})[column] = kinds.get(name, "json")

    def states(self) -> Mapping[str, State]:
        with self.errors():
            rows = self.run(f"SELECT stream, state FROM {_STATES} WHERE part = {literal(self._backfill)}")
        return {stream: json.loads(state) for stream, state in rows}

    def start(self, table: Table, resumed: bool) -> None:
        if not table.merged and not resumed:
            with self._transaction():
                self._drop(self._loading(table))

    def add(self, file: RowFile) -> None:
        with self._transaction():
            replaced = self.stage(file)
            name = file.table.name if file.table.merged else self._loading(file.table)
            self._make_columns(name, file.table, file.columns)
            self.run(f"DELETE FROM {quoted(name)} AS old USING incoming WHERE {replaced}")
            self._insert(name, file.columns, "incoming")
            self.run("DROP TABLE incoming")

    def finish(self, table: Table) -> None:
        # At the commit: until then, others could not read a table with new columns.
        self._finished.append(table)

    def commit(self, states: Mapping[str, State]) -> None:
        with self._transaction():
            while self._finished:
                self._show(self._finished.pop())
            for stream, state in states.items():
                key = f"{literal(stream)}, {literal(self._backfill)}"
                self.run(f"DELETE FROM {_STATES} WHERE (stream, part) = ({key})")
                self.run(f"INSERT INTO {_STATES} VALUES ({key}, {literal(json.dumps(state))}, now())")
            self.end_transaction()

    def make_custom_event_views(self) -> None:
        """Make and commit a view for each name of custom events, with a column for each of their fields."""
        held = self._held.get("custom_event")
        if held is None:
            return
        if "event_name" not in held or held.get("data") != "json":
            raise ConfigError("There are no views of custom events without eventName and data: keep both as they are.")
        shown = [quoted(column) for column in EVENT_COLUMNS if column in held]
        with self._transaction():
            for view, event_name, columns in views_of(self.fields_of_custom_events()):
                fields = [f"{self.field(field, kind)} AS {quoted(name)}" for field, name, kind in columns]
                query = f"SELECT {', '.join(shown + fields)} FROM custom_event WHERE event_name = {literal(event_name)}"
                self.make_view(quoted(view), query)
            self.end_transaction()

    def make_view(self, name: str, query: str) -> None:
        """Make a view, or replace it. `name` is quoted."""
        self.run(f"CREATE OR REPLACE VIEW {name} AS {query}")

    def end_transaction(self) -> None:
        """Commit."""
        self.run("COMMIT")
        self._open = False

    def _show(self, table: Table) -> None:
        """A table that is replaced gets its new rows. It stays the same table, for the views and the rights on it."""
        self._make_columns(table.name, table, table.columns)
        if table.merged:
            return
        loading = self._loading(table)
        self._make_columns(loading, table, table.columns)
        columns = [Column(name, name, kind) for name, kind in self._held[loading].items()]
        self._make_columns(table.name, table, columns)
        self.run(f"DELETE FROM {quoted(table.name)}")
        self._insert(table.name, columns, quoted(loading))
        self._drop(loading)

    def _loading(self, table: Table) -> str:
        """The table that collects the rows for this backfill key until the stream was read to its end."""
        key = f"_{sha256(self._backfill.encode()).hexdigest()[:8]}" if self._backfill else ""
        return f"_loading_{table.name}{key}"

    def _drop(self, name: str) -> None:
        self.run(f"DROP TABLE IF EXISTS {quoted(name)}")
        self._held.pop(name, None)

    def _insert(self, name: str, columns: Sequence[Column], source: str) -> None:
        self.run(f"INSERT INTO {quoted(name)} ({names(columns)}) SELECT {names(columns)} FROM {source}")

    def _make_columns(self, name: str, table: Table, columns: Sequence[Column]) -> None:
        """Make a table for rows of `table`, or the columns that it lacks."""
        if name not in self._held:
            self.run(f"CREATE TABLE {quoted(name)} ({self.definitions(columns)})")
            self._held[name] = {column.name: column.kind for column in columns}
            if self.indexed and table.key:
                self.run(f"CREATE INDEX ON {quoted(name)} ({', '.join(map(quoted, table.key))})")
        for column in columns:
            if column.name not in self._held[name]:
                self.run(f"ALTER TABLE {quoted(name)} ADD COLUMN {self.definitions([column])}")
                self._held[name][column.name] = column.kind

    def definitions(self, columns: Sequence[Column]) -> str:
        """Names and types of columns in SQL."""
        return ", ".join(f"{quoted(column.name)} {self.types[column.kind]}" for column in columns)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self.errors():
            if not self._open:
                self.run("BEGIN")
                self._open = True
            yield

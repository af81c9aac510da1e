"""SqlDestination: a database with transactions as the destination. One transaction a commit."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from hashlib import sha256
from typing import Any

from source_iterable.errors import ConfigError
from source_iterable.load.custom_events import EVENT_COLUMNS, views_of
from source_iterable.load.incoming import replaced_by_incoming
from source_iterable.load.rows import RowFile, literal, quoted
from source_iterable.load.tables import Column, Kind, Table
from source_iterable.reading.stream import State

_STATES = "_source_iterable_states"


class SqlDestination(ABC):
    """A Destination whose tables are in the schema `dataset`. Raises DestinationError.

    Subclasses connect to the database and say how its SQL differs.
    """

    # The database's name of each type.
    types: Mapping[Kind, str]

    def __init__(self, dataset: str, part: str) -> None:
        self._dataset = dataset
        self._part = part
        self._open = False
        self._held: dict[str, dict[str, Kind]] = {}
        self._finished: list[Table] = []

    @abstractmethod
    def run(self, sql: str) -> list[tuple[Any, ...]]:
        """Execute a statement; returns its rows."""

    @abstractmethod
    def bring_in(self, table: Table, file: RowFile) -> tuple[str, str] | None:
        """Make a temporary table `incoming` of the rows of a file, each key once.

        Returns the first and the last event time in it, if it has any.
        """

    @abstractmethod
    def errors(self) -> AbstractContextManager[None]:
        """Around the use of the database: what goes wrong raises DestinationError."""

    @abstractmethod
    def close(self) -> None:
        """Roll back what is not committed."""

    @abstractmethod
    def how_to_open(self) -> str:
        """What to type to look at the tables."""

    @abstractmethod
    def fields_of_custom_events(self, table: str) -> list[tuple[str, str, str]]:
        """The name of an event, a field in its `data`, and the type of a value of it ("" if null): each that occurs, once.

        Types are the names of kinds: text, integer, number, boolean, json.
        """

    @abstractmethod
    def field(self, name: str, kind: Kind) -> str:
        """SQL for a field in the column `data`; NULL where a value is not of this kind."""

    def make_view(self, name: str, query: str) -> None:
        """Make a view, or replace it."""
        self.run(f"CREATE OR REPLACE VIEW {name} AS {query}")

    def beside(self, table: str) -> str:
        """The name of a table in a view of its schema."""
        return self._named(table)

    def make_custom_event_views(self) -> None:
        """A view for each name of custom events: its events, with a column for each of their fields."""
        table = self._named("custom_event")
        if "custom_event" not in self._held:
            return
        held = self._held["custom_event"]
        if "event_name" not in held or held.get("data") != "json":
            raise ConfigError(
                "There are no views of custom events without eventName and data: do not exclude or hash them."
            )
        with self._transaction():
            for view in views_of(self.fields_of_custom_events(table)):
                columns = "".join(
                    f", {self.field(name, kind)} AS {quoted(column)}" for name, column, kind in view.columns
                )
                shown = ", ".join(quoted(column) for column in EVENT_COLUMNS if column in held)
                self.make_view(
                    self._named(view.name),
                    f"SELECT {shown}{columns} FROM {self.beside('custom_event')} "
                    f"WHERE event_name = {literal(view.event_name)}",
                )
        self.commit({})

    def prepare(self) -> None:
        """Make the schema and the table of states if there are none. For the subclass, once it is connected."""
        with self._transaction():
            self.run(f"CREATE SCHEMA IF NOT EXISTS {quoted(self._dataset)}")
            self.run(
                f"CREATE TABLE IF NOT EXISTS {self._named(_STATES)} "
                f"(stream {self.types['text']}, part {self.types['text']}, state {self.types['text']}, "
                f"committed_at {self.types['time']})"
            )
        self.commit({})
        self._held = self._read_columns()

    def states(self) -> Mapping[str, State]:
        with self.errors():
            rows = self.run(f"SELECT stream, state FROM {self._named(_STATES)} WHERE part = {literal(self._part)}")
        return {stream: json.loads(state) for stream, state in rows}

    def _read_columns(self) -> dict[str, dict[str, Kind]]:
        kinds: dict[str, Kind] = {name.lower(): kind for kind, name in reversed(list(self.types.items()))}
        tables: dict[str, dict[str, Kind]] = {}
        with self.errors():
            for table, column, name in self.run(
                "SELECT table_name, column_name, data_type FROM information_schema.columns "
                f"WHERE table_catalog = current_database() AND table_schema = {literal(self._dataset)}"
            ):
                tables.setdefault(table, {})[column] = kinds.get(name.lower(), "json")
        return tables

    def start(self, table: Table, resumed: bool) -> None:
        if not table.merged and not resumed:
            with self._transaction():
                self._drop_loading(table)

    def add(self, table: Table, file: RowFile) -> None:
        with self._transaction():
            times = self.bring_in(table, file)
            name = table.name if table.merged else self._loading(table)
            target = self._prepared(name, table, file.columns)
            if table.key:
                self.run(f"DELETE FROM {target} AS old USING incoming WHERE {replaced_by_incoming(table, times)}")
            names = ", ".join(quoted(column.name) for column in file.columns)
            self.run(f"INSERT INTO {target} ({names}) SELECT {names} FROM incoming")
            self.run("DROP TABLE incoming")
            self.dispose(file)

    def dispose(self, file: RowFile) -> None:
        """Delete a file whose rows were added."""
        file.path.unlink()

    def finish(self, table: Table) -> None:
        # At the commit: until that, others could not read a table with new columns.
        self._finished.append(table)

    def commit(self, states: Mapping[str, State]) -> None:
        with self._transaction():
            while self._finished:
                self._show(self._finished.pop())
            for stream, state in states.items():
                self.run(
                    f"DELETE FROM {self._named(_STATES)} "
                    f"WHERE stream = {literal(stream)} AND part = {literal(self._part)}"
                )
                values = ", ".join(literal(text) for text in (stream, self._part, json.dumps(state)))
                self.run(f"INSERT INTO {self._named(_STATES)} VALUES ({values}, now())")
            self.end_transaction()

    def end_transaction(self) -> None:
        """Commit."""
        self.run("COMMIT")
        self._open = False

    @abstractmethod
    def prepare_for_merging(self, target: str, table: Table) -> None:
        """What the database needs to find the rows of a new table by their key."""

    def _show(self, table: Table) -> None:
        """A table that is replaced gets its new rows. It stays the same table, for the views and the rights on it."""
        target = self._prepared(table.name, table, table.columns)
        if table.merged:
            return
        loading = self._loading(table)
        new = [Column(name, name, kind) for name, kind in self._held.get(loading, {}).items()]
        self._prepared(table.name, table, tuple(new))
        self.run(f"DELETE FROM {target}")
        if new:
            names = ", ".join(quoted(column.name) for column in new)
            self.run(f"INSERT INTO {target} ({names}) SELECT {names} FROM {self._named(loading)}")
        self._drop_loading(table)

    def _loading(self, table: Table) -> str:
        """The table for the rows of this part of a backfill, until its stream was read to its end."""
        part = f"_{sha256(self._part.encode()).hexdigest()[:8]}" if self._part else ""
        return f"_loading_{table.name}{part}"

    def _drop_loading(self, table: Table) -> None:
        loading = self._loading(table)
        self.run(f"DROP TABLE IF EXISTS {self._named(loading)}")
        self._held.pop(loading, None)

    def _prepared(self, name: str, table: Table, columns: tuple[Column, ...]) -> str:
        """A table for rows with these columns, made or widened if necessary; returns its name in SQL."""
        target = self._named(name)
        if name not in self._held:
            definitions = ", ".join(f"{quoted(column.name)} {self.types[column.kind]}" for column in columns)
            self.run(f"CREATE TABLE {target} ({definitions})")
            self._held[name] = {column.name: column.kind for column in columns}
            self.prepare_for_merging(target, table)
        for column in columns:
            if column.name not in self._held[name]:
                self.run(f"ALTER TABLE {target} ADD COLUMN {quoted(column.name)} {self.types[column.kind]}")
                self._held[name][column.name] = column.kind
        return target

    def _named(self, table: str) -> str:
        return f"{quoted(self._dataset)}.{quoted(table)}"

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self.errors():
            if not self._open:
                self.run("BEGIN")
                self._open = True
            yield

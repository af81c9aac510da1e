"""SqlDestination: a database with transactions as the destination. One transaction a commit."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from source_iterable.load import event_views
from source_iterable.load.forgetting import Erasable, Part, no_tables
from source_iterable.load.marks import BEGIN, MAKE, NUMBER, THIS_LOAD, Marks
from source_iterable.load.rows import RowFile, definitions, literal, quoted
from source_iterable.load.states import MAKE_STATES, STATES, States, sql_to_project
from source_iterable.load.tables import Column, Table, has_projects, project_of
from source_iterable.load.waiting import options_of, part_of, waiting_for, waiting_name
from source_iterable.reading.stream import Held, State
from source_iterable.records.columns import PROJECT
from source_iterable.streams.table import STREAMS


class SqlDestination(Erasable):
    """A Destination whose tables are in the schema `dataset`. Raises DestinationError.

    Subclasses connect to the database and say how its SQL differs: `types` has its names of types where they are not
    DuckDB's, as its information schema shows them, `indexed` is whether it needs an index to find the rows of a table by
    their key, `alters` whether it can change the type of a column in a transaction that has deleted rows,
    `ignores_case` whether Iterable is the schema iterable.
    """

    types: Mapping[str, str] = {"timestamptz": "timestamp with time zone"}
    indexed = False
    alters = False
    ignores_case = False

    def __init__(self, dataset: str, backfill: str, loaded: bool) -> None:
        self._dataset = dataset
        here = "lower(table_schema) = lower({})" if self.ignores_case else "table_schema = {}"
        self._here = here.format(literal(dataset))
        self._project = project_of(backfill)
        # Of the rows of a table that has projects, those of this one.
        self._own = f"{PROJECT} = {literal(self._project)}" if self._project else ""
        self._part = part_of(backfill)
        self._loaded = loaded
        # The schema, as any session can name it.
        self.qualified = quoted(dataset)
        self._marks = Marks(self.run)
        self._states = States(self.run, backfill)
        self._open = False
        self._begun: dict[str, Table] = {}  # their streams are read from the beginning

    @abstractmethod
    def stage(self, file: RowFile) -> str:
        """Move the rows of a file to the temporary table `incoming`, each key once.

        Returns the SQL condition under which a row of `incoming` replaces the row `old` of the table.
        """

    @abstractmethod
    def fields_of(self, source: str) -> Iterable[str]:
        """SQL, in one query or several, for what is in a table of custom events: event name, field, and JSON type."""

    @abstractmethod
    def select(self, columns: Sequence[Column]) -> str:
        """SQL for fields in the column `data`, in this order; NULL where a value is not of its column's type."""

    def replace(self, table: Table, collecting: str) -> None:
        """Give a table the rows of the table `collecting`, which has all its columns, and drop that. Views on it stay.

        It stays the same table, for the rights on it. TRUNCATE would wait for those who read it.
        """
        columns = self._held[collecting]
        if self._own and table.name in self._held:
            self._make_columns(table.name, table, columns)
            self.run(f"DELETE FROM {quoted(table.name)} WHERE {self._own}")
        else:
            self._empty(table, columns, "DELETE FROM")
        self._insert(table.name, columns, quoted(collecting))
        self._drop(collecting)

    def setup(self, enter: str, execute: Callable[[str], list[tuple[Any, ...]]]) -> None:
        """Make the schema and the tables of states and marks if missing. For the subclass, once it is connected.

        `enter` is SQL after which names without a schema are in `dataset`. ConfigError: a load should have made them.
        """
        made = f"{self._here} AND table_name = {literal(STATES)}"
        if self._loaded and not execute(f"SELECT 1 FROM information_schema.tables WHERE {made}"):
            raise no_tables()
        execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(self._dataset)}; {enter}; {MAKE_STATES}; {MAKE}")

    @cached_property
    def _held(self) -> dict[str, dict[str, str]]:
        """The columns of existing tables, and their SQL types."""
        held: dict[str, dict[str, str]] = {}
        # Without views, which may be many.
        tables = f"SELECT table_name FROM information_schema.tables WHERE {self._here} AND table_type = 'BASE TABLE'"
        columns = f"information_schema.columns WHERE {self._here} AND table_name IN ({tables})"
        for table, column, sql_type in self.run(f"SELECT table_name, column_name, lower(data_type) FROM {columns}"):
            held.setdefault(table, {})[column] = sql_type
        return held

    def states(self, tables: Iterable[Table]) -> Mapping[str, State]:
        there = {table.name for table in tables if self._collecting(table) in self._held}
        return {stream: state for stream, state in self._states.all().items() if stream in there}

    def private(self) -> Mapping[str, str]:
        return {name: mark for name, mark in self._marks.private.items() if mark is not None and name in self._held}

    def collects_otherwise(self, table: Table) -> bool:
        return any(private != options_of(table.private) for _, private in waiting_for(table.name, self._held).values())

    def columns(self, table: str) -> Held:
        return {column: self._marks.field(table, column) for column in self._held.get(table, ())}

    def update_to_project(self, tables: Collection[str], project: str) -> str:
        return sql_to_project(self.qualified, tables, project, self.types.get("varchar", "varchar"))

    def other_parts(self) -> Collection[tuple[str, str]]:
        return self._states.of_others()

    def reload(self, tables: Iterable[Table]) -> None:
        self.begin()
        private = self.private()
        for table in tables:
            marked_alike = private.get(table.name, table.private) == table.private
            of_others = marked_alike and self._project and has_projects(self.columns(table.name))
            for name, (part, _) in waiting_for(table.name, self._held).items():
                if part == self._part or not of_others:
                    self._drop(name)
            if table.name == "custom_event":
                self._drop(event_views.FIELDS)
            self._states.drop_all(table.name, self._project if of_others else None)
            if of_others:
                self.run(f"DELETE FROM {quoted(table.name)} WHERE {self._own}")
            elif table.name in self._held:
                self._empty(table, self.sql_types(table.columns), "TRUNCATE")
            if table.name in self._held:
                self._marks.new_generation(table.name, table.private)
        self.end_transaction()

    def start_over(self, tables: Iterable[Table]) -> None:
        self.begin()
        for table in tables:
            self._begun[table.name] = table
            if table.merged and table.name in self._held:
                continue  # it has the rows of other parts
            for name, (part, private) in waiting_for(table.name, self._held).items():
                # Another part's loads go on with theirs, if the options are the same.
                if part == self._part or private != options_of(table.private):
                    self._drop(name)
            (self._states.drop_all if table.merged else self._states.drop)(table.name)
        self.end_transaction()

    def add(self, file: RowFile) -> None:
        self.begin()
        replaced = self.stage(file)
        name, columns = self._collecting(file.table), self.sql_types(file.columns)
        self._make_columns(name, file.table, columns)
        self.run(f"DELETE FROM {quoted(name)} AS old USING incoming WHERE {replaced}")
        self._insert(name, columns, "incoming")
        if name == "custom_event" and event_views.FIELDS in self._held:
            event_views.note(self, "incoming", columns)
        self.run("DROP TABLE incoming")

    def commit(self, states: Mapping[str, State], finished: Iterable[Table] = ()) -> None:
        self.begin()
        for table in finished:
            self._show(table)
        for stream, state in states.items():
            if state and (begun := self._begun.get(stream)):
                # So that a table that has no rows yet is not missing.
                self._make_columns(self._collecting(begun), begun, self.sql_types(begun.columns))
            self._states.put(stream, state)
        self.end_transaction()

    def rollback(self) -> None:
        if self._open:
            self._open = False
            self.run("ROLLBACK")
        self.__dict__.pop("_held", None)  # what was made is not there, and what was dropped is
        self._marks = Marks(self.run)

    def parts(self) -> list[Part]:
        waiting = {table: waiting_for(table, self._held) for table in STREAMS}
        mark = self._marks.private | {name: p[2:] for names in waiting.values() for name, (_, p) in names.items()}
        at = [(table, name) for table in STREAMS for name in (table, *waiting[table]) if name in self._held]
        rows = f"(SELECT * FROM {{}} WHERE {self._own}) AS own" if self._own else "{}"
        return [
            Part(table, name != table, name, rows.format(quoted(name)), self._held[name], mark.get(name))
            for table, name in at
            if not self._own or PROJECT in self._held[name]
        ]

    def erase(self, part: Part, condition: str) -> Part:
        self.begin()
        own = f" AND {self._own}" if self._own else ""
        self.run(f"DELETE FROM {quoted(part.name)} WHERE {condition}{own}")
        if not part.loading:
            self._marks.new_generation(part.table)
        return part

    def make_custom_event_views(self) -> None:
        """Make and commit a view for each name of custom events, with a column for each of their fields."""
        event_views.make(self, self._held, self._here)

    def make_view(self, name: str, columns: Iterable[str], query: str, otherwise: str) -> None:
        """Make a view with these names of columns, or replace it. `otherwise` is executed if it has to stay as it is."""
        self.run(f"CREATE OR REPLACE VIEW {quoted(name)} ({', '.join(map(quoted, columns))}) AS {query}")

    def begin(self) -> None:
        """Begin a transaction, unless one is open."""
        if not self._open:
            self._open = True
            self.run(BEGIN)

    def end_transaction(self) -> None:
        """Commit."""
        self._open = False
        self.run("COMMIT")

    def sql_types(self, columns: Iterable[Column]) -> dict[str, str]:
        """Names of columns, and this database's names of their types."""
        return {column.name: self.types.get(column.type, column.type) for column in columns}

    def _show(self, table: Table) -> None:
        """A table that is replaced gets its new rows."""
        collecting = self._collecting(table)
        self._make_columns(collecting, table, self.sql_types(table.columns))
        if not table.merged:
            anew = table.name not in self._held or self._marks.private.get(table.name) != table.private
            self.replace(table, collecting)
            if anew:
                self._marks.new_generation(table.name, table.private)

    def _collecting(self, table: Table) -> str:
        """The table that rows are added to: for one that is replaced another, until all is read."""
        return table.name if table.merged else waiting_name(table, self._part)

    def _drop(self, name: str) -> None:
        self.run(f"DROP TABLE IF EXISTS {quoted(name)}")
        self._held.pop(name, None)

    def _insert(self, name: str, columns: Iterable[str], source: str) -> None:
        values = {each: each for each in map(quoted, columns)}
        values |= {NUMBER: THIS_LOAD} if NUMBER in self._held[name] else {}
        self.run(f"INSERT INTO {quoted(name)} ({', '.join(values)}) SELECT {', '.join(values.values())} FROM {source}")

    def _empty(self, table: Table, columns: Mapping[str, str], delete: str) -> None:
        """Delete all rows of a table. It has these columns then, also if one had another type: it was hashed, or is now."""
        name, held = quoted(table.name), self._held.get(table.name, {})
        others = {column: sql_type for column, sql_type in columns.items() if held.get(column, sql_type) != sql_type}
        if others and not self.alters:
            self._drop(table.name)
        elif held:
            self.run(f"{delete} {name}")
            for column, sql_type in others.items():
                self.run(f"ALTER TABLE {name} ALTER COLUMN {quoted(column)} TYPE {sql_type} USING NULL::{sql_type}")
            held.update(others)
        self._make_columns(table.name, table, columns)

    def _make_columns(self, name: str, table: Table, columns: Mapping[str, str]) -> None:
        """Make a table for rows of `table`, or the columns that it lacks, also those that only `table` has, in its order."""
        columns = {**self._held.get(table.name, {}), **columns, **({NUMBER: "bigint"} if table.merged else {})}
        held = self._held.setdefault(name, {})
        new = {column: sql_type for column, sql_type in columns.items() if column not in held}
        if made := not held:
            self.run(f"CREATE TABLE {quoted(name)} ({definitions(columns)})")
            if self.indexed and table.key:
                self.run(f"CREATE INDEX ON {quoted(name)} ({', '.join(map(quoted, table.key))})")
            if name == "custom_event":
                self._drop(event_views.FIELDS)
        for column, sql_type in () if made else new.items():
            self.run(f"ALTER TABLE {quoted(name)} ADD COLUMN {definitions({column: sql_type})}")
        if self.indexed and NUMBER in new:
            self.run(f"CREATE INDEX ON {quoted(name)} USING brin ({NUMBER})")
        held.update(new)
        if name == table.name and (made or self._marks.private.get(name) is None):
            self._marks.new_generation(name, table.private)
        if name == table.name:
            self._marks.remember(table)

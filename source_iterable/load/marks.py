"""Marks: what a database remembers of the tables in it, in tables of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from secrets import token_hex
from typing import Any

from source_iterable.load.rows import literal
from source_iterable.load.tables import Table

# By table: the mark of the private options with which its rows were written (NULL: unknown), and its generation.
TABLES = "_source_iterable_tables"
# By table and column: which of the project's own fields it holds.
_COLUMNS = "_source_iterable_columns"
# The number of the last transaction, in its only row.
_LOADS = "_source_iterable_loads"
MAKE = f"""CREATE TABLE IF NOT EXISTS {TABLES} (name text, private text, generation text);
CREATE TABLE IF NOT EXISTS {_COLUMNS} (name text, column_name text, field text);
CREATE TABLE IF NOT EXISTS {_LOADS} (number bigint);
INSERT INTO {_LOADS} SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM {_LOADS})"""
# The column of merged tables with the number of the transaction that wrote the row: of those that a reader can see, none
# has a number above the last one, and none will get one below. A transaction holds the row of _LOADS until its end, so the
# order of numbers is that of commits.
NUMBER = "_load_number"
BEGIN = f"BEGIN; UPDATE {_LOADS} SET number = number + 1"
THIS_LOAD = f"(SELECT number FROM {_LOADS})"


class Marks:
    """The marks of tables; `run` executes SQL in the transaction that changes the table, and returns rows."""

    def __init__(self, run: Callable[[str], list[tuple[Any, ...]]]) -> None:
        self._run = run

    @cached_property
    def private(self) -> dict[str, str | None]:
        """The marks of private options (Table.private), by table."""
        return dict(self._run(f"SELECT name, private FROM {TABLES}"))

    @cached_property
    def _fields(self) -> dict[tuple[str, str], str]:
        rows = self._run(f"SELECT name, column_name, field FROM {_COLUMNS}")
        return {(table, column): field for table, column, field in rows}

    def field(self, table: str, column: str) -> str | None:
        """Which of the project's own fields a column holds; None: nobody remembers."""
        return self._fields.get((table, column))

    def new_generation(self, name: str, private: str | None = None) -> None:
        """Mark a table as another one, in the transaction that makes it or takes rows away: models are then built in full.

        `private` is the mark of the private options with which its rows are written; None: the one that it has.
        """
        mark = self.private[name] = self.private.get(name) if private is None else private
        values = [literal(name), "NULL" if mark is None else literal(mark), literal(token_hex(8))]
        self._run(f"DELETE FROM {TABLES} WHERE name = {literal(name)}")
        self._run(f"INSERT INTO {TABLES} VALUES ({', '.join(values)})")

    def remember(self, table: Table) -> None:
        """Note which columns hold the project's own fields."""
        new = {column.name: column.field for column in table.own if self.field(table.name, column.name) != column.field}
        if new:
            self._fields.update({(table.name, column): field for column, field in new.items()})
            name = literal(table.name)
            self._run(f"DELETE FROM {_COLUMNS} WHERE name = {name} AND column_name IN ({', '.join(map(literal, new))})")
            rows = (f"({name}, {literal(column)}, {literal(field)})" for column, field in new.items())
            self._run(f"INSERT INTO {_COLUMNS} VALUES {', '.join(rows)}")

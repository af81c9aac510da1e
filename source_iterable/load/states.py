"""States: the states of streams in a database, by project and part of a backfill, in a table of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from secrets import token_hex
from typing import Any

from source_iterable.load.marks import TABLES
from source_iterable.load.rows import literal, quoted
from source_iterable.load.tables import project_of
from source_iterable.reading.stream import State
from source_iterable.records.columns import PROJECT

STATES = "_source_iterable_states"
# `part` is the backfill key (tables.py).
MAKE_STATES = f"CREATE TABLE IF NOT EXISTS {STATES} (stream text, part text, state text, committed_at timestamptz)"


class States:
    """The states of this backfill key; `run` executes SQL in the transaction that changes the rows, and returns rows."""

    def __init__(self, run: Callable[[str], list[tuple[Any, ...]]], backfill: str) -> None:
        self._run = run
        self._backfill = backfill

    def all(self) -> Mapping[str, State]:
        """The states of this key, by stream."""
        rows = self._run(f"SELECT stream, state FROM {STATES} WHERE part = {literal(self._backfill)}")
        return {stream: json.loads(state) for stream, state in rows}

    def of_others(self) -> list[tuple[str, str]]:
        """Stream and backfill key of all states of other keys."""
        return self._run(f"SELECT stream, part FROM {STATES} WHERE part <> {literal(self._backfill)}")

    def put(self, stream: str, state: State) -> None:
        """Replace the state of a stream."""
        self.drop(stream)
        values = f"{literal(stream)}, {literal(self._backfill)}, {literal(json.dumps(state))}, now()"
        self._run(f"INSERT INTO {STATES} VALUES ({values})")

    def drop(self, stream: str) -> None:
        """Drop the state of a stream."""
        self._run(f"DELETE FROM {STATES} WHERE (stream, part) = ({literal(stream)}, {literal(self._backfill)})")

    def drop_all(self, stream: str, project: str | None = None) -> None:
        """Drop the states of a stream for all keys, or for those of a project."""
        there = self._run(f"SELECT part FROM {STATES} WHERE stream = {literal(stream)}")
        parts = [literal(part) for (part,) in there if project is None or project_of(part) == project]
        if parts:
            self._run(f"DELETE FROM {STATES} WHERE stream = {literal(stream)} AND part IN ({', '.join(parts)})")


def sql_to_project(schema: str, tables: Collection[str], project: str, text_type: str) -> str:
    """SQL after which all rows of tables, and the states of their streams, are of a project: they had none."""
    value, named = literal(project), ", ".join(map(literal, tables))
    updates = [
        f"ALTER TABLE {schema}.{name} ADD COLUMN {PROJECT} {text_type}; UPDATE {schema}.{name} SET {PROJECT} = {value};"
        for name in map(quoted, tables)
    ]
    states = f"UPDATE {schema}.{STATES} SET part = {value} || '/' || part WHERE stream IN ({named});"
    # Models are built in full.
    marks = f"UPDATE {schema}.{TABLES} SET generation = {literal(token_hex(8))} WHERE name IN ({named});"
    return " ".join([*updates, states, marks])

"""DuckDBFile: a DuckDB database as the destination. One transaction a commit."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from source_iterable.load.destination import Columns
from source_iterable.load.incoming import errors_of, open_database, replaced_by_incoming, run, take_in
from source_iterable.load.rows import SQL_TYPES, RowFile, literal, quoted
from source_iterable.load.tables import Column, Kind, Table
from source_iterable.reading.stream import State

_STATES = "_source_iterable_states"
# The rows of a table that is replaced, until its stream was read to its end.
_LOADING = "_loading_{}"
_KINDS: dict[str, Kind] = {
    {"TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE"}.get(sql, sql): kind for kind, sql in reversed(SQL_TYPES.items())
}


class DuckDBFile:
    """A Destination. The tables are in the schema `dataset` of the database file `path`, which is made if missing.

    Raises DestinationError.
    """

    def __init__(self, path: Path, dataset: str, part: str) -> None:
        self._path = path
        self._dataset = dataset
        self._part = part
        self._open = False
        with errors_of(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = open_database(Path(f"{path}.tmp"))
            self._run(f"ATTACH {literal(str(path))} AS target")
            self._run(f"CREATE SCHEMA IF NOT EXISTS target.{quoted(dataset)}")
            self._run(f"USE target.{quoted(dataset)}")
            self._run(
                f"CREATE TABLE IF NOT EXISTS {_STATES} "
                "(stream VARCHAR, part VARCHAR, state JSON, committed_at TIMESTAMPTZ)"
            )

    def states(self) -> Mapping[str, State]:
        with errors_of(self._path):
            rows = self._run(f"SELECT stream, state FROM {_STATES} WHERE part = ?", [self._part])
        return {stream: json.loads(state) for stream, state in rows}

    def columns(self) -> Mapping[str, Columns]:
        tables: dict[str, dict[str, Kind]] = {}
        with errors_of(self._path):
            for table, column, sql in self._run(
                "SELECT table_name, column_name, data_type FROM information_schema.columns "
                f"WHERE table_catalog = 'target' AND table_schema = {literal(self._dataset)}"
            ):
                tables.setdefault(table, {})[column] = _KINDS.get(sql, "json")
        return tables

    def start(self, table: Table, resumed: bool) -> None:
        if not table.merged and not resumed:
            with self._transaction():
                self._run(f"DROP TABLE IF EXISTS {_loading(table)}")

    def add(self, table: Table, file: RowFile) -> None:
        with self._transaction():
            take_in(self._database, table, file)
            target = self._prepared(table, file.columns)
            if table.key:
                replaced = replaced_by_incoming(self._database, table)
                self._run(f"DELETE FROM {target} AS old USING incoming WHERE {replaced}")
            self._run(f"INSERT INTO {target} BY NAME SELECT * FROM incoming")
            self._run("DROP TABLE incoming")
            file.path.unlink()

    def finish(self, table: Table) -> None:
        with self._transaction():
            target = self._prepared(table, table.columns)
            if not table.merged:
                self._run(f"DROP TABLE IF EXISTS {quoted(table.name)}")
                self._run(f"ALTER TABLE {target} RENAME TO {quoted(table.name)}")

    def commit(self, states: Mapping[str, State]) -> None:
        with self._transaction():
            for stream, state in states.items():
                self._run(f"DELETE FROM {_STATES} WHERE stream = ? AND part = ?", [stream, self._part])
                self._run(f"INSERT INTO {_STATES} VALUES (?, ?, ?, now())", [stream, self._part, json.dumps(state)])
            self._run("COMMIT")
            self._open = False

    def close(self) -> None:
        self._database.close()

    def how_to_open(self) -> str:
        return f"duckdb {self._path}\n    USE {quoted(self._path.stem)}.{quoted(self._dataset)};"

    def _prepared(self, table: Table, columns: tuple[Column, ...]) -> str:
        """The name of the table for rows with these columns, made or widened if necessary."""
        target = quoted(table.name) if table.merged else _loading(table)
        definitions = [f"{quoted(column.name)} {SQL_TYPES[column.kind]}" for column in columns]
        self._run(f"CREATE TABLE IF NOT EXISTS {target} ({', '.join(definitions)})")
        for definition in definitions:
            self._run(f"ALTER TABLE {target} ADD COLUMN IF NOT EXISTS {definition}")
        return target

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with errors_of(self._path):
            if not self._open:
                self._run("BEGIN")
                self._open = True
            yield

    def _run(self, sql: str, values: list[Any] | None = None) -> list[tuple[Any, ...]]:
        return run(self._database, sql, values)


def _loading(table: Table) -> str:
    return quoted(_LOADING.format(table.name))

"""DuckDBFile: a DuckDB database as the destination."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from source_iterable.load.destination import DestinationError
from source_iterable.load.event_views import JSON_TYPE
from source_iterable.load.incoming import errors_of, fetched, open_database, stage
from source_iterable.load.rows import VECTOR, RowFile, literal, quoted
from source_iterable.load.sql_destination import SqlDestination
from source_iterable.load.tables import Column, Table
from source_iterable.process.display import one_line

# With 0, a checkpoint does not merge the row groups of earlier commits: it has VECTOR rows in memory, however long they are.
_VACUUM = "max_vacuum_tasks"
# Of 256 kB, for a tenth of what fits: HTML gets that small.
_MANY_BLOCKS = 64
# Bytes of JSON that are taken apart at a time, which takes 20 times of that.
_UNNESTED = 4 * 2**20
_JSON_TYPE = """CASE coalesce(json_type(value), 'NULL') WHEN 'VARCHAR' THEN 'string' WHEN 'UBIGINT' THEN 'number'
WHEN 'BIGINT' THEN 'number' WHEN 'DOUBLE' THEN 'number' ELSE lower(coalesce(json_type(value), 'NULL')) END"""


class DuckDBFile(SqlDestination):
    """A Destination: the database file `path`, which is made if missing, but not its folder. Raises DestinationError.

    `spill` is for DuckDB's temporary files. DuckDB would put them beside the database, where those of a killed load stay.
    Without indexes: DuckDB scans fast, and they would have to fit into memory.
    """

    remains = "The DuckDB file may hold bytes of deleted rows: copy its tables to a new file, and delete this one."
    ignores_case = True
    # A transaction is in memory, of which there are 256 MB (open_database).
    commit_bytes = 32 * 2**20

    def __init__(self, path: Path, dataset: str, backfill: str, spill: Path, loaded: bool = False) -> None:
        super().__init__(dataset, backfill, loaded)
        self._path = path
        self.qualified = f"{quoted(path.stem)}.{self.qualified}"
        with errors_of(path):
            self._database = open_database(spill)
        # Not under its own name, which could be that of the schema.
        self.run(f"SET {_VACUUM} = 0; ATTACH {literal(str(path))} AS target; USE target")
        self.setup(f"USE target.{quoted(dataset)}", self.run)

    def run(self, sql: str) -> list[tuple[Any, ...]]:
        with errors_of(self._path):
            return self._database.execute(sql).fetchall()

    def chunks(self, sql: str) -> Iterator[Sequence[tuple[Any, ...]]]:
        with errors_of(self._path):
            yield from fetched(self._database, sql)

    def stage(self, file: RowFile) -> str:
        with errors_of(self._path):
            return stage(self._database, file)

    def replace(self, table: Table, collecting: str) -> None:
        if table.project:
            super().replace(table, collecting)
        else:
            # Copying takes memory for 2,048 rows at a time, however long they are.
            self._drop(table.name)
            self.run(f"ALTER TABLE {quoted(collecting)} RENAME TO {quoted(table.name)}")
            self._held[table.name] = self._held.pop(collecting)

    def fields_of(self, source: str) -> Iterator[str]:
        sizes = f"SELECT sum(strlen(data)) AS size FROM {source} GROUP BY rowid // {VECTOR}"
        ((size,),) = self.run(f"SELECT max(size) FROM ({sizes})")
        parts = int(size or 0) // _UNNESTED + 1
        # Not json_each, which joins the rows to what they have.
        each = """unnest(map_entries(from_json(data, '"MAP(VARCHAR, JSON)"')))"""
        for part in range(parts):
            rows = f"{source} WHERE event_name IS NOT NULL AND rowid % {parts} = {part}"
            values = (
                f"SELECT event_name, each.key AS field, each.value FROM (SELECT event_name, {each} AS each FROM {rows})"
            )
            yield f"SELECT event_name, field, {JSON_TYPE.format(_JSON_TYPE)} AS json_type FROM ({values})"

    def select(self, columns: Sequence[Column]) -> str:
        # An expression for each field takes twice the memory, in every program that opens the file.
        structures: list[Any] = []
        lower: set[str] = set()
        for field, _, sql_type in columns:
            if not field:
                # No name for a field of a struct.
                structures.append(sql_type)
            elif structures and isinstance(structures[-1], dict) and field.lower() not in lower:
                structures[-1][field] = sql_type
            else:
                # Nor is one that differs in case alone.
                structures.append({field: sql_type})
                lower = set()
            lower.add(field.lower())
        return ", ".join(
            f"unnest(from_json(data, {literal(json.dumps(each))}))"
            if isinstance(each, dict)
            else f"from_json(json_extract(data, '/'), {literal(json.dumps(each))})"
            for each in structures
        )

    def compact(self) -> None:
        # It writes row groups anew: once for all commits.
        with suppress(DestinationError):
            if not self._has_long_rows():
                self.run(f"RESET {_VACUUM}; CHECKPOINT")

    def close(self) -> None:
        # With a checkpoint: nothing is left in the log.
        self._database.close()

    def _has_long_rows(self) -> bool:
        """Whether VECTOR rows of a table may be too much for memory."""
        # Nobody has more of them, and a large table has many blocks to look at.
        tables = "duckdb_tables() WHERE database_name = 'target' AND estimated_size BETWEEN 1 AND 1000000"
        for schema, table, rows in self.run(f"SELECT schema_name, table_name, estimated_size FROM {tables}"):
            name = literal(f"{quoted(schema)}.{quoted(table)}")
            # Long texts are in blocks of their own, compressed.
            ((blocks,),) = self.run(f"SELECT sum(len(additional_block_ids)) FROM pragma_storage_info({name})")
            if (blocks or 0) * min(1, VECTOR / rows) > _MANY_BLOCKS:
                return True
        return False

    def how_to_open(self) -> str:
        return f"{one_line(f'duckdb {self._path}')}\n    {one_line(f'USE {self.qualified};')}"

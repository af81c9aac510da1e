"""DuckDBFile: a DuckDB database as the destination."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from source_iterable.load.incoming import errors_of, open_database, stage
from source_iterable.load.rows import SQL_TYPES, RowFile, literal, quoted
from source_iterable.load.sql_destination import SqlDestination
from source_iterable.load.tables import Kind


class DuckDBFile(SqlDestination):
    """A Destination: the database file `path`, which is made if missing. Raises DestinationError.

    Without indexes: DuckDB scans fast, and they would have to fit into memory.
    """

    types = SQL_TYPES

    def __init__(self, path: Path, dataset: str, backfill: str) -> None:
        super().__init__(dataset, backfill)
        self._path = path
        with self.errors():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = open_database(Path(f"{path}.tmp"))
            # Not under its own name, which could be that of the schema.
            self.run(f"ATTACH {literal(str(path))} AS target")
            self.run("USE target")
        self.prepare(f"USE target.{quoted(dataset)}")

    def run(self, sql: str) -> list[tuple[Any, ...]]:
        return self._database.execute(sql).fetchall()

    def stage(self, file: RowFile) -> str:
        replaced = stage(self._database, file)
        file.path.unlink()
        return replaced

    def fields_of_custom_events(self) -> list[tuple[str, str, str]]:
        return self.run(
            "SELECT DISTINCT event_name, key, CASE WHEN regexp_full_match(value::VARCHAR, '-?[0-9]{19,}') THEN 'json' "
            "WHEN type = 'VARCHAR' THEN 'text' WHEN type = 'DOUBLE' THEN 'number' WHEN type = 'BOOLEAN' THEN 'boolean' "
            "WHEN type IN ('BIGINT', 'UBIGINT') THEN 'integer' WHEN type = 'NULL' THEN '' ELSE 'json' END "
            "FROM (SELECT event_name, data FROM custom_event WHERE event_name IS NOT NULL), json_each(data)"
        )

    def field(self, name: str, kind: Kind) -> str:
        path = literal("/" + name.replace("~", "~0").replace("/", "~1"))
        if kind == "json":
            return f"json_extract(data, {path})"
        return f"TRY_CAST(json_extract_string(data, {path}) AS {self.types[kind]})"

    def errors(self) -> AbstractContextManager[None]:
        return errors_of(self._path)

    def close(self) -> None:
        self._database.close()

    def how_to_open(self) -> str:
        return f"duckdb {self._path}\n    USE {quoted(self._path.stem)}.{quoted(self._dataset)};"

"""DuckDBFile: a DuckDB database as the destination."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from source_iterable.load.incoming import errors_of, event_times, open_database, run, take_in
from source_iterable.load.rows import SQL_TYPES, RowFile, literal, quoted
from source_iterable.load.sql_destination import SqlDestination
from source_iterable.load.tables import Kind, Table


class DuckDBFile(SqlDestination):
    """A Destination: the database file `path`, which is made if missing. Raises DestinationError."""

    types = SQL_TYPES

    def __init__(self, path: Path, dataset: str, part: str) -> None:
        super().__init__(dataset, part)
        self._path = path
        with self.errors():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = open_database(Path(f"{path}.tmp"))
            # Its own name could be that of the schema.
            self.run(f"ATTACH {literal(str(path))} AS target")
            self.run("USE target")
        self.prepare()
        self.run(f"USE target.{quoted(dataset)}")

    def run(self, sql: str) -> list[tuple[Any, ...]]:
        return run(self._database, sql)

    def bring_in(self, table: Table, file: RowFile) -> tuple[str, str] | None:
        take_in(self._database, table, file)
        return event_times(self._database, table)

    def fields_of_custom_events(self, table: str) -> list[tuple[str, str, str]]:
        return self.run(
            "SELECT DISTINCT event_name, field.key, CASE "
            "WHEN regexp_full_match(field.value::VARCHAR, '-?[0-9]{19,}') THEN 'json' "
            "WHEN field.type = 'VARCHAR' THEN 'text' WHEN field.type IN ('BIGINT', 'UBIGINT') THEN 'integer' "
            "WHEN field.type = 'DOUBLE' THEN 'number' WHEN field.type = 'BOOLEAN' THEN 'boolean' "
            "WHEN field.type = 'NULL' THEN '' ELSE 'json' END "
            f"FROM {table}, json_each(data) AS field WHERE event_name IS NOT NULL"
        )

    def beside(self, table: str) -> str:
        # It is looked for in the view's schema. With the name of that, which may be the file's as well, it is ambiguous.
        return quoted(table)

    def field(self, name: str, kind: Kind) -> str:
        path = literal("/" + name.replace("~", "~0").replace("/", "~1"))
        if kind == "json":
            return f"json_extract(data, {path})"
        return f"TRY_CAST(json_extract_string(data, {path}) AS {self.types[kind]})"

    def prepare_for_merging(self, target: str, table: Table) -> None:
        """No-op: DuckDB scans fast, and its indexes must fit into memory."""

    def errors(self) -> AbstractContextManager[None]:
        return errors_of(self._path)

    def close(self) -> None:
        self._database.close()

    def how_to_open(self) -> str:
        return f"duckdb {self._path}\n    USE {quoted(self._path.stem)}.{quoted(self._dataset)};"

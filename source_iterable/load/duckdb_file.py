"""DuckDBFile: a DuckDB database as the destination."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from source_iterable.load.incoming import errors_of, fetched, open_database, stage
from source_iterable.load.rows import RowFile, literal, quoted
from source_iterable.load.sql_destination import SqlDestination
from source_iterable.process.display import one_line


class DuckDBFile(SqlDestination):
    """A Destination: the database file `path`, which is made if missing. Raises DestinationError.

    `spill` is for DuckDB's temporary files. DuckDB would put them beside the database, where those of a killed load stay.
    Without indexes: DuckDB scans fast, and they would have to fit into memory.
    """

    remains = "The DuckDB file may hold bytes of deleted rows: copy its tables to a new file, and delete this one."
    ignores_case = True
    json_type = "CASE type WHEN 'VARCHAR' THEN 'string' WHEN 'DOUBLE' THEN 'number' ELSE lower(type) END"

    def __init__(self, path: Path, dataset: str, backfill: str, spill: Path, loaded: bool = False) -> None:
        super().__init__(dataset, backfill, loaded)
        self._path = path
        with errors_of(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = open_database(spill)
        # Not under its own name, which could be that of the schema.
        self.run(f"ATTACH {literal(str(path))} AS target; USE target")
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

    def field(self, name: str, sql_type: str) -> str:
        path = literal("/" + name.replace("~", "~0").replace("/", "~1"))
        if sql_type == "json":
            return f"json_extract(data, {path})"
        return f"TRY_CAST(json_extract_string(data, {path}) AS {sql_type})"

    def close(self) -> None:
        # With a checkpoint: nothing is left in the log.
        self._database.close()

    def how_to_open(self) -> str:
        use = f"USE {quoted(self._path.stem)}.{quoted(self._dataset)};"
        return f"{one_line(f'duckdb {self._path}')}\n    {one_line(use)}"

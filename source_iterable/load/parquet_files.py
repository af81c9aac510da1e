"""ParquetFiles: the Parquet files of tables in a Storage, written by DuckDB, and the manifest that says which of them count.

The manifest is replaced in one go. Files are never changed: one with rows that newer ones replace is written anew without
them.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from source_iterable.load.destination import DestinationError
from source_iterable.load.incoming import fetched, open_database
from source_iterable.load.manifest import Manifest
from source_iterable.load.rows import literal
from source_iterable.load.storage import MANIFEST, Storage, is_ours, seen, unseen


class ParquetFiles:
    """The files of each table are in its folder `table` of a Storage; `spill` is for DuckDB's temporary files.

    `loaded`: ConfigError is raised, and nothing made, if no load has made the dataset.
    """

    def __init__(self, storage: Storage, spill: Path, loaded: bool) -> None:
        self._storage = storage
        with storage.errors():
            # The bytes of each file by path.
            committed, self._files = storage.open(loaded)
        self._committed = committed if committed is not None else b'{"states": {}, "tables": {}}'
        try:
            self._manifest = Manifest(self._committed)
        except ValueError:
            storage.close()
            raise DestinationError(f"{storage.shown}{MANIFEST} is damaged: load into another folder.") from None
        self._manifest["writer"] = secrets.token_hex(8)  # no two loads write the same manifest
        self._database = open_database(spill)
        with storage.errors():
            storage.connect(self._database)
            self._replace_manifest()

    def run(self, sql: str) -> list[tuple[Any, ...]]:
        with self._storage.errors():
            return self._database.execute(sql).fetchall()

    def _described(self, source: str) -> dict[str, str]:
        return {column: sql_type.lower() for column, sql_type, *_ in self.run(f"DESCRIBE FROM {source}")}

    def chunks(self, sql: str) -> Iterator[Sequence[tuple[Any, ...]]]:
        with self._storage.errors():
            yield from fetched(self._database, sql)

    def _replace_manifest(self) -> None:
        manifest = json.dumps(self._manifest).encode()
        self._storage.replace_manifest(manifest)
        self._committed = manifest
        self._show_what_counts()

    def _show_what_counts(self) -> None:
        """Delete files that the last commit, or a killed load, left over, and give those that count their names.

        In this order: who reads meanwhile misses rows, and has none twice.
        """
        tables = self._manifest["tables"].items()
        counts = {f"{table}/{name}" for table, entry in tables for name in entry["files"]}
        waits = {f"{table}/{name}" for table, entry in tables for files in entry["loading"].values() for name in files}
        others = {path: seen(path) for path in self._files if path not in counts and is_ours(path)}
        hidden = {path: name for path, name in others.items() if name in counts and name not in self._files}
        left_over = [path for path, name in others.items() if path not in hidden and name not in waits]
        if left_over:
            self._storage.delete(left_over)
        if hidden:
            self._storage.rename(hidden)
        for path in left_over:
            del self._files[path]
        self._files.update({name: self._files.pop(path) for path, name in hidden.items()})

    def _path(self, table: str, name: str) -> str:
        """The path of a file; it is among _files if the file is there."""
        path = f"{table}/{name}"
        return path if path in self._files else unseen(path)

    def _reader(self, table: str, *files: str, more: str = "") -> str:
        """SQL for the rows of files; `more` are further arguments of read_parquet."""
        paths = ", ".join(literal(f"{self._storage.read}{self._path(table, name)}") for name in files)
        return f"read_parquet([{paths}], union_by_name=true{more})"

    def _rewrite(self, table: str, files: list[str], name: str, rest: str) -> str:
        """Replace a file by one with the rest of its rows, whose name is returned."""
        new = self._written(table, rest)
        files[files.index(name)] = new
        periods = self._manifest.entry(table).setdefault("periods", {})
        periods[new] = periods.pop(name, None)
        return new

    def _written(self, table: str, query: str) -> str:
        """The name of a new file with the rows of a query."""
        name = f"{secrets.token_hex(8)}.parquet"
        path = unseen(f"{table}/{name}")
        copy = f"COPY ({query}) TO"
        self._files[path] = self._storage.write(
            path, lambda file: self._database.execute(f"{copy} {literal(file)} (FORMAT parquet, COMPRESSION zstd)")
        )
        return name

"""ParquetFolder: a folder of Parquet files as the destination, written by DuckDB.

A manifest says which files count, and has the states: it is replaced in one go, so a commit happens or does not. Files are
never changed: one with rows that newer ones replace is written anew without them.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from source_iterable.load.destination import DestinationError
from source_iterable.load.incoming import errors_of, event_times, open_database, replaced_by_incoming, run, take_in
from source_iterable.load.rows import SQL_TYPES, RowFile, literal, quoted
from source_iterable.load.tables import Column, Table
from source_iterable.reading.stream import State

_MANIFEST = "_source_iterable.json"
# A file that does not count yet: no reader of *.parquet sees it.
_UNSEEN = ".part"
_OURS = re.compile(r"[0-9a-f]{16}\.parquet(\.part)?")
# New rows go into the newest file as long as that is smaller, so that many small loads make no thousand files.
_SMALL_BYTES = 2 * 2**20


class ParquetFolder:
    """A Destination. The files of a table are in `folder`/`dataset`/`table`. Raises DestinationError."""

    def __init__(self, folder: Path, dataset: str, part: str, spill: Path) -> None:
        self._root = folder / dataset
        self._part = part
        with errors_of(self._root):
            self._root.mkdir(parents=True, exist_ok=True)
            self._lock = open(self._root / ".lock", "w")  # noqa: SIM115  held until close
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise DestinationError(f"Another load is writing to {self._root}.") from None
            self._manifest = self._read_manifest()
            self._show_what_counts()
        self._database = open_database(spill)

    def states(self) -> Mapping[str, State]:
        states: Mapping[str, State] = self._manifest["states"].get(self._part, {})
        return states

    def start(self, table: Table, resumed: bool) -> None:
        if not resumed:
            self._entry(table)["loading"][self._part] = []

    def add(self, table: Table, file: RowFile) -> None:
        entry = self._entry(table)
        files: list[str] = entry["files"] if table.merged else entry["loading"].setdefault(self._part, [])
        with errors_of(self._root):
            take_in(self._database, table, file)
            replaced = replaced_by_incoming(table, event_times(self._database, table))
            for name in self._with_replaced_rows(table, files, replaced):
                rest = f"SELECT old.* FROM {self._reader(table, [name])} AS old"
                query = f"{rest} WHERE NOT EXISTS (FROM incoming WHERE {replaced})"
                files[files.index(name)] = self._written(table, query)
            if files and self._path(table, files[-1]).stat().st_size < _SMALL_BYTES:
                last = self._reader(table, [files.pop()])
                files.append(self._written(table, f"FROM {last} UNION ALL BY NAME FROM incoming"))
            else:
                files.append(self._written(table, "FROM incoming"))
            file.path.unlink()

    def finish(self, table: Table) -> None:
        entry = self._entry(table)
        if not table.merged:
            entry["files"] = entry["loading"].pop(self._part, [])
        if not entry["files"]:
            with errors_of(self._root):
                entry["files"] = [self._written(table, f"SELECT {_nothing(table.columns)} LIMIT 0")]

    def commit(self, states: Mapping[str, State]) -> None:
        self._manifest["states"].setdefault(self._part, {}).update(states)
        path = self._root / _MANIFEST
        with errors_of(self._root):
            for new in self._root.glob(f"*/*{_UNSEEN}"):
                with open(new, "rb") as rows:
                    os.fsync(rows)
            with open(f"{path}{_UNSEEN}", "w", encoding="utf-8") as file:
                json.dump(self._manifest, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(f"{path}{_UNSEEN}", path)
            self._show_what_counts()

    def close(self) -> None:
        self._database.close()
        self._lock.close()

    def how_to_open(self) -> str:
        files = self._root / next(iter(self._manifest["tables"]), "table") / "*.parquet"
        return f"duckdb -c \"FROM read_parquet('{files}', union_by_name=true) LIMIT 10\""

    def _read_manifest(self) -> dict[str, Any]:
        try:
            manifest: dict[str, Any] = json.loads((self._root / _MANIFEST).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {"states": {}, "tables": {}}
        except ValueError:
            raise DestinationError(f"{self._root / _MANIFEST} is damaged: load into another folder.") from None
        return manifest

    def _entry(self, table: Table) -> dict[str, Any]:
        empty: dict[str, Any] = {"files": [], "loading": {}}
        entry: dict[str, Any] = self._manifest["tables"].setdefault(table.name, empty)
        return entry

    def _show_what_counts(self) -> None:
        """Give files that count their names, and delete those that do not: what the last commit, or a killed load, left."""
        for folder in [each for each in self._root.iterdir() if each.is_dir()]:
            entry = self._manifest["tables"].get(folder.name, {"files": [], "loading": {}})
            shown, unseen = set(entry["files"]), {name for names in entry["loading"].values() for name in names}
            for path in list(folder.iterdir()):
                name = path.name.removesuffix(_UNSEEN)
                if name in shown:
                    path.rename(folder / name)
                elif name not in unseen and _OURS.fullmatch(path.name):
                    path.unlink()

    def _path(self, table: Table, name: str) -> Path:
        path = self._root / table.name / name
        return path if path.exists() else path.with_name(name + _UNSEEN)

    def _reader(self, table: Table, names: list[str], more: str = "") -> str:
        paths = ", ".join(literal(str(self._path(table, name))) for name in names)
        return f"read_parquet([{paths}], union_by_name=true{more})"

    def _with_replaced_rows(self, table: Table, names: list[str], replaced: str) -> list[str]:
        """The files with rows that incoming ones replace."""
        if not table.key or not names:
            return []
        old = self._reader(table, names, ", filename=true")
        found = run(self._database, f"SELECT DISTINCT old.filename FROM {old} AS old, incoming WHERE {replaced}")
        return [Path(path).name.removesuffix(_UNSEEN) for (path,) in found]

    def _written(self, table: Table, query: str) -> str:
        """The name of a new file with the rows of a query."""
        name = f"{secrets.token_hex(8)}.parquet"
        folder = self._root / table.name
        folder.mkdir(exist_ok=True)
        path = literal(str(folder / (name + _UNSEEN)))
        run(self._database, f"COPY ({query}) TO {path} (FORMAT parquet, COMPRESSION zstd)")
        return name


def _nothing(columns: tuple[Column, ...]) -> str:
    return ", ".join(f"NULL::{SQL_TYPES[column.kind]} AS {quoted(column.name)}" for column in columns)

"""ParquetFolder: a folder of Parquet files as the destination, here or in a bucket, written by DuckDB.

A manifest lists the files that count, and has the states and the marks of tables. It is replaced in one go, so a commit
happens or does not. Files are never changed: one with rows that newer ones replace is written anew without them.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from source_iterable.load.destination import DestinationError
from source_iterable.load.forgetting import Erasable, Part
from source_iterable.load.incoming import fetched, open_database, stage, uncompressed
from source_iterable.load.manifest import Manifest
from source_iterable.load.periods import may_share, of_incoming, together
from source_iterable.load.rows import RowFile, literal, no_rows
from source_iterable.load.storage import MANIFEST, Storage, is_ours, seen, unseen
from source_iterable.load.tables import Table
from source_iterable.process.display import one_line
from source_iterable.reading.stream import Held, State
from source_iterable.streams.table import STREAMS

_FILE = "_source_iterable_file"
# New rows go into the newest file as long as that has less, so that many small loads do not make thousands of files. Before
# it is compressed, too: texts that are alike get small, and must fit in memory all the same.
_SMALL_BYTES = 2 * 2**20


class ParquetFolder(Erasable):
    """A Destination. The files of a table are in its folder `table` of a Storage; `spill` is for DuckDB's temporary files.

    `loaded`: ConfigError is raised, and nothing made, if no load has made the dataset.
    """

    remains = "A disk keeps the bytes of deleted files until it needs the space; a bucket may keep earlier versions."

    def __init__(self, storage: Storage, backfill: str, spill: Path, loaded: bool = False) -> None:
        self._storage = storage
        self._backfill = backfill
        # Tables whose streams are read from the beginning.
        self._begun: dict[str, Table] = {}
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

    def states(self, tables: Iterable[Table]) -> Mapping[str, State]:
        states = self._manifest["states"].get(self._backfill, {})
        damaged = [table.name for table in tables if table.merged and len({*self._there(table.name)}) == 2]
        if damaged:
            raise DestinationError(
                f"{self._storage.shown} lacks some files of {', '.join(damaged)} that its manifest lists. Restore them, or "
                f"load the tables again from the beginning: --reload {','.join(damaged)}."
            )
        return {table.name: states[table.name] for table in tables if table.name in states and self._has_rows(table)}

    def columns(self, table: str) -> Held:
        entry = self._manifest["tables"].get(table, {"files": []})
        there = [name for name in entry["files"] if self._path(table, name) in self._files]
        columns = self._described(self._reader(table, *there)) if there else {}
        return {column: entry.get("fields", {}).get(column) for column in columns}

    def private(self) -> Mapping[str, str]:
        tables = [(name, entry.get("private")) for name, entry in self._manifest["tables"].items()]
        return {name: mark for name, mark in tables if mark is not None and any(self._there(name))}

    def collects_otherwise(self, table: Table) -> bool:
        loading = self._manifest["tables"].get(table.name, {}).get("loading", {})
        return any(files and key.partition(" ")[2] != table.private for key, files in loading.items())

    def other_parts(self) -> Collection[tuple[str, str]]:
        states = self._manifest["states"]
        return [(name, part) for part in states if part != self._backfill for name in states[part]]

    def reload(self, tables: Iterable[Table]) -> None:
        with self._storage.errors():
            for table in tables:
                empty = self._written(table.name, no_rows(table))
                self._manifest["tables"][table.name] = {"files": [empty], "loading": {}}
                self._manifest.remember(table)
                self._manifest.new_generation(table.name, table.private)
                self._manifest.forget_states(table.name)
            self._replace_manifest()

    def start_over(self, tables: Iterable[Table]) -> None:
        for table in tables:
            self._begun[table.name] = table
            entry = self._manifest.entry(table.name)
            if not table.merged:
                # Other parts' loads go on with theirs, if the options are the same.
                others = {key: kept for key, kept in entry["loading"].items() if key.partition(" ")[2] == table.private}
                entry["loading"] = {**others, self._loading_key(table): []}
                self._manifest["states"].get(self._backfill, {}).pop(table.name, None)
            elif not self._has_rows(table):
                # Made again, it gets another generation.
                entry.update(files=[])
                entry.pop("private", None)
                self._manifest.forget_states(table.name)
        with self._storage.errors():
            self._replace_manifest()

    def add(self, file: RowFile) -> None:
        name = file.table.name
        entry = self._manifest.entry(name)
        if file.table.merged and entry.get("private") is None:
            self._manifest.new_generation(name, file.table.private)
        self._manifest.remember(file.table)
        key = self._loading_key(file.table)
        files: list[str] = entry["files"] if file.table.merged else entry["loading"].setdefault(key, [])
        with self._storage.errors():
            replaced = stage(self._database, file)
            period, periods = of_incoming(self._database, file.table.event_time), entry.setdefault("periods", {})
            if searched := [each for each in files if may_share(periods.get(each), period)]:
                # A profile field may be called filename, as this column of DuckDB's is by default.
                rows = self._reader(name, *searched, more=f", filename={literal(_FILE)}")
                query = f"SELECT DISTINCT old.{_FILE} FROM {rows} AS old, incoming WHERE {replaced}"
                for (path,) in self._database.sql(query).fetchall():
                    rest = f"FROM read_parquet({literal(path)}) AS old ANTI JOIN incoming ON {replaced}"
                    self._rewrite(name, files, PurePath(seen(path)).name, rest)
            query = "FROM incoming"
            last = self._path(name, files[-1]) if files else ""
            is_small = last and self._files[last] < _SMALL_BYTES
            if is_small and uncompressed(self._database, self._storage.read + last) < _SMALL_BYTES:
                query = f"FROM {self._reader(name, files[-1])} UNION ALL BY NAME {query}"
                period = together(periods.pop(files.pop(), None), period)
            files.append(self._written(name, query))
            periods[files[-1]] = period

    def commit(self, states: Mapping[str, State], finished: Iterable[Table] = ()) -> None:
        self._manifest["states"].setdefault(self._backfill, {}).update(states)
        begun = [self._begun[name] for name, state in states.items() if state and name in self._begun]
        with self._storage.errors():
            # A merged table that has no rows yet is made as well, so that it is not missing.
            for table in [*finished, *(table for table in begun if table.merged)]:
                entry = self._manifest.entry(table.name)
                if not table.merged:
                    entry["files"] = entry["loading"].pop(self._loading_key(table), [])
                entry["files"] = entry["files"] or [self._written(table.name, no_rows(table))]
                self._manifest.remember(table)
                if entry.get("private") != table.private:
                    self._manifest.new_generation(table.name, table.private)
            self._replace_manifest()

    def rollback(self) -> None:
        self._manifest = Manifest(self._committed)
        with self._storage.errors():
            self._show_what_counts()

    def close(self) -> None:
        self._database.close()
        self._storage.close()

    def how_to_open(self) -> str:
        return one_line(self._storage.how_to_open(f"{next(iter(self._manifest['tables']), 'table')}/*.parquet"))

    def parts(self) -> list[Part]:
        parts = []
        tables = {table: entry for table, entry in self._manifest["tables"].items() if table in STREAMS}
        for table, entry in tables.items():
            waiting = [(True, key.partition(" ")[2], files) for key, files in entry["loading"].items()]
            for loading, mark, files in ((False, entry.get("private"), entry["files"]), *waiting):
                for name in (name for name in files if self._path(table, name) in self._files):
                    source = self._reader(table, name)
                    parts.append(Part(table, loading, name, source, self._described(source), mark))
        return parts

    def run(self, sql: str) -> list[tuple[Any, ...]]:
        with self._storage.errors():
            return self._database.execute(sql).fetchall()

    def _described(self, source: str) -> dict[str, str]:
        return {column: sql_type.lower() for column, sql_type, *_ in self.run(f"DESCRIBE FROM {source}")}

    def chunks(self, sql: str) -> Iterator[Sequence[tuple[Any, ...]]]:
        with self._storage.errors():
            yield from fetched(self._database, sql)

    def erase(self, part: Part, condition: str) -> Part:
        entry = self._manifest.entry(part.table)
        (files,) = [files for files in (entry["files"], *entry["loading"].values()) if part.name in files]
        with self._storage.errors():
            name = self._rewrite(part.table, files, part.name, f"FROM {part.source} WHERE ({condition}) IS NOT TRUE")
        if not part.loading:
            self._manifest.new_generation(part.table)
        return part._replace(name=name, source=self._reader(part.table, name))

    def _loading_key(self, table: Table) -> str:
        """What the manifest calls the files that wait: of this backfill key and these private options."""
        return f"{self._backfill} {table.private}".rstrip()

    def _there(self, name: str) -> list[bool]:
        """Of each file that counts for a table, whether it is there."""
        files = self._manifest["tables"].get(name, {"files": []})["files"]
        return [self._path(name, file) in self._files for file in files]

    def _has_rows(self, table: Table) -> bool:
        """Whether the rows that its state speaks of are there."""
        if table.merged:
            return any(self._there(table.name))
        waiting = self._manifest.entry(table.name)["loading"].get(self._loading_key(table))
        return waiting is not None and all(self._path(table.name, file) in self._files for file in waiting)

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

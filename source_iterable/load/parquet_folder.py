"""ParquetFolder: a folder of Parquet files as the destination, here or in a bucket, written by DuckDB.

The manifest (manifest.py) has the states and the marks of tables, besides the files that count: a commit replaces it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path, PurePath

from source_iterable.load.destination import DestinationError
from source_iterable.load.forgetting import Erasable, Part
from source_iterable.load.incoming import stage, uncompressed
from source_iterable.load.manifest import Manifest
from source_iterable.load.parquet_files import ParquetFiles
from source_iterable.load.periods import may_share, of_incoming, together
from source_iterable.load.rows import RowFile, literal, no_rows
from source_iterable.load.storage import Storage, seen
from source_iterable.load.tables import Table, has_projects, project_of
from source_iterable.process.display import one_line
from source_iterable.reading.stream import Held, State
from source_iterable.records.columns import PROJECT
from source_iterable.streams.table import STREAMS

_FILE = "_source_iterable_file"
# New rows go into the newest file as long as that has less, so that many small loads do not make thousands of files. Before
# it is compressed, too: texts that are alike get small, and must fit in memory all the same.
_SMALL_BYTES = 2 * 2**20


class ParquetFolder(ParquetFiles, Erasable):
    """A Destination: files of Parquet in a Storage, of which `spill` and `loaded` are the parameters, too."""

    remains = "A disk keeps the bytes of deleted files until it needs the space; a bucket may keep earlier versions."

    def __init__(self, storage: Storage, backfill: str, spill: Path, loaded: bool = False) -> None:
        super().__init__(storage, spill, loaded)
        self._backfill = backfill
        self._project = project_of(backfill)
        self._own = f"{PROJECT} = {literal(self._project)}" if self._project else ""
        # Tables whose streams are read from the beginning.
        self._begun: dict[str, Table] = {}

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
                entry = self._manifest.entry(table.name)
                if shares := self._shares(table):
                    entry["files"] = self._of_others(table)
                    entry["loading"].pop(self._loading_key(table), None)
                else:
                    entry = self._manifest["tables"][table.name] = {"files": [], "loading": {}}
                entry["files"] = entry["files"] or [self._written(table.name, no_rows(table))]
                self._manifest.remember(table)
                self._manifest.new_generation(table.name, table.private)
                self._manifest.forget_states(table.name, self._project if shares else None)
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
                    new = entry["loading"].pop(self._loading_key(table), [])
                    entry["files"] = [*(self._of_others(table) if self._shares(table) else []), *new]
                    # Those of files that are gone would stay.
                    entry.pop("periods", None)
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
                    columns = self._described(self._reader(table, name))
                    if not self._own or PROJECT in columns:
                        parts.append(Part(table, loading, name, self._own_rows(table, name), columns, mark))
        return parts

    def erase(self, part: Part, condition: str) -> Part:
        entry = self._manifest.entry(part.table)
        (files,) = [files for files in (entry["files"], *entry["loading"].values()) if part.name in files]
        with self._storage.errors():
            rows = self._reader(part.table, part.name)
            gone = f"{condition} AND {self._own}" if self._own else condition
            name = self._rewrite(part.table, files, part.name, f"FROM {rows} WHERE ({gone}) IS NOT TRUE")
        if not part.loading:
            self._manifest.new_generation(part.table)
        return part._replace(name=name, source=self._own_rows(part.table, name))

    def _own_rows(self, table: str, name: str) -> str:
        """SQL for the rows of this project in a file."""
        source = self._reader(table, name)
        return f"(FROM {source} WHERE {self._own})" if self._own else source

    def _shares(self, table: Table) -> bool:
        """Whether a table may have rows of other projects, which stay."""
        entry = self._manifest.entry(table.name)
        return bool(self._own) and entry.get("private") == table.private and has_projects(self.columns(table.name))

    def _of_others(self, table: Table) -> list[str]:
        """The files of a table, without the rows of this project."""
        files: list[str] = self._manifest.entry(table.name)["files"]
        for name in [name for name in files if self._path(table.name, name) in self._files]:
            source = self._reader(table.name, name)
            ((own, rows),) = self.run(f"SELECT count(*) FILTER ({self._own}), count(*) FROM {source}")
            if own == rows:
                files.remove(name)
            elif own:
                self._rewrite(table.name, files, name, f"FROM {source} WHERE ({self._own}) IS NOT TRUE")
        return files

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

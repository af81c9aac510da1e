"""Commits: files of rows stay until they are committed, so that a stream that cannot be written fails alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from source_iterable.load.destination import Destination, Rejected
from source_iterable.load.rows import RowFile
from source_iterable.load.tables import Table
from source_iterable.process.progress import Progress
from source_iterable.reading.stream import State

# A row that long is a likely reason why a stream is rejected.
_LONG_MB = 16


@dataclass
class Commits:
    """Adds files of rows to a destination, and commits them: all in one, or if that is rejected each stream by itself.

    `errors` are those of the streams that were rejected: nothing of them is written any more, so each keeps its last state.
    Every method raises DestinationError that is not of one stream.
    """

    destination: Destination
    # What is in the tables is noted there.
    progress: Progress = field(default_factory=Progress)
    errors: dict[str, Rejected] = field(default_factory=dict)
    _files: list[RowFile] = field(default_factory=list)
    # Whether a file was rejected since the last commit: no others are added until its stream is known.
    _rejected: bool = False
    # The rows that are committed but not in their table yet, which is replaced once its stream has ended.
    _collected: Counter[str] = field(default_factory=Counter)

    def add(self, file: RowFile) -> None:
        """Add a file, which is deleted after the next commit."""
        if file.table.name in self.errors:
            file.path.unlink()
            return
        self._files.append(file)
        if not self._rejected:
            try:
                self.destination.add(file)
            except Rejected:
                self._rejected = True

    def commit(self, states: Mapping[str, State], finished: Iterable[Table] = ()) -> None:
        """Commit what was added, and these states, as Destination.commit does."""
        states = {name: state for name, state in states.items() if name not in self.errors}
        tables = {table.name: table for table in finished if table.name not in self.errors}
        try:
            if not self._rejected:
                self.destination.commit(states, tables.values())
                self._note(self._files, tables)
        except Rejected:
            self._rejected = True
        if self._rejected:
            self.destination.rollback()
            for name in dict.fromkeys([*(file.table.name for file in self._files), *states, *tables]):
                self._commit_alone(name, states, tables)
        for file in self._files:
            file.path.unlink(missing_ok=True)
        self._files, self._rejected = [], False

    def _note(self, files: Iterable[RowFile], finished: Collection[str]) -> None:
        """Note which rows are in the tables now."""
        for file in files:
            self._collected[file.table.name] += file.rows
        for name in {*finished, *(file.table.name for file in files if file.table.merged)}:
            self.progress.committed[name] += self._collected.pop(name, 0)

    def _commit_alone(self, name: str, states: Mapping[str, State], tables: Mapping[str, Table]) -> None:
        files = [file for file in self._files if file.table.name == name]
        try:
            for file in files:
                self.destination.add(file)
            state = {name: states[name]} if name in states else {}
            finished = {name: tables[name]} if name in tables else {}
            self.destination.commit(state, finished.values())
            self._note(files, finished)
        except Rejected as error:
            longest = max((file.longest_line for file in files), default=0) >> 20
            more = f" Its longest row has {longest} MB." if longest >= _LONG_MB else ""
            self.errors[name] = Rejected(f"{str(error).rstrip('.')}.{more}")
            self.destination.rollback()

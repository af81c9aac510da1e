"""Spool: rows on their way to the warehouse, in a temporary folder, a few files a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from source_iterable.load.rows import RowFile, TextColumns, needs_care
from source_iterable.load.tables import Kind, Table
from source_iterable.machine import temporary_files
from source_iterable.records.batch import RecordBatch

# A file is given to the warehouse at this size: large enough to be worth it, small enough to be read in memory.
FILE_BYTES = 32 * 2**20


class Spool:
    """Collects the batches of all tables in files.

    Args:
        folder: where they go.
        known: the columns that a table has in its warehouse.
        deliver: takes a full file, and deletes it.
        file_bytes: a file is full at this size.
    """

    def __init__(
        self,
        folder: Path,
        known: Callable[[Table], Mapping[str, Kind]],
        deliver: Callable[[Table, RowFile], None],
        file_bytes: int = FILE_BYTES,
    ) -> None:
        self._folder = folder
        self._known = known
        self._deliver = deliver
        self._file_bytes = file_bytes
        self._files: dict[tuple[str, bool], _OpenFile] = {}
        self._columns: dict[str, TextColumns] = {}
        self._number = 0

    def add(self, table: Table, batch: RecordBatch) -> None:
        """Append the rows of a batch. Raises LocalError."""
        texts = needs_care(table, batch.lines)
        lines = self._columns_of(table).texts(batch.lines) if texts else batch.lines
        with temporary_files():
            file = self._files.get((table.stream, texts))
            if file is None:
                self._number += 1
                file = _OpenFile(table, self._folder / f"{self._number}.jsonl")
                self._files[table.stream, texts] = file
            file.write(lines, batch.count)
        if file.size >= self._file_bytes:
            self._deliver_file(table, texts)

    def flush(self, table: Table) -> None:
        """Deliver what there is of a table."""
        for texts in (False, True):
            if (table.stream, texts) in self._files:
                self._deliver_file(table, texts)

    def flush_all(self) -> None:
        """Deliver what there is."""
        for table in [file.table for file in self._files.values()]:
            self.flush(table)

    def _deliver_file(self, table: Table, texts: bool) -> None:
        file = self._files.pop((table.stream, texts))
        with temporary_files():
            file.close()
        columns = tuple(self._columns_of(table)) if texts else table.columns
        self._deliver(table, RowFile(file.path, file.rows, file.longest, columns, texts))

    def _columns_of(self, table: Table) -> TextColumns:
        if table.stream not in self._columns:
            self._columns[table.stream] = TextColumns(table, self._known(table))
        return self._columns[table.stream]


class _OpenFile:
    def __init__(self, table: Table, path: Path) -> None:
        self.table = table
        self.path = path
        self.rows = self.size = self.longest = 0
        self._file: IO[bytes] = open(path, "wb")  # noqa: SIM115  closed by close

    def write(self, lines: bytes, rows: int) -> None:
        self._file.write(lines)
        self.rows += rows
        self.size += len(lines)
        # No line of the batch is longer than all of it.
        self.longest = max(self.longest, len(lines))

    def close(self) -> None:
        self._file.close()

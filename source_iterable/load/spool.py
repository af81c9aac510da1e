"""Spool: rows on their way to the warehouse, in a temporary folder, one open file a table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import IO

from source_iterable.load.rows import RowFile, TextColumns, needs_care
from source_iterable.load.tables import Table
from source_iterable.process.machine import local_errors
from source_iterable.records.batch import RecordBatch

# A file is given to the warehouse at this size: large enough to be worth it, small enough to be read in memory.
FILE_BYTES = 32 * 2**20


class Spool:
    """Collects the batches of all tables in files.

    Args:
        folder: where they go.
        deliver: takes a full file, and deletes it.
        file_bytes: a file is full at this size.
    """

    def __init__(
        self,
        folder: Path,
        deliver: Callable[[Table, RowFile], None],
        file_bytes: int = FILE_BYTES,
    ) -> None:
        self._folder = folder
        self._deliver = deliver
        self._file_bytes = file_bytes
        self._files: dict[str, _OpenFile] = {}
        self._columns: dict[str, TextColumns] = {}
        self._number = 0

    def add(self, table: Table, batch: RecordBatch) -> None:
        """Append the rows of a batch. Raises LocalError."""
        texts = needs_care(table, batch.lines)
        file = self._files.get(table.stream)
        if file is not None and texts and not file.texts:
            # A table has one file at a time: of two rows with one key the last must come last.
            self.flush(table)
            file = None
        with local_errors():
            if file is None:
                self._number += 1
                file = self._files[table.stream] = _OpenFile(table, self._folder / f"{self._number}.jsonl", texts)
            file.write(self._columns_of(table).texts(batch.lines) if file.texts else batch.lines)
        if file.size >= self._file_bytes:
            self.flush(table)

    def flush(self, table: Table) -> None:
        """Deliver what there is of a table."""
        file = self._files.pop(table.stream, None)
        if file is None:
            return
        with local_errors():
            file.close()
        columns = tuple(self._columns_of(table)) if file.texts else table.columns
        self._deliver(table, RowFile(file.path, file.longest, columns, file.texts))

    def flush_all(self) -> None:
        """Deliver what there is."""
        for table in [file.table for file in self._files.values()]:
            self.flush(table)

    def _columns_of(self, table: Table) -> TextColumns:
        if table.stream not in self._columns:
            self._columns[table.stream] = TextColumns(table)
        return self._columns[table.stream]


class _OpenFile:
    def __init__(self, table: Table, path: Path, texts: bool) -> None:
        self.table = table
        self.path = path
        self.texts = texts
        self.size = self.longest = 0
        self._file: IO[bytes] = open(path, "wb")  # noqa: SIM115  closed by close

    def write(self, lines: bytes) -> None:
        self._file.write(lines)
        self.size += len(lines)
        # No line of the batch is longer than all of it.
        self.longest = max(self.longest, len(lines))

    def close(self) -> None:
        self._file.close()

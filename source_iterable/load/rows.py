"""Rows: records on their way to a warehouse, in files that DuckDB reads as rows with types.

Records of events and users, whose values all fit their columns, are written as they are. All others are taken apart first,
each value as text: JSON has numbers that do not fit 64 bits, and times that no SQL type accepts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from secrets import token_hex
from typing import Any

import orjson

from source_iterable.api import exact_json
from source_iterable.load.tables import Column, Table
from source_iterable.process.machine import local_errors
from source_iterable.records.batch import RecordBatch
from source_iterable.records.names import free_name
from source_iterable.records.timestamps import is_date, rfc3339

_INTEGERS = range(-(2**63), 2**63)
# Of the years 1 to 9999.
_MILLISECONDS = range(-62_135_596_800_000, 253_402_300_800_000)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
# U+0000 in JSON: after an even number of backslashes, as after an odd one it is a text about an escape.
_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
# DuckDB's reader has two buffers of this size for each thread.
_LEAST_LINE_BYTES = 2 * 2**20
# Rows that DuckDB handles at a time.
VECTOR = 2048


@dataclass
class RowFile:
    """A file of rows of one table, a line each: records, or if `texts` objects of column names and texts.

    `size` and `longest_line` are in bytes; no line is longer. The file is deleted after the next commit.
    """

    path: Path
    table: Table
    texts: bool
    size: int = 0
    rows: int = 0
    longest_line: int = _LEAST_LINE_BYTES
    misfits: dict[str, Column] = field(default_factory=dict)

    @property
    def columns(self) -> list[Column]:
        """The columns that the rows may have: the table's, and those for values that do not fit them."""
        return [*self.table.columns, *self.misfits.values()]

    def write(self, lines: bytes, count: int) -> None:
        """Append the rows of a batch's lines. Raises LocalError."""
        if self.texts:
            declared = {column.field: column for column in self.table.columns}
            records = map(exact_json.loads, lines.split(b"\n")[:-1])
            lines = b"".join(orjson.dumps(self._texts(record, declared)) + b"\n" for record in records)
        with local_errors(), open(self.path, "ab") as file:
            file.write(lines)
        self.size += len(lines)
        self.rows += count
        if len(lines) > self.longest_line:
            self.longest_line = max(self.longest_line, *(len(line) + 1 for line in lines.split(b"\n")))

    def _texts(self, record: Mapping[str, Any], declared: Mapping[str, Column]) -> dict[str, str]:
        row: dict[str, str] = {}
        for name, value in record.items():
            if value is not None:
                column = declared[name]
                text = _text(value, column.type)
                if text is None:
                    free = free_name(f"{name}_v_json", [each.name for each in self.table.columns])
                    column = self.misfits.setdefault(name, Column(name, free, "json"))
                    text = exact_json.dumps(value).decode()
                row[column.name] = text
        return row


@dataclass
class Spool:
    """Collects batches in files of `folder`, one at a time for each table, and hands over those of `file_bytes` and more.

    Of long rows a quarter of that is enough: DuckDB has 2,048 rows in memory at a time, in several forms. Without
    `keeps_nul`, U+0000 becomes U+FFFD: many warehouses do not store it.
    """

    folder: Path
    deliver: Callable[[RowFile], None]
    keeps_nul: bool = True
    # Large enough to be worth it for a warehouse, small enough to be read in memory.
    file_bytes: int = 32 * 2**20
    _files: dict[str, RowFile] = field(default_factory=dict)

    def add(self, table: Table, batch: RecordBatch) -> None:
        """Append the rows of a batch. Raises LocalError."""
        lines = batch.lines
        if not self.keeps_nul and b"\\u0000" in lines:
            lines = _NUL.sub(rb"\1\\ufffd", lines)
        # Values that DuckDB would change or refuse.
        texts = not table.fits or bool(exact_json.lines_with_long_numbers(lines))
        if texts and table.name in self._files and not self._files[table.name].texts:
            # Not two files at a time: of two rows with one key the last must come last.
            self.flush(table)
        file = self._files.setdefault(table.name, RowFile(self.folder / f"{token_hex(8)}.jsonl", table, texts))
        file.write(lines, batch.count)
        if file.size >= (self.file_bytes if file.rows >= VECTOR else self.file_bytes // 4):
            self.flush(table)

    def flush(self, table: Table | None = None) -> None:
        """Deliver the rows of a table, or of all tables."""
        for name in [table.name] if table else list(self._files):
            if name in self._files:
                self.deliver(self._files.pop(name))


def select(file: RowFile, json: str = "json") -> str:
    """SQL that reads a file of rows; `json` is the type of its JSON columns."""
    sent, values = [], []
    for column in file.columns:
        name = column.name if file.texts else column.field
        read_as = "varchar" if file.texts or column.type in ("date", "timestamptz") else column.type
        sent.append(f"{literal(name)}: '{read_as}'")
        sql_type = json if column.type == "json" else column.type
        values.append(f"sent.{quoted(name)}::{sql_type} AS {quoted(column.name)}")
    options = f"format='newline_delimited', maximum_object_size={file.longest_line}"
    reader = f"read_json({literal(str(file.path))}, columns={{{', '.join(sent)}}}, {options})"
    return f"SELECT {', '.join(values)} FROM {reader} AS sent"


def no_rows(table: Table, json: str = "json") -> str:
    """SQL for the columns of a table without a row; `json` is the type of its JSON columns."""
    types = {"json": json}
    nulls = (f"NULL::{types.get(column.type, column.type)} AS {quoted(column.name)}" for column in table.columns)
    return f"SELECT {', '.join(nulls)} LIMIT 0"


def quoted(name: str) -> str:
    """A name in SQL."""
    return '"{}"'.format(name.replace('"', '""'))


def definitions(columns: Mapping[str, str]) -> str:
    """Names and types of columns in SQL."""
    return ", ".join(f"{quoted(name)} {sql_type}" for name, sql_type in columns.items())


def literal(text: str) -> str:
    """A text in SQL."""
    return "'{}'".format(text.replace("'", "''"))


def _text(value: Any, sql_type: str) -> str | None:
    """A value as a text that its column's type accepts; None if it does not fit."""
    if sql_type == "timestamptz" and type(value) is int:
        return (_EPOCH + timedelta(milliseconds=value)).isoformat() if value in _MILLISECONDS else None
    if sql_type == "timestamptz":
        return rfc3339(value)
    if sql_type == "date":
        return value if isinstance(value, str) and is_date(value) else None
    if sql_type == "varchar" and isinstance(value, str):
        return value
    if sql_type == "bigint" and type(value) is int and value not in _INTEGERS:
        return None
    fitting = {"bigint": (int,), "double": (int, float), "boolean": (bool,)}.get(sql_type)
    return exact_json.dumps(value).decode() if fitting is None or type(value) in fitting else None

"""Rows: from records to rows with types, by DuckDB's JSON reader.

Two ways. Messages of events and users, whose values all fit their columns, are read as they are. All others are taken apart
here first, value by value, each as text (`texts`): JSON has numbers that no 64 bits hold, and times that no SQL type does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from source_iterable.api import exact_json
from source_iterable.load.tables import Column, Kind, Table, free_name
from source_iterable.records.timestamps import is_date, rfc3339

SQL_TYPES: dict[Kind, str] = {
    "text": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "time": "TIMESTAMP WITH TIME ZONE",
    "milliseconds": "TIMESTAMP WITH TIME ZONE",
    "json": "JSON",
}
# A value that does not fit its column goes into one that is named like a field of this name.
_MISFIT = "{}_v_json"
_INTEGERS = range(-(2**63), 2**63)
# The years 1 to 9999.
_MILLISECONDS = range(-62_135_596_800_000, 253_402_300_800_000)
# DuckDB's reader has two buffers of this size for each thread.
_LEAST_LINE_BYTES = 2 * 2**20


class RowFile(NamedTuple):
    """A file of rows: records, or texts of `columns`. No line is longer than `longest` bytes."""

    path: Path
    longest: int
    columns: tuple[Column, ...]
    texts: bool


class TextColumns:
    """The columns of a table whose messages are taken apart: those declared, and others for values that do not fit those."""

    def __init__(self, table: Table) -> None:
        self._declared = {column.field: column for column in table.columns}
        self._misfits: dict[str, Column] = {}

    def __iter__(self) -> Iterator[Column]:
        yield from self._declared.values()
        yield from self._misfits.values()

    def texts(self, lines: bytes) -> bytes:
        """For each record an object of column names and texts, on a line of its own."""
        return b"".join(orjson.dumps(self._row(data)) + b"\n" for data in _records(lines))

    def _row(self, data: Mapping[str, Any]) -> dict[str, str]:
        row: dict[str, str] = {}
        for field, value in data.items():
            if value is None:
                continue
            column = self._declared[field]
            text = _text(value, column.kind)
            if text is None:
                column, text = self._misfit(field), _json(value)
            row[column.name] = text
        return row

    def _misfit(self, field: str) -> Column:
        if field not in self._misfits:
            name = free_name(_MISFIT.format(field), {column.name for column in self})
            self._misfits[field] = Column(field, name, "json")
        return self._misfits[field]


def select(file: RowFile) -> str:
    """SQL that reads a file of rows."""
    return _select_texts(file) if file.texts else _select_records(file)


def needs_care(table: Table, lines: bytes) -> bool:
    """Whether messages must be taken apart: they may have values that DuckDB would change or refuse."""
    return not table.fits or bool(exact_json.lines_with_long_numbers(lines))


def without_nul(file: RowFile) -> Callable[[Column], str]:
    """SQL for the value of a column of a file, JSON as text, with U+FFFD for U+0000, which PostgreSQL does not store."""
    has_nul = b"\\u0000" in file.path.read_bytes()

    def value(column: Column) -> str:
        name = quoted(column.name)
        if column.kind == "json":
            text = f"{name}::VARCHAR"
            # After an even number of backslashes: after an odd one it is a text about an escape. Twice, as one match takes
            # the character before it, which may be the end of another.
            for _ in range(2 * has_nul):
                text = rf"regexp_replace({text}, '(^|[^\\])((?:\\\\)*)\\u0000', '\1\2\\ufffd', 'g')"
            return text
        return f"replace({name}, chr(0), chr(65533))" if column.kind == "text" and has_nul else name

    return value


def quoted(name: str) -> str:
    """A name in SQL."""
    return '"{}"'.format(name.replace('"', '""'))


def literal(text: str) -> str:
    """A text in SQL."""
    return "'{}'".format(text.replace("'", "''"))


def _select_records(file: RowFile) -> str:
    fields = ", ".join(f"{literal(column.field)}: '{_sent_as(column.kind)}'" for column in file.columns)
    shown = ", ".join(
        f"{quoted(column.field)}::{SQL_TYPES[column.kind]} AS {quoted(column.name)}" for column in file.columns
    )
    return f"SELECT {shown} FROM {_reader(file, fields)}"


def _select_texts(file: RowFile) -> str:
    fields = ", ".join(f"{literal(column.name)}: 'VARCHAR'" for column in file.columns)
    shown = ", ".join(f"{_from_text(column)} AS {quoted(column.name)}" for column in file.columns)
    return f"SELECT {shown} FROM {_reader(file, fields)}"


def _reader(file: RowFile, columns: str) -> str:
    longest = max(_LEAST_LINE_BYTES, file.longest)
    return (
        f"read_json({literal(str(file.path))}, format='newline_delimited', columns={{{columns}}}, "
        f"maximum_object_size={longest})"
    )


def _records(lines: bytes) -> Iterator[Mapping[str, Any]]:
    for line in lines.split(b"\n"):
        if line:
            yield exact_json.loads(line)


def _sent_as(kind: Kind) -> str:
    return {"date": "VARCHAR", "time": "VARCHAR", "milliseconds": "BIGINT"}.get(kind, SQL_TYPES[kind])


def _from_text(column: Column) -> str:
    name = quoted(column.name)
    if column.kind == "milliseconds":
        return f"make_timestamptz({name}::BIGINT * 1000)"
    return f"{name}::{SQL_TYPES[column.kind]}"


def _text(value: Any, kind: Kind) -> str | None:
    """A value as a text that its column's type accepts; None if it does not fit."""
    if kind == "json":
        return _json(value)
    if kind == "text":
        return value if isinstance(value, str) else _json(value)
    if kind == "boolean":
        return _json(value) if isinstance(value, bool) else None
    if kind == "time":
        return rfc3339(value)
    if kind == "date":
        return value if isinstance(value, str) and is_date(value) else None
    if isinstance(value, bool):
        return None
    if kind == "number":
        return _json(value) if isinstance(value, (int, float)) else None
    fits = isinstance(value, int) and value in (_MILLISECONDS if kind == "milliseconds" else _INTEGERS)
    return str(value) if fits else None


def _json(value: Any) -> str:
    return exact_json.dumps(value).decode()

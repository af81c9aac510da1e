"""What dlt is told about tables, and rows for it as Arrow tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import duckdb
import pyarrow

from source_iterable.load.rows import RowFile, quoted, select
from source_iterable.load.tables import Column, Kind, Table

DATA_TYPES: dict[Kind, str] = {
    "text": "text",
    "integer": "bigint",
    "number": "double",
    "boolean": "bool",
    "time": "timestamp",
    "milliseconds": "timestamp",
    "json": "json",
}
_KINDS: dict[Any, Kind] = {data_type: kind for kind, data_type in reversed(DATA_TYPES.items())}
# DuckDB is only a parser here.
_MEMORY = "100MB"


def hints(table: Table, columns: Iterable[Column]) -> dict[str, Any]:
    """The parameters of dlt.resource and make_hints for a table: its name, write disposition, key and column types."""
    return {
        "table_name": table.name,
        "columns": {column.name: {"data_type": DATA_TYPES[column.kind], "nullable": True} for column in columns},
        "primary_key": list(table.key) or None,
        "write_disposition": "merge" if table.merged else "replace",
    }


def known_columns(table: Mapping[str, Any]) -> dict[str, Kind]:
    """The columns of a table of dlt's schema, by name."""
    return {name: _KINDS.get(column.get("data_type"), "json") for name, column in table["columns"].items()}


def arrow_batches(file: RowFile, without_nul: bool = True) -> Iterator[Any]:
    """The rows of a file as Arrow record batches, JSON as text.

    `without_nul` replaces the character U+0000, which PostgreSQL and its descendants store in no text and no JSON.
    """
    with duckdb.connect(config={"memory_limit": _MEMORY, "threads": 1}) as database:
        without_nul = without_nul and _has_nul(file)
        shown = ", ".join(_shown(column, without_nul) for column in file.columns)
        rows = database.sql(f"SELECT {shown} FROM ({select(file)})")
        yield from pyarrow.RecordBatchReader.from_stream(rows)


def _shown(column: Column, without_nul: bool) -> str:
    name = quoted(column.name)
    shown = f"{name}::VARCHAR" if column.kind == "json" else name
    if without_nul and column.kind == "json":
        # After an even number of backslashes: after an odd one it is a text about an escape. Twice, as one match takes the
        # character before it, which may be the end of another.
        for _ in range(2):
            shown = rf"regexp_replace({shown}, '(^|[^\\])((?:\\\\)*)\\u0000', '\1\2\\ufffd', 'g')"
    elif without_nul and column.kind == "text":
        shown = f"replace({shown}, chr(0), chr(65533))"
    return f"{shown} AS {name}"


def _has_nul(file: RowFile) -> bool:
    return b"\\u0000" in file.path.read_bytes()

"""What dlt is told about tables, and rows for it as Arrow tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import duckdb
import pyarrow

from source_iterable.load.rows import RowFile, quoted, select, without_nul
from source_iterable.load.tables import Column, Kind, Table

DATA_TYPES: dict[Kind, str] = {
    "text": "text",
    "integer": "bigint",
    "number": "double",
    "boolean": "bool",
    "date": "date",
    "time": "timestamp",
    "milliseconds": "timestamp",
    "json": "json",
}
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


def arrow_batches(file: RowFile) -> Iterator[Any]:
    """The rows of a file as Arrow record batches, JSON as text, without U+0000, which many warehouses do not store."""
    with duckdb.connect(config={"memory_limit": _MEMORY, "threads": 1}) as database:
        nul = without_nul(file)
        shown = ", ".join(f"{nul(column)} AS {quoted(column.name)}" for column in file.columns)
        rows = database.sql(f"SELECT {shown} FROM ({select(file)})")
        yield from pyarrow.RecordBatchReader.from_stream(rows)

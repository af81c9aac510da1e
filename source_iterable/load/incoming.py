"""Incoming rows in DuckDB: a temporary table, each key once, ready to be merged."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from source_iterable.load.destination import DestinationError, Rejected
from source_iterable.load.forgetting import CHUNK
from source_iterable.load.rows import RowFile, literal, quoted, select

# DuckDB's number of a row, which a column of this name hides; and what that is called meanwhile.
_ROWID, _HIDING = "rowid", "_source_iterable_rowid"
# Errors that never quote a value: of files, of tables, of memory; and of a commit that finds the disk full.
_SAFE = (duckdb.IOException, duckdb.CatalogException, duckdb.OutOfMemoryException, duckdb.TransactionException)
# Errors after which no other rows can be written either.
_OF_THE_DATABASE = (duckdb.IOException, duckdb.FatalException, duckdb.InternalException)
# An error of the system as DuckDB quotes it, perhaps within JSON: the file, and why.
_OF_A_FILE = re.compile(r'(?:Could not|Cannot) [a-z ]+ \\?"([^"\\]+)\\?": ([\w ]+)')
# A disk, a quota, or a limit for files.
_FULL = {os.strerror(number) for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)}


def open_database(spill: Path) -> duckdb.DuckDBPyConnection:
    """A database in memory, to which others can be attached. `spill` is the folder for DuckDB's temporary files."""
    # DuckDB 1.4 fails with 160 MB when a commit makes all tables. What it needs is in it; nothing is downloaded.
    limits = {"memory_limit": "256MB", "autoinstall_known_extensions": "false"}
    return duckdb.connect(config={**limits, "temp_directory": str(spill)})


def stage(database: duckdb.DuckDBPyConnection, file: RowFile) -> str:
    """Move the rows of a file to the temporary table `incoming`; of rows with the same key it has the last.

    Returns the SQL condition under which a row of `incoming` replaces the row `old` of the table.
    """
    database.execute(f"CREATE OR REPLACE TEMP TABLE incoming AS {select(file)}")
    table = file.table
    if not table.key:
        return "false"
    same = " AND ".join(f"old.{key} = incoming.{key}" for key in map(quoted, table.key))
    hides = any(column.name == _ROWID for column in file.columns)
    if hides:
        database.execute(f"ALTER TABLE incoming RENAME COLUMN {_ROWID} TO {_HIDING}")
    database.execute(f"DELETE FROM incoming AS old USING incoming WHERE {same} AND old.{_ROWID} < incoming.{_ROWID}")
    if hides:
        database.execute(f"ALTER TABLE incoming RENAME COLUMN {_HIDING} TO {_ROWID}")
    if table.event_time:
        # An event keeps its time: most of a large table need not be looked at.
        time = quoted(table.event_time)
        ((first, last),) = database.sql(f"SELECT min({time})::text, max({time})::text FROM incoming").fetchall()
        if first:
            same += f" AND old.{time} BETWEEN {literal(first)} AND {literal(last)}"
    return same


def fetched(database: duckdb.DuckDBPyConnection, sql: str) -> Iterator[Sequence[tuple[Any, ...]]]:
    """The rows of a query, a few thousand at a time."""
    result = database.execute(sql)
    while rows := result.fetchmany(CHUNK):
        yield rows


def uncompressed(database: duckdb.DuckDBPyConnection, file: str) -> int:
    """The bytes of a Parquet file before they were compressed."""
    sizes = f"SELECT coalesce(sum(total_uncompressed_size), 0)::bigint FROM parquet_metadata({literal(file)})"
    ((size,),) = database.execute(sizes).fetchall()
    return int(size)


@contextmanager
def errors_of(place: str | Path) -> Iterator[None]:
    """What goes wrong with DuckDB, or with its files at `place`, raises DestinationError."""
    try:
        yield
    except duckdb.Error as error:
        said = str(error).split("\n")[0] if isinstance(error, _SAFE) else type(error).__name__
        if "Could not set lock" in said:
            raise DestinationError(f"{place} is open in another program: close it there first.") from None
        if found := _OF_A_FILE.search(said):
            raise _unwritable(*found.groups()) from None
        kind = DestinationError if isinstance(error, _OF_THE_DATABASE) else Rejected
        raise kind(f"DuckDB cannot write {place}: {said}") from None
    except OSError as error:
        raise _unwritable(error.filename or place, error.strerror or str(error)) from None


def _unwritable(path: str | Path, why: str) -> DestinationError:
    advice = " Free space there, and run the load again: what was committed is kept." if why in _FULL else ""
    return DestinationError(f"{path} cannot be written: {why}.{advice}")

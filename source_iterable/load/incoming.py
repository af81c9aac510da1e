"""Incoming rows in DuckDB: a temporary table, each key once, ready to be merged."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from source_iterable.load.destination import DestinationError
from source_iterable.load.rows import RowFile, literal, quoted, select
from source_iterable.load.tables import Table

# Bytes of a load's memory that are DuckDB's; beyond them it uses files. DuckDB 1.4 fails with 160 MB when a commit makes all
# tables.
_MEMORY = "256MB"
# How DuckDB tells an error of the system, perhaps within JSON. That alone: others may quote a value.
_SYSTEM = "|".join(re.escape(os.strerror(each)) for each in errno.errorcode)
_OF_A_FILE = re.compile(rf'(?:Could not|Cannot) [a-z ]+ \\?"(?P<path>[^"\\]+)\\?": (?P<why>{_SYSTEM})', re.IGNORECASE)
# A disk, a quota, or a limit for files.
_FULL = {os.strerror(number) for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)}


def open_database(spill: Path) -> duckdb.DuckDBPyConnection:
    """A database in memory, to which others can be attached; `spill` is the folder that it may use for temporary files."""
    return duckdb.connect(
        config={
            "memory_limit": _MEMORY,
            "temp_directory": str(spill),
            # What it needs is in it; nothing is downloaded.
            "autoinstall_known_extensions": "false",
        }
    )


def run(database: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    """The rows that a statement returns."""
    return database.execute(sql).fetchall()


def take_in(database: duckdb.DuckDBPyConnection, table: Table, file: RowFile) -> None:
    """Make the temporary table `incoming` of a file's rows. Of rows with the same key it has the last."""
    run(database, f"CREATE OR REPLACE TEMP TABLE incoming AS {select(file)}")
    if not table.key:
        return
    keys = ", ".join(map(quoted, table.key))
    known = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in table.key)
    ((repeated,),) = run(database, f"SELECT count(*) - count(DISTINCT ({keys})) FROM incoming WHERE {known}")
    if repeated:
        run(
            database,
            f"DELETE FROM incoming WHERE rowid IN (SELECT rowid FROM incoming WHERE {known} "
            f"QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY rowid DESC) > 1)",
        )


def event_times(database: duckdb.DuckDBPyConnection, table: Table) -> tuple[str, str] | None:
    """The first and the last event time in `incoming`, if it has any."""
    if not table.event_time:
        return None
    time = quoted(table.event_time)
    ((first, last),) = run(database, f"SELECT min({time})::VARCHAR, max({time})::VARCHAR FROM incoming")
    return None if first is None else (first, last)


def replaced_by_incoming(table: Table, times: tuple[str, str] | None) -> str:
    """The condition under which a row `old` is replaced by one of `incoming`, which has events of these times."""
    same = " AND ".join(f"old.{quoted(name)} = incoming.{quoted(name)}" for name in table.key)
    if table.event_time and times:
        # An event keeps its time: most of a large table need not be looked at.
        same += f" AND old.{quoted(table.event_time)} BETWEEN {literal(times[0])} AND {literal(times[1])}"
    return same


@contextmanager
def errors_of(place: Path) -> Iterator[None]:
    """What goes wrong with DuckDB, or with its files at `place`, raises DestinationError."""
    try:
        yield
    except duckdb.Error as error:
        said = str(error).split("\n")[0]
        if "Could not set lock" in said:
            raise DestinationError(f"{place} is open in another program: close it there first.") from None
        # Whatever was being done then: a commit that finds the disk full is a TransactionException.
        if found := _OF_A_FILE.search(said):
            raise DestinationError(_unwritable(found["path"], found["why"])) from None
        speaks = isinstance(error, (duckdb.IOException, duckdb.CatalogException, duckdb.OutOfMemoryException))
        raise DestinationError(f"DuckDB cannot write {place}: {said if speaks else type(error).__name__}") from None
    except OSError as error:
        path = error.filename or place
        raise DestinationError(_unwritable(path, error.strerror or str(error))) from None


def _unwritable(path: str | Path, why: str) -> str:
    advice = " Free space there, and run the load again: what was committed is kept." if why in _FULL else ""
    return f"{path} cannot be written: {why}.{advice}"

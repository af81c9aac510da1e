"""Incoming rows in DuckDB: each key once, and errors that show no values."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from source_iterable.load.destination import DestinationError
from source_iterable.load.incoming import errors_of, open_database, stage
from source_iterable.load.rows import RowFile
from source_iterable.load.tables import Column, Table, table_of
from source_iterable.records.batch import batch_of
from source_iterable.streams.table import STREAMS
from unit_tests.contexts import a_config


def test_of_rows_with_the_same_key_the_last_is_staged_and_all_without_a_key(tmp_path: Path) -> None:
    users = table_of(STREAMS["users"], a_config())
    emails = ["a", None, "b", "a", None]
    file = RowFile(tmp_path / "rows.jsonl", users, texts=False)
    file.write(batch_of("users", [{"email": email, "data": {"n": n}} for n, email in enumerate(emails)]).lines, 5)
    with open_database(tmp_path) as database:
        assert stage(database, file) == 'old."email" = incoming."email"'
        staged = database.execute("SELECT data->>'n' FROM incoming ORDER BY 1").fetchall()
    assert staged == [("1",), ("2",), ("3",), ("4",)]
    assert file.path.exists(), "it is needed until the commit"


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (
            duckdb.ConversionException('Conversion Error: Could not convert string "SECRET": No such kind'),
            "DuckDB cannot write {}: ConversionException",
        ),
        (
            duckdb.IOException('IO Error: Could not write file "/lake/x": No space left on device\nat SECRET'),
            "/lake/x cannot be written: No space left on device. Free space there, and run the load again: what was "
            "committed is kept.",
        ),
        (
            duckdb.TransactionException(
                'Failed to commit: {"exception_message":"Cannot open file \\"/x\\": File too large"}'
            ),
            "/x cannot be written: File too large. Free space there, and run the load again: what was committed is kept.",
        ),
        (
            duckdb.IOException('IO Error: Could not set lock on file "/x": Conflicting lock is held'),
            "{} is open in another program: close it there first.",
        ),
        (duckdb.IOException("IO Error: not a valid DuckDB database file!"), "DuckDB cannot write {}: IO Error: not a "),
        (PermissionError(13, "Permission denied", "/lake"), "/lake cannot be written: Permission denied."),
    ],
)
def test_an_error_says_what_is_wrong_and_quotes_no_value(raised: Exception, told: str, tmp_path: Path) -> None:
    with pytest.raises(DestinationError) as caught, errors_of(tmp_path):
        raise raised
    assert str(caught.value).startswith(told.format(tmp_path))
    assert "SECRET" not in str(caught.value)


def test_a_column_may_be_called_rowid(tmp_path: Path) -> None:
    columns = (Column("email", "email", "varchar"), Column("rowid", "rowid", "bigint"))
    users = Table("users", columns, ("email",), merged=True, event_time=None, fits=True, schema={})
    file = RowFile(tmp_path / "rows.jsonl", users, texts=False)
    file.write(batch_of("users", [{"email": "a", "rowid": 9}, {"email": "b"}, {"email": "a", "rowid": 1}]).lines, 3)
    with open_database(tmp_path) as database:
        stage(database, file)
        assert database.execute("FROM incoming ORDER BY 1").fetchall() == [("a", 1), ("b", None)]

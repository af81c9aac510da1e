"""Forgetting: where in the rows of a table an identifier may be."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from source_iterable.load.destination import DestinationError
from source_iterable.load.duckdb_file import DuckDBFile
from source_iterable.load.forgetting import Part, forget
from source_iterable.load.persons import Persons, identifying
from source_iterable.load.rows import Spool
from source_iterable.load.tables import table_of
from source_iterable.records.batch import batch_of
from source_iterable.records.private_fields import mark_of_options
from source_iterable.streams.table import STREAMS
from unit_tests.contexts import a_config


def test_identifiers_are_in_their_columns_and_in_data() -> None:
    part = Part("email_send", False, "email_send", '"email_send"', {"email": "varchar", "data": "json"})
    assert [(column, sql) for column, sql, _ in part.identifiers()] == [
        ("email", '"email"'),
        ("email", "(data ->> 'email')"),
        ("user_id", "(data ->> 'userId')"),
        ("itbl_user_id", "(data ->> 'itblUserId')"),
    ]
    assert list(part._replace(table="campaigns").identifiers()) == []
    assert list(part._replace(columns={"_event_id": "varchar"}).identifiers()) == []


def test_an_error_after_the_commit_says_that_the_rows_are_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def settle(self: DuckDBFile) -> None:
        raise DestinationError("The disk is full.")

    monkeypatch.setattr(DuckDBFile, "settle", settle)
    persons = Persons(str)
    persons.add("email", "a@x.com")
    with closing(DuckDBFile(tmp_path / "x.duckdb", "iterable", "")) as destination:
        spool = Spool(tmp_path, destination.add)
        spool.add(table_of(STREAMS["users"], a_config()), batch_of("users", [{"email": "a@x.com", "data": {}}]))
        spool.flush()
        destination.commit({})
        with pytest.raises(DestinationError, match="^The rows are deleted, but .*: The disk is full.$"):
            forget(destination, persons, "", forgotten=False)
        assert destination.run("FROM users") == []


def test_tables_of_persons_have_the_mark_of_the_options() -> None:
    config = a_config(hashed_fields=["email"], hash_salt="pepper")
    marks = {table_of(STREAMS[name], config).private for name in STREAMS if identifying(name)}
    assert marks == {mark_of_options(config)}

"""Forgetting: where in the rows of a table an identifier may be."""

from __future__ import annotations

from source_iterable.load.forgetting import Part
from source_iterable.load.persons import identifying
from source_iterable.load.tables import table_of
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


def test_tables_of_persons_have_the_mark_of_the_options() -> None:
    config = a_config(hashed_fields=["email"], hash_salt="pepper")
    marks = {table_of(STREAMS[name], config).private for name in STREAMS if identifying(name)}
    assert marks == {mark_of_options(config)}

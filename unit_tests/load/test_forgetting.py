"""Forgetting: which table's rows a table of a database has."""

from __future__ import annotations

import pytest

from source_iterable.load.forgetting import Part, table_in


@pytest.mark.parametrize(
    ("name", "table", "waiting"),
    [
        ("email_send", "email_send", False),
        ("_loading_list_users", "list_users", True),
        ("_loading_list_users_0a1b2c3d", "list_users", True),
        ("_loading_events_0a1b2c3d", "events", True),
        ("_source_iterable_states", "_source_iterable_states", False),
    ],
)
def test_rows_that_wait_belong_to_their_table(name: str, table: str, waiting: bool) -> None:
    assert table_in(name) == (table, waiting)


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

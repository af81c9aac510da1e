"""Forgetting: where in the rows of a table an identifier may be."""

from __future__ import annotations

from source_iterable.load.forgetting import Part


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

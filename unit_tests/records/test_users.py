"""Records of users: declared fields are columns, whichever way they are written; all others go under `data`."""

import json

import orjson

from source_iterable.records.schemas import load_schema
from source_iterable.records.users import UserRecords


def test_users_keep_dotted_names_at_the_top_level_and_all_else_under_data() -> None:
    records = UserRecords("users", load_schema("users", required=["profileUpdatedAt"]), "email")
    line = orjson.dumps(
        {
            "email": "a@example.com",
            "profileUpdatedAt": "2021-04-14 16:52:42 +00:00",
            "itblInternal.emailDomain": "example.com",
            "favouriteColour": "green",
            "data": {"own": 1},
            "phoneNumber": 49123,
        }
    )
    data = json.loads(records.parse(line).batch.lines)
    assert data["profileUpdatedAt"] == "2021-04-14T16:52:42+00:00"
    assert data["itblInternal.emailDomain"] == "example.com"
    assert data["data"] == {"favouriteColour": "green", "data": {"own": 1}, "phoneNumber": 49123}


def test_fields_of_users_in_objects_fill_the_columns_that_are_named_like_them() -> None:
    records = UserRecords("users", load_schema("users", required=["profileUpdatedAt"]), "email")
    nested = {
        "email": "a@example.com",
        "profileUpdatedAt": "2021-04-14 16:52:42 +00:00",
        "itblInternal": {"emailDomain": "example.com", "documentUpdatedAt": "2021-04-14 16:52:42 +00:00", "own": 1},
        "itblDS": {"brandAffinityLabel": "loyal", "predictiveGoals": {"a": 0.5}},
        "address": {"city": "Bonn"},
    }
    dotted = {
        f"{outer}.{inner}": value for outer in ("itblInternal", "itblDS") for inner, value in nested[outer].items()
    }  # type: ignore[attr-defined]
    flat = {**{name: value for name, value in nested.items() if not name.startswith("itbl")}, **dotted}
    for line in (nested, flat, nested, nested, flat, flat):
        data = json.loads(records.parse(orjson.dumps(line)).batch.lines)
        assert data["itblInternal.emailDomain"] == "example.com"
        assert data["itblInternal.documentUpdatedAt"] == "2021-04-14T16:52:42+00:00"
        assert data["itblDS.brandAffinityLabel"] == "loyal"
        assert data["itblDS.predictiveGoals"] == {"a": 0.5}
        own = {"itblInternal": {"own": 1}} if line is nested else {"itblInternal.own": 1}
        assert data["data"] == {"address": {"city": "Bonn"}, **own}


def test_users_without_their_key_are_counted_whichever_way_they_are_read() -> None:
    records = UserRecords("users", load_schema("users", required=["profileUpdatedAt"]), "email")
    with_key, without = {"email": "a@example.com", "userId": "1"}, {"userId": "2"}
    lines = [with_key, without, {**without, "email": None}, {**without, "email": ""}, {**without, "email": 5}, with_key]
    for _ in range(3):
        before = records.without_key
        assert records.parse(b"".join(orjson.dumps(line) + b"\n" for line in lines)).batch.count == 6
        assert records.without_key - before == 4
    assert UserRecords("users", load_schema("users"), "email").parse(orjson.dumps(without)).batch.count == 1


def test_an_object_keeps_what_does_not_fit_the_column_of_a_user() -> None:
    records = UserRecords("users", load_schema("users", required=["profileUpdatedAt"]), "email")
    line = {
        "email": "a@example.com",
        "itblInternal": {"emailDomain": 5, "isUnknownUser": True, "documentCreatedAt": "nope"},
        "itblInternal.isUnknownUser": False,
    }
    data = json.loads(records.parse(orjson.dumps(line)).batch.lines)
    assert data["itblInternal.isUnknownUser"] is False
    assert data["data"] == {"itblInternal": line["itblInternal"]}

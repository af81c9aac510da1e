"""Users: which fields are columns, whichever way they are written, and those who lack the key of a project of this type."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
import requests_mock
from jsonschema import Draft7Validator

from source_iterable.records.schemas import load_schema
from source_iterable.streams.users import UserRecords, Users
from unit_tests.contexts import ROOT, a_config, read

UPDATED = {"profileUpdatedAt": "2024-03-01 01:00:00 +00:00"}
NAMED = {"email": "a@example.com", "itblUserId": "i1", **UPDATED}
NAMELESS: list[dict[str, Any]] = [
    {"userId": "u1", **UPDATED},
    {"email": None, "userId": "u2", **UPDATED},
    {"email": "", **UPDATED},
    # These have one, but not as their own.
    {"email": 7, **UPDATED},
    {"profile": {"email": "b@example.com"}, "text": '"email":"c@example.com"', "data": {"email": "d"}, **UPDATED},
    {"number": int("9" * 30), "deep": json.loads("[" * 300 + "]" * 300), **UPDATED},
]
OPTIONS = {"export_method": "streaming", "start_date": "2024-03-01T00:00:00Z", "end_date": "2024-03-02T00:00:00Z"}


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


@pytest.mark.parametrize(
    ("project_type", "key", "advice"),
    [
        ("Email-based", "email", "set project_type to Hybrid; or sync with Append"),
        ("Hybrid", "itblUserId", "Sync with Append"),
        ("UserID-based", "itblUserId", "Sync with Append"),
    ],
)
@pytest.mark.parametrize("private", [{}, {"hashed_fields": ["email", "itblUserId"]}, {"excluded_fields": ["text"]}])
def test_users_without_their_key_are_emitted_counted_and_fit_the_schema(
    project_type: str,
    key: str,
    advice: str,
    private: dict[str, Any],
    requests_mock: requests_mock.Mocker,
    caplog: pytest.LogCaptureFixture,
) -> None:
    nameless = [{name.replace("email", key): value for name, value in user.items()} for user in NAMELESS]
    users = [NAMED, *nameless, NAMED]
    requests_mock.get(f"{ROOT}export/data.json", text="".join(json.dumps(user) + "\n" for user in users))
    result = read(Users(), project_type=project_type, **OPTIONS, **private)
    assert result.error is None
    assert len(result.records) == len(users)
    schema = Users().schema(a_config(project_type=project_type, **private))
    for record in result.records:
        Draft7Validator(schema).validate(record)
    (told,) = (text for text in warnings(caplog) if text.startswith("users: "))
    assert told.startswith(f"users: {len(nameless)} of these users have no {key}, which is the key in projects of type")
    assert project_type in told
    assert advice in told


def test_users_with_their_key_are_no_reason_for_a_warning(
    requests_mock: requests_mock.Mocker, caplog: pytest.LogCaptureFixture
) -> None:
    requests_mock.get(f"{ROOT}export/data.json", text=(json.dumps(NAMED) + "\n") * 3)
    assert len(read(Users(), **OPTIONS).records) == 3
    assert warnings(caplog) == []


def test_the_cursor_is_never_null() -> None:
    columns = Users().schema(a_config())["properties"]
    assert columns["email"]["type"] == ["null", "string"]
    assert columns["profileUpdatedAt"]["type"] == "string"


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

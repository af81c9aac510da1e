"""Users who lack the column that identifies them in a project of this type: none is lost, and the log tells how many."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests_mock
from jsonschema import Draft7Validator

from source_iterable.streams.users import Users, discovered_columns
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


def test_only_top_level_fields_become_columns() -> None:
    schema = {"properties": {"email": {"type": "string"}, "data": {"type": ["null", "object"]}}}
    fields = {
        "email": "string",
        "data": "object",
        "a.b": "string",
        "a": "object",
        "": "string",
        "n": "Long",
        "x": "new",
    }
    columns = discovered_columns(schema, fields)["properties"]
    assert list(columns) == ["email", "a", "n", "data"]
    assert columns["n"]["type"] == ["null", "integer"]

"""Own fields: which of the project's own profile fields are columns of users, and what is said of the others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

import pytest
import requests_mock

from source_iterable.api.client import IterableClient
from source_iterable.reading.stream import no_column
from source_iterable.streams.own_fields import MOST, configured, discovered, with_own_columns
from source_iterable.streams.users import Users
from unit_tests.contexts import ROOT, a_config, a_context, read

SCHEMA = {"properties": {"email": {"type": "string"}, "data": {"type": ["null", "object"]}}}
MANY = [f"f{number:04}" for number in range(2_000)]


def own_columns(names: Iterable[str], is_column: Callable[[str], bool] = no_column) -> tuple[list[str], list[str]]:
    """The own fields that are columns, and those that are not."""
    schema, others = with_own_columns(SCHEMA, discovered(dict.fromkeys(names, "string")), is_column)
    columns = list(schema["properties"])
    assert (columns[0], columns[-1]) == ("email", "data")
    return columns[1:-1], others


def discover(fields: dict[str, str], **options: Any) -> dict[str, Any]:
    """The columns of users that discover shows for a project with these fields."""
    config = a_config(user_fields_as_columns=True, **options)
    with requests_mock.Mocker() as iterable:
        iterable.get(f"{ROOT}users/getFields", json={"fields": fields})
        columns: dict[str, Any] = Users().schema(config, IterableClient(config, logging.getLogger("test")))[
            "properties"
        ]
    return columns


def test_only_top_level_fields_of_known_types_become_columns() -> None:
    fields = {
        "email": "string",
        "data": "object",
        "a.b": "string",
        "a": "object",
        "": "string",
        "n": "Long",
        "x": "new",
    }
    schema, others = with_own_columns(SCHEMA, discovered(fields), no_column)
    assert list(schema["properties"]) == ["email", "a", "n", "data"]
    assert schema["properties"]["n"]["type"] == ["null", "integer"]
    assert others == []


def test_there_are_at_most_400_the_first_by_name() -> None:
    assert own_columns(reversed(MANY)) == (MANY[:400], MANY[400:])
    assert own_columns(MANY[:400]) == (MANY[:400], [])


def test_those_that_are_columns_already_come_first() -> None:
    columns, others = own_columns(MANY, {"f1999", "f0001", "gone"}.__contains__)
    assert columns == [*MANY[:399], "f1999"]
    assert others == MANY[399:-1]


def test_more_than_400_stay_if_they_are_columns_already_and_no_others_become_any() -> None:
    columns, others = own_columns(MANY, set(MANY[500:]).__contains__)
    assert (columns, others) == (MANY[500:], MANY[:500])


def test_a_read_fills_all_columns_of_its_catalog(requests_mock: requests_mock.Mocker) -> None:
    catalog = {"properties": dict.fromkeys(MANY, {"type": ["null", "string"]})}
    assert len(configured(catalog, no_column)) == 2_000
    user = '{"email":"a@example.com","profileUpdatedAt":"2024-03-01 00:00:00 +00:00","f1999":"x","g":1}'
    requests_mock.get(f"{ROOT}export/data.json", text=user)
    options: dict[str, Any] = {"export_method": "streaming", "end_date": "2024-01-02T00:00:00Z"}
    with a_context(user_fields_as_columns=True, **options) as context:
        context.catalog_schemas = {"users": catalog}
        (record,) = (each for batch in Users().read(context, {}) for each in getattr(batch, "records", list)())
    assert (record["f1999"], record["data"]) == ("x", {"g": 1})
    (record,) = read(Users(), **options).records
    assert record["data"] == {"f1999": "x", "g": 1}


def test_discover_says_once_which_fields_have_no_column(caplog: pytest.LogCaptureFixture) -> None:
    columns = discover(dict.fromkeys(MANY, "string"))
    assert sum(name in columns for name in MANY) == MOST
    (said,) = caplog.messages
    assert said.startswith(
        "users: 1,600 of the project's own profile fields are not columns, and stay in data (f0400, f0401, f0402, …)."
    )
    caplog.clear()
    discover(dict.fromkeys(MANY[:401], "string"))
    assert "users: 1 of" in caplog.text and "(f0400)." in caplog.text
    caplog.clear()
    discover(dict.fromkeys(MANY[:400], "string"))
    assert caplog.messages == []


def test_excluded_fields_take_no_columns_from_others(caplog: pytest.LogCaptureFixture) -> None:
    columns = discover(
        dict.fromkeys(MANY[:401], "long"), excluded_fields=["f0000"], hashed_fields=["f0001"], hash_salt="s"
    )
    assert "f0000" not in columns
    assert columns["f0001"]["type"] == ["null", "string"]
    assert columns["f0400"]["type"] == ["null", "integer"]
    assert caplog.messages == []

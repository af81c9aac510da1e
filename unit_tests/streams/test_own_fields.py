"""Own fields: which of the project's own profile fields are columns of users, and what is said of the others."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
import requests_mock

from source_iterable.api.client import IterableClient
from source_iterable.records.names import free_name, snake_case
from source_iterable.streams.own_fields import MOST, columns_of, configured, discovered, with_own_columns
from source_iterable.streams.users import Users
from unit_tests.contexts import ROOT, a_config, a_context, read

SCHEMA = {"properties": {"email": {"type": "string"}, "data": {"type": ["null", "object"]}}}
MANY = [f"f{number:04}" for number in range(2_000)]


def own_columns(names: Iterable[str], held: Mapping[str, str | None] | None = None) -> tuple[list[str], list[str]]:
    """The own fields that are columns, and those that are not."""
    schema, left_out = with_own_columns(SCHEMA, discovered(dict.fromkeys(names, "string")), held or {})
    columns = list(schema["properties"])
    assert (columns[0], columns[-1]) == ("email", "data")
    return columns[1:-1], [*left_out.unnamed, *left_out.too_many]


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
    schema, left_out = with_own_columns(SCHEMA, discovered(fields), {})
    assert list(schema["properties"]) == ["email", "a", "n", "data"]
    assert schema["properties"]["n"]["type"] == ["null", "integer"]
    assert not any(left_out)


def test_there_are_at_most_400_the_first_by_name() -> None:
    assert own_columns(reversed(MANY)) == (MANY[:400], MANY[400:])
    assert own_columns(MANY[:400]) == (MANY[:400], [])


def test_those_that_are_columns_already_come_first() -> None:
    columns, others = own_columns(MANY, {"f1999": "f1999", "f0001": None, "gone": "gone"})
    assert columns == [*MANY[:399], "f1999"]
    assert others == MANY[399:-1]


def test_more_than_400_stay_if_they_are_columns_already_and_no_others_become_any() -> None:
    columns, others = own_columns(MANY, dict.fromkeys(MANY[500:]))
    assert (columns, others) == (MANY[500:], MANY[:500])


# Names that some destination makes one, or keeps for itself.
ALIKE = [
    *[
        ["firstName", "first_name"],
        ["Age", "age"],
        ["na!e", "na%e"],
        ["日本", "語語"],
        ['a"b', "a'b"],
        ["fooBar", "foobar"],
    ],
    *[["Email"], ["email "], ["EMAIL"], ["Data"], ["x" * 64], ["a\0b"]],
    *[[name] for name in ("ctid", "XMIN", "cmin", "cmax", "xmax", "tableoid", "oid")],
    *[
        [name]
        for name in ("_airbyte_raw_id", "_airbyteId", "_ab_cdc", "_dlt_id", "_DLT_LOAD_ID", "_source_iterable_file")
    ],
    *[
        [name]
        for name in ("_TABLE_SUFFIX", "_file_name", "_PARTITIONTIME", "_ROW_TIMESTAMP", "__ROOT__x", "_COLIDENTIFIER1")
    ],
    *[[name] for name in ("_CHANGE_TYPE", "_change_timestamp", "_Change_Sequence_Number")],
]


@pytest.mark.parametrize("names", ALIKE, ids=ascii)
def test_names_that_become_one_name_are_no_columns(names: list[str]) -> None:
    assert own_columns([*names, "other"]) == (["other"], sorted(names))


@pytest.mark.parametrize(
    "name", ["a'b", "日本", "Größe", "x" * 63, "rowid", "filename", "partition", "xminimum"], ids=ascii
)
def test_a_name_that_is_like_no_other_is_a_column(name: str) -> None:
    assert own_columns([name]) == ([name], [])


def test_of_fields_named_alike_the_one_that_has_the_column_keeps_it() -> None:
    names = ["FIRST_NAME", "firstName", "first_name"]
    assert own_columns(names, {"first_name": "firstName"}) == (["firstName"], ["FIRST_NAME", "first_name"])
    assert own_columns(["first_name"], {"first_name": "firstName"}) == ([], ["first_name"]), "of a field that is gone"


def test_a_column_of_an_earlier_version_is_filled_by_the_field_that_it_had() -> None:
    names, long = ["FIRST_NAME", "firstName", "zip"], "z" * 70
    hashed = {name: free_name(name, [snake_case(name)]) for name in [*names, long]}
    held = dict.fromkeys(["first_name", hashed["firstName"], hashed[long]])
    assert columns_of([*names, long], held) == {
        "FIRST_NAME": "first_name",
        "firstName": hashed["firstName"],
        long: hashed[long],
    }
    assert own_columns([*names, long], held)[0] == ["FIRST_NAME", "firstName", "zip", long]


def test_a_read_fills_all_columns_of_its_catalog(requests_mock: requests_mock.Mocker) -> None:
    catalog = {"properties": dict.fromkeys(MANY, {"type": ["null", "string"]})}
    assert len(configured(catalog, lambda name: False)) == 2_000
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


def test_discover_says_once_which_fields_have_names_of_others(caplog: pytest.LogCaptureFixture) -> None:
    columns = discover(dict.fromkeys(["Email", "user_id", "firstName", "first_name", "age"], "string"))
    assert {"Email", "user_id", "firstName", "first_name"}.isdisjoint(columns)
    assert "age" in columns
    (said,) = caplog.messages
    assert said == (
        "users: 4 of the project's own profile fields are not columns, and stay in data (Email, firstName, first_name, …). "
        "Once cleaned (lower case, words parted by _), their names are those of other columns or fields, or kept by "
        "destinations for themselves, or longer than 63 bytes. Read them from data."
    )


def test_excluded_fields_take_no_columns_from_others(caplog: pytest.LogCaptureFixture) -> None:
    columns = discover(
        dict.fromkeys(MANY[:401], "long"), excluded_fields=["f0000"], hashed_fields=["f0001"], hash_salt="s"
    )
    assert "f0000" not in columns
    assert columns["f0001"]["type"] == ["null", "string"]
    assert columns["f0400"]["type"] == ["null", "integer"]
    assert caplog.messages == []
    assert "firstName" in discover({"firstName": "string", "first_name": "string"}, excluded_fields=["first_name"])
    assert caplog.messages == []

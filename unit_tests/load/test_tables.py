"""Tables: names and types of columns."""

from __future__ import annotations

import logging
from typing import Any

import requests_mock
from dlt.common.normalizers.naming.snake_case import NamingConvention

from source_iterable.api.client import IterableClient
from source_iterable.load.tables import backfill_key, project_of, table_of
from source_iterable.records.names import free_name
from source_iterable.streams.table import STREAMS
from unit_tests.contexts import a_config

CONFIG = a_config()


def test_columns_are_named_as_dlt_names_them() -> None:
    convention = NamingConvention()
    for stream in STREAMS.values():
        columns = table_of(stream, CONFIG).columns
        assert [column.name for column in columns] == [
            convention.normalize_identifier(column.field) for column in columns
        ]
        assert len({column.name for column in columns}) == len(columns)


def users_of(names: list[str], held: dict[str, str | None], **options: Any) -> dict[str, str]:
    """The columns of users by field, in a project with these fields of its own."""
    config = a_config(user_fields_as_columns=True, **options)
    with requests_mock.Mocker() as iterable:
        iterable.get(requests_mock.ANY, json={"fields": dict.fromkeys(names, "string")})
        client = IterableClient(config, logging.getLogger())
        table = table_of(STREAMS["users"], config, client, {"users": held}.__getitem__)
    assert table.own == tuple(column for column in table.columns if column.field in names)
    return {column.field: column.name for column in table.columns}


def test_own_profile_fields_keep_the_columns_that_a_table_has() -> None:
    long = "zz" * 45
    names = [*(f"field{number:03}" for number in range(400)), "zipCode", "zone", long]
    first = users_of(names, {})
    second = users_of(names, {"email": None, "zip_code": "zipCode", free_name(long, ()): None})
    standard = len(table_of(STREAMS["users"], CONFIG).columns)
    assert len(first) == len(second) == standard + 400
    assert {field: second[field] for field in second.keys() - first.keys()} == {
        "zipCode": "zip_code",
        long: free_name(long, ()),
    }


def test_no_own_profile_field_has_the_column_of_a_standard_one() -> None:
    held: dict[str, str | None] = {"email": None, "city": None, free_name("Email", ["email"]): None}
    columns = users_of(["Email", "EMAIL", "City"], held, excluded_fields=["city"])
    assert columns["email"] == "email"
    assert columns["Email"] == free_name("Email", ["email"])
    assert {"EMAIL", "City"}.isdisjoint(columns)


def test_times_are_times_however_they_are_sent_unless_they_are_hashed() -> None:
    types = {column.field: column.type for column in table_of(STREAMS["campaigns"], CONFIG).columns}
    assert (types["createdAt"], types["id"], types["sendSize"]) == ("timestamptz", "bigint", "bigint")
    hashed = table_of(STREAMS["campaigns"], a_config(hashed_fields=["createdAt"], hash_salt="pepper"))
    assert {column.field: column.type for column in hashed.columns}["createdAt"] == "varchar"


def test_a_table_has_the_mark_of_options_that_may_hide_something_in_it() -> None:
    hidden = a_config(hashed_fields=["email"])
    marks = {name: table_of(STREAMS[name], hidden).private for name in STREAMS}
    assert {name for name, mark in marks.items() if not mark} >= {"forgotten_users", "list_sizes"}
    assert {marks[name] for name in ("users", "email_send", "campaigns", "campaigns_metrics_daily")} == {
        marks["events"]
    }
    salted = {name: table_of(stream, a_config(hash_salt="pepper")).private for name, stream in STREAMS.items()}
    assert {name for name, mark in salted.items() if mark} == {
        name for name, stream in STREAMS.items() if stream.key(CONFIG) == ["_event_id"]
    }
    assert len({salted["email_send"], salted["events"], ""}) == 2
    assert all(table_of(STREAMS["list_sizes"], a_config(hashed_fields=[name])).private for name in ("listId", "size"))
    assert not any(table_of(stream, CONFIG).private for stream in STREAMS.values())


def test_only_backfills_with_an_end_have_states_of_their_own() -> None:
    assert backfill_key(CONFIG) == ""
    ends = (backfill_key(a_config(end_date=f"2024-0{month}-01T00:00:00Z")) for month in (2, 3))
    assert len({"", *ends}) == 3


def test_a_project_is_in_key_columns_and_the_key_of_states() -> None:
    config = a_config(project="us", end_date="2024-02-01T00:00:00Z")
    table = table_of(STREAMS["email_send"], config)
    assert (table.key, table.project, table.event_time) == (("_event_id", "project"), "us", "created_at")
    assert "project" in {column.name for column in table.columns}
    assert table.own == ()
    assert table.private == table_of(STREAMS["email_send"], CONFIG).private
    keys = [backfill_key(each) for each in (config, a_config(project="us"), a_config(end_date="2024-02-01T00:00:00Z"))]
    assert [project_of(key) for key in keys] == ["us", "us", ""]
    # "private" is where dlt's states have the mark of the private options.
    assert len({"", "private", *keys}) == 5
    assert backfill_key(a_config(project="private")) != "private"


def test_what_is_read_whole_is_replaced() -> None:
    merged = {name for name, stream in STREAMS.items() if table_of(stream, CONFIG).merged}
    assert merged.isdisjoint(("campaigns", "templates", "journeys", "lists"))
    assert merged >= {"users", "email_send", "template_contents", "template_locales", "list_sizes"}

"""Tables: names and types of columns."""

from __future__ import annotations

import logging

import requests_mock
from dlt.common.normalizers.naming.snake_case import NamingConvention

from source_iterable.api.client import IterableClient
from source_iterable.load.tables import backfill_key, free_name, snake_case, table_of
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
    for odd in ("a b", "Äx", "fooBAR", "URLId", "x1Y2", "__b", "a__b", "1a", "foo-bar", "x_", "emailSMS2Go", "a.b"):
        assert snake_case(odd) == convention.normalize_identifier(odd)


def test_two_columns_never_share_a_name() -> None:
    assert free_name("x" * 90, {}) != free_name("x" * 91, {})
    assert free_name("fooBar", {"foo_bar": None}) not in ("foo_bar", "fooBar")
    taken = {"foo_bar", free_name("fooBar", {"foo_bar"})}
    assert free_name("fooBar", taken) not in taken
    assert all(len(free_name("f" * length, {"f" * length: None})) <= 63 for length in (50, 56, 60, 62, 63, 90))


def test_own_profile_fields_that_are_named_alike_have_columns_of_their_own() -> None:
    config = a_config(user_fields_as_columns=True)
    with requests_mock.Mocker() as iterable:
        iterable.get(requests_mock.ANY, json={"fields": {"fooBar": "string", "foo_bar": "long", "x" * 90: "string"}})
        table = table_of(STREAMS["users"], config, IterableClient(config, logging.getLogger()))
    names = {column.field: column.name for column in table.columns}
    assert len(set(names.values())) == len(table.columns)
    assert {names["fooBar"], names["foo_bar"]} > {"foo_bar"}
    assert all(len(name) <= 63 for name in names.values())


def test_own_profile_fields_keep_the_columns_that_a_table_has() -> None:
    config = a_config(user_fields_as_columns=True)
    long = "zz" * 45
    names = [*(f"field{number:03}" for number in range(400)), "zipCode", "zone", long]
    with requests_mock.Mocker() as iterable:
        iterable.get(requests_mock.ANY, json={"fields": dict.fromkeys(names, "string")})
        users, client = STREAMS["users"], IterableClient(config, logging.getLogger())
        first = table_of(users, config, client)
        held = {"users": ["email", "zip_code", free_name(long, ())]}
        second = table_of(users, config, client, held.__getitem__)
    standard = len(table_of(users, config).columns)
    assert len(first.columns) == len(second.columns) == standard + 400
    assert {column.field for column in second.columns} - {column.field for column in first.columns} == {"zipCode", long}


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

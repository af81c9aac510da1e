"""Private fields: what is left out of records and schemas, what is hashed, and by which names."""

from __future__ import annotations

import json
import logging
from hashlib import sha256
from typing import Any

import pytest
import requests_mock

from source_iterable.api import exact_json
from source_iterable.config import ConfigError
from source_iterable.errors import IterableError
from source_iterable.records.private_fields import Layout, PrivateFields, mark_of_options
from source_iterable.streams.table import STREAMS, parse_config
from unit_tests.contexts import ROOT, a_config, a_context, gather, read


def hashed(text: str, salt: str = "pepper") -> str:
    return sha256(f"{salt}{text}".encode()).hexdigest()


NOTHING = Layout()


def shown(record: dict[str, Any], *excluded: str, hashed: tuple[str, ...] = (), layout: Layout = NOTHING) -> Any:
    """A record as it is written, in its order."""
    redact = PrivateFields(excluded, hashed, "pepper").redaction("things", layout)
    return json.loads(exact_json.dumps(redact(json.loads(json.dumps(record)))))


@pytest.mark.parametrize(
    ("record", "excluded", "left"),
    [
        ({"ip": "1.2.3.4", "b": 1}, ["ip"], {"b": 1}),
        ({"a": {"ip": "1.2.3.4", "b": 1}}, ["ip"], {"a": {"b": 1}}),
        ({"a": [{"ip": 1}, [{"ip": 2, "b": 3}], "ip"]}, ["ip"], {"a": [{}, [{"b": 3}], "ip"]}),
        ({"a": {"b": {"c": 1}}, "b": {"c": 2}, "c": 3}, ["b.c"], {"a": {"b": {}}, "b": {}, "c": 3}),
        ({"a": {"b": {"c": 1}}, "b": {"c": 2}}, ["a.b.c"], {"a": {"b": {}}, "b": {"c": 2}}),
        ({"a": [{"c": 1, "d": 2}]}, ["a.c"], {"a": [{"d": 2}]}),
        # A dotted name is a path.
        ({"itblInternal.emailDomain": "x", "b": 1}, ["emailDomain"], {"b": 1}),
        ({"itblInternal.emailDomain": "x", "b": 1}, ["itblInternal.emailDomain"], {"b": 1}),
        ({"itblInternal.emailDomain": "x", "b": 1}, ["itblInternal"], {"b": 1}),
        ({"a": {"b.c": 1, "d": 2}}, ["a.b.c"], {"a": {"d": 2}}),
        ({"a.b": {"c": 1, "d": 2}}, ["b.c"], {"a.b": {"d": 2}}),
        # Names are whole, and their case counts.
        ({"emails": 1, "Email": 2, "my_email": 3}, ["email"], {"emails": 1, "Email": 2, "my_email": 3}),
        # The message around a record has such names, too.
        ({"type": 1, "record": 2, "emitted_at": 3, "a": 4}, ["type", "record", "emitted_at"], {"a": 4}),
        ({"a": ',"emitted_at":1', "b": 1}, ["b"], {"a": ',"emitted_at":1'}),
        # Of two rules, the one that shows less.
        ({"a": {"ip": 1}}, ["a.ip", "b.ip"], {"a": {}}),
        # JSON in a text.
        ({"payload": '{"ip": "1.2.3.4", "b": 1}'}, ["ip"], {"payload": '{"b":1}'}),
        ({"payload": ' [{"ip": "1.2.3.4"}]'}, ["ip"], {"payload": "[{}]"}),
        ({"payload": '"{\\"ip\\": \\"1.2.3.4\\"}"'}, ["ip"], {"payload": '"{}"'}),
        ({"payload": '{"b":  1}', "text": '{"tip": not JSON'}, ["ip"], {"payload": '{"b":  1}', "text": '{"tip": not JSON'}),
        ({"text": '{"ip": not JSON', "other": "{'ip': 'x'}"}, ["ip"], {"text": None, "other": None}),
        ({"text": "{tip: not JSON", "b": " A ship: two"}, ["ip"], {"text": "{tip: not JSON", "b": " A ship: two"}),
        ({"text": '{"x":{"ip":"1.2.3.4"},"x":1}'}, ["ip"], {"text": '{"x":1}'}),
        ({"text": '{"\\u0069p":"1.2.3.4"}'}, ["ip"], {"text": "{}"}),
        ({"text": '\ufeff{"ip":"1.2.3.4"}'}, ["ip"], {"text": "{}"}),
        ({"text": '{"ip":"1.2.3.4","v":NaN}'}, ["ip"], {"text": None}),
        ({"text": '{"ip":1}\n{"ip":2}'}, ["ip"], {"text": None}),
        # What only begins like JSON, if it names the field.
        ({"text": "{ip=1.2.3.4, b=2}", "other": '{ip: "1.2.3.4"}'}, ["ip"], {"text": None, "other": None}),
        ({"text": '{"\\u0069p":"1.2.3.4"} x'}, ["ip"], {"text": None}),
        ({"text": '{"\\u0062":1} x'}, ["ip"], {"text": '{"\\u0062":1} x'}),
        ({"text": '{"b":"{ip=1.2.3.4}"}', "other": '"{ip=1.2.3.4}"'}, ["ip"], {"text": '{"b":null}', "other": None}),
        ({"text": '{"b":"ip"}', "other": "null"}, ["ip"], {"text": '{"b":"ip"}', "other": "null"}),
        ({"text": '\x0b{"ip":1}'}, ["ip"], {"text": "{}"}),
        ({"text": "[b] the ip"}, ["ip"], {"text": "[b] the ip"}),
        ({"text": "{Hi|Hello}, the ip"}, ["ip"], {"text": "{Hi|Hello}, the ip"}),
        ({"text": "'{ip=1.2.3.4}'", "other": "\\{ip=1.2.3.4}"}, ["ip"], {"text": None, "other": None}),
        ({"text": "{{ip=1.2.3.4}, b=2}", "other": "[[ip=1.2.3.4]]"}, ["ip"], {"text": None, "other": None}),
        ({"text": "{\\x69p=1.2.3.4}"}, ["ip"], {"text": None}),
        ({"text": '{"b":"[(ip, 1)]"}'}, ["ip"], {"text": '{"b":null}'}),
        ({"text": "{{#if ip}}ip={{ip}}"}, ["ip"], {"text": "{{#if ip}}ip={{ip}}"}),
        ({"text": '{{#if ip}}{"ip":"{{ip}}"}{{/if}}'}, ["ip"], {"text": None}),
        ({"text": "[b] the ip: 1.2.3.4"}, ["ip"], {"text": None}),
        ({"text": '{"ip":1,"a":' + "[" * 2000 + "]" * 2000 + "}"}, ["ip"], {"text": None}),
    ],
)  # fmt: skip
def test_excluded_fields(record: dict[str, Any], excluded: list[str], left: dict[str, Any]) -> None:
    assert json.dumps(shown(record, *excluded)) == json.dumps(left)


def test_data_means_columns_too_where_other_fields_are_in_data() -> None:
    record = {"address": "Here 1", "data": {"address": "Here 2", "b": 1}, "a": {"address": "Here 3"}}
    left = {"data": {"b": 1}, "a": {"address": "Here 3"}}
    assert shown(record, "data.address", layout=Layout(of_people=True)) == left
    assert shown(record, "data.address") == {"address": "Here 1", **left}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("bob@example.com", "bob@example.com"),
        ("Zoë 🎉", "Zoë 🎉"),
        ("", ""),
        (17, "17"),
        (1.5, "1.5"),
        (True, "true"),
        ([1, "b"], '[1,"b"]'),
        ({"b": 1, "a": 2}, '{"a":2,"b":1}'),
    ],
)
def test_a_hash_is_of_the_salt_and_the_text_of_the_value(value: Any, text: str) -> None:
    record = {"a": {"b": value}, "b": value}
    assert shown(record, hashed=("b",)) == {"a": {"b": hashed(text)}, "b": hashed(text)}


def test_data_means_what_is_in_data_in_streams_of_things() -> None:
    record = {"name": "vip", "kind": "a", "data": {"name": "b", "own": "c"}}
    assert shown(record, "data.name", "data.kind") == {"name": "vip", "kind": "a", "data": {"own": "c"}}
    assert shown(record, hashed=("data.name",)) == {**record, "data": {"name": hashed("b"), "own": "c"}}
    config = a_config(excluded_fields=["data.name", "data.updatedAt"], hashed_fields=["data.id"])
    for stream in ("campaigns", "templates", "metadata", "catalogs", "lists"):
        assert STREAMS[stream].schema(config) == STREAMS[stream].schema(a_config())


def test_what_is_excluded_and_hashed_by_another_name_is_excluded() -> None:
    record = {"a": {"email": "x"}, "b": {"email": "x"}}
    for excluded, hash_too in ((("a.email",), ("email",)), (("email",), ("a.email",))):
        assert shown(record, *excluded, hashed=hash_too)["a"] == {}


def test_null_stays_null() -> None:
    assert shown({"b": None}, hashed=("b",)) == {"b": None}


def test_numbers_that_no_float_holds_stay_exact() -> None:
    text = b'{"a":123456789012345678901234567890}'
    record = exact_json.loads(text.replace(b"{", b'{"ip":2,'))
    assert exact_json.dumps(PrivateFields(["ip"]).redaction("things", NOTHING)(record)) == text


def test_a_record_that_is_nested_too_deep_is_not_shown() -> None:
    deep: dict[str, Any] = {}
    for _ in range(900):
        deep = {"a": deep}
    with pytest.raises(IterableError, match="nested too deep"):
        PrivateFields(["ip"]).redaction("things", NOTHING)(deep)


def test_schemas_lack_what_is_excluded_and_have_texts_for_what_is_hashed() -> None:
    config = a_config(excluded_fields=["ip", "items.name"], hashed_fields=["email", "campaignId", "expiresAt"])
    columns = STREAMS["in_app_send"].schema(config)["properties"]
    plain = STREAMS["in_app_send"].schema(a_config())["properties"]
    assert "ip" not in columns
    assert columns["campaignId"]["type"] == ["null", "string"]
    assert {name for name, column in plain.items() if columns.get(name) != column} == {
        "ip",
        "campaignId",
        "expiresAt",
        "transactionalData",
    } & set(plain)
    inner = columns["transactionalData"]["properties"]
    assert inner["campaignId"]["type"] == inner["email"]["type"] == ["null", "string"]
    assert inner["price"] == plain["transactionalData"]["properties"]["price"]
    assert STREAMS["users"].schema(config)["properties"]["email"]["type"] == ["null", "string"]
    assert "format" not in columns.get("expiresAt", {})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"excluded_fields": ["email"]}, "email must stay, because it is in the key of users"),
        ({"excluded_fields": ["data.email"]}, "data.email must stay"),
        ({"excluded_fields": ["itblUserId"], "project_type": "Hybrid"}, "itblUserId must stay"),
        ({"excluded_fields": ["email"], "project_type": "Hybrid"}, "email must stay, because .* key of list_users"),
        ({"excluded_fields": ["userId"], "project_type": "UserID-based"}, "userId must stay, because .* list_users"),
        ({"excluded_fields": ["_event_id"]}, "_event_id must stay"),
        ({"excluded_fields": ["userIdentifier"]}, "in the key of list_users"),
        ({"excluded_fields": ["createdAt"]}, "'excluded_fields': createdAt must stay as it is"),
        ({"hashed_fields": ["profileUpdatedAt"]}, "'hashed_fields': profileUpdatedAt must stay as it is"),
        ({"excluded_fields": ["ip"], "hashed_fields": ["ip"]}, "both name ip"),
        ({"excluded_fields": ["a..b"]}, "excluded_fields.0.*must be the name of a field"),
        ({"hashed_fields": [" "]}, "hashed_fields.0.*must be the name of a field"),
        ({"hashed_fields": "email"}, "'hashed_fields'"),
        ({"hash_salt": 5}, "'hash_salt'"),
    ],
)  # fmt: skip
def test_what_cannot_be_private_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_config({"api_key": "k", "start_date": "2024-01-01T00:00:00Z", **change})


@pytest.mark.parametrize(
    "change",
    [
        {"hashed_fields": ["email", "itblUserId", "name"]},
        {"excluded_fields": ["email"], "project_type": "UserID-based"},
        {"excluded_fields": ["userId", "data.name", " ip "]},
    ],
)
def test_everything_else_is_taken(change: dict[str, Any]) -> None:
    config = parse_config({"api_key": "k", "start_date": "2024-01-01T00:00:00Z", **change})
    assert "ip" in config.excluded_fields or " ip " not in change.get("excluded_fields", ())


@pytest.mark.parametrize(
    ("project_type", "names", "line", "column"),
    [
        ("Email-based", ["email"], "bob@example.com", "email"),
        ("UserID-based", ["userId"], "u-1", "userId"),
        ("Hybrid", ["userId"], "u-1", "userId"),
        # May be either: not shown if one of them must not be.
        ("Hybrid", ["email"], "bob@example.com", None),
        ("Hybrid", ["userId"], "bob@example.com", None),
        ("Email-based", ["userIdentifier", "email"], "bob@example.com", "email"),
    ],
)
def test_the_identifier_of_a_list_follows(project_type: str, names: list[str], line: str, column: str | None) -> None:
    with requests_mock.Mocker() as server:
        server.get(f"{ROOT}lists", json={"lists": [{"id": 1}]})
        server.get(f"{ROOT}lists/getUsers", text=f"{line}\n")
        done = read(STREAMS["list_users"], project_type=project_type, hashed_fields=names, hash_salt="pepper")
    (record,) = done.records
    assert record == {"listId": 1, "userIdentifier": hashed(line), **({column: hashed(line)} if column else {})}


def test_another_identifier_is_shown() -> None:
    with requests_mock.Mocker() as server:
        server.get(f"{ROOT}lists", json={"lists": [{"id": 1}]})
        server.get(f"{ROOT}lists/getUsers", text="u-1\n")
        done = read(STREAMS["list_users"], project_type="Hybrid", hashed_fields=["email"])
    assert done.records == [{"listId": 1, "userIdentifier": "u-1", "userId": "u-1"}]


def test_hashes_of_forgotten_users_stay() -> None:
    with requests_mock.Mocker() as server:
        server.get(f"{ROOT}users/forgotten", json={"hashedEmails": ["abc"]})
        server.get(f"{ROOT}users/forgottenUserIds", json={"hashedUserIds": []})
        done = read(STREAMS["forgotten_users"], hashed_fields=["hash", "identifierType"])
    assert done.records == [{"hash": "abc", "identifierType": "email"}]
    assert "format" not in STREAMS["forgotten_users"].schema(a_config(hashed_fields=["hash"]))["properties"]["hash"]


def test_a_list_with_what_java_prints_is_written_without_it() -> None:
    with requests_mock.Mocker() as server:
        odd = {
            "id": 1,
            "name": "vip",
            "description": "{email=bob@example.com, id=3}",
            "owner": {"note": "{email: 'bob'}"},
        }
        server.get(f"{ROOT}lists", json={"lists": [{**odd, "more": "Mail: bob"}]})
        (record,) = read(STREAMS["lists"], hashed_fields=["email"]).records
    assert (record["description"], record["data"]) == (None, {"owner": {"note": None}, "more": "Mail: bob"})


def test_names_that_nothing_had_are_told(caplog: pytest.LogCaptureFixture) -> None:
    with requests_mock.Mocker() as server, caplog.at_level(logging.WARNING):
        server.get(f"{ROOT}lists", json={"lists": [{"id": 1, "owner": {"mail": "x"}}]})
        # A name of the schema is no typing error, even if no record has it.
        # Nor are the names of a kind.
        with a_context(
            excluded_fields=["owner.mail", "phoneNumer", "description", "kind:place"], hashed_fields=["owner.phone"]
        ) as context:
            gather(STREAMS["lists"].read(context, {}))
            assert not caplog.messages
    assert sorted(message.split("field ")[1].split(",")[0] for message in caplog.messages) == [
        "owner.phone",
        "phoneNumer",
    ]


def test_an_error_does_not_quote_the_user_that_was_asked_for() -> None:
    with requests_mock.Mocker() as server:
        server.get(f"{ROOT}lists", json={"lists": [{"id": 1}]})
        server.get(f"{ROOT}lists/getUsers", text="bob@example.com\n")
        server.get(
            f"{ROOT}export/userEvents",
            status_code=400,
            json={"code": "BadParams", "msg": "no BOB@example.com (bob%40example.com)"},
        )
        done = read(STREAMS["events"], hashed_fields=["email"])
    assert "no **** (****)" in str(done.error)
    assert "b***" not in str(done.error)


def test_a_metadata_key_is_not_quoted(caplog: pytest.LogCaptureFixture) -> None:
    with requests_mock.Mocker() as server, caplog.at_level(logging.DEBUG, "test"):
        server.get(f"{ROOT}metadata", json={"results": [{"name": "users"}]})
        server.get(f"{ROOT}metadata/users", json={"results": [{"key": "bob@example.com"}]})
        server.get(f"{ROOT}metadata/users/bob%40example.com", status_code=404)
        assert read(STREAMS["metadata_entries"], hashed_fields=["key"]).error is None
        assert "entry *** of metadata/users no longer exists" in caplog.text
        server.get(f"{ROOT}metadata/users/bob%40example.com", status_code=400)
        done = read(STREAMS["metadata_entries"], hashed_fields=["key"])
    assert "GET metadata/users/***" in str(done.error)
    assert "bob" not in caplog.text + str(done.error)


def test_with_a_salt_nobody_can_tell_whose_digest_is_in_a_state() -> None:
    def state(server: requests_mock.Mocker, salt: str) -> dict[str, Any]:
        return read(STREAMS["events"], hash_salt=salt).states[-2]

    with requests_mock.Mocker() as server:
        server.get(f"{ROOT}lists", json={"lists": [{"id": 1}]})
        server.get(f"{ROOT}lists/getUsers", text="a@example.com\nb@example.com\n")
        server.get(f"{ROOT}export/userEvents", text="")
        plain, salted = state(server, ""), state(server, "pepper")
        assert salted["after"] != plain["after"]
        server.reset_mock()
        done = read(STREAMS["events"], plain, hash_salt="pepper")
        assert "another hash_salt" in str(done.error)
        assert server.call_count == 0


def test_the_mark_of_options_tells_apart_what_hides_other_fields_or_hashes_them_otherwise() -> None:
    both = {"excluded_fields": ["ip"], "hashed_fields": ["email"], "hash_salt": "pepper"}
    alike = {"excluded_fields": ["ip", "ip"], "hashed_fields": ["email"], "hash_salt": "pepper", "end_date": None}
    others: list[dict[str, Any]] = [
        {**both, "hash_salt": "salt"},
        {**both, "hash_salt": ""},
        {**both, "excluded_fields": []},
        {"excluded_fields": ["email"], "hashed_fields": ["ip"], "hash_salt": "pepper"},
    ]
    marks = [mark_of_options(a_config(**options)) for options in (both, *others)]
    assert mark_of_options(a_config(**alike)) == marks[0]
    assert len(set(marks)) == len(marks)
    assert mark_of_options(a_config(hash_salt="pepper")) == ""


def test_the_mark_of_options_knows_the_salt_where_it_changes_records() -> None:
    def marks(has_ids: bool, **options: Any) -> set[str]:
        return {mark_of_options(a_config(**options, hash_salt=salt), has_ids) for salt in ("", "pepper", "salt")}

    assert len(marks(has_ids=True)) == 3
    assert "" in marks(has_ids=True), "tables that were loaded without any of these options keep their mark"
    assert marks(has_ids=False) == {""}
    assert len(marks(has_ids=False, hashed_fields=["email"])) == 3
    assert len(marks(has_ids=True, excluded_fields=["email"])) == 3
    assert len(marks(has_ids=False, excluded_fields=["email"])) == 1, "nothing is hashed: the records are the same"

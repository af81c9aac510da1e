"""list_users and events: the members of each list, and their events."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from jsonschema import Draft7Validator, FormatChecker

from integration_tests.connector import catalog_for, config_for, sync
from integration_tests.sandbox import Fault, Sandbox, SandboxSettings
from source_iterable.records.schemas import load_schema
from source_iterable.records.timestamps import rfc3339
from source_iterable.streams import user_events
from source_iterable.streams.table import EXPORTS

Record = dict[str, Any]
FIRST, MIDDLE, LAST = 1001, 1022, 1050
KEY = {"list_users": ("listId", "userIdentifier"), "events": ("_event_id",)}


def a_sandbox(**settings: Any) -> Sandbox:
    return Sandbox(SandboxSettings(**{"seed": 5, "users": 60, "days": 10, "events_per_day": 60, **settings}))


def keys(name: str, records: list[Record]) -> Counter[tuple[Any, ...]]:
    return Counter(tuple(record[column] for column in KEY[name]) for record in records)


def members(sandbox: Sandbox, without: tuple[int, ...] = ()) -> Counter[tuple[Any, ...]]:
    """The expected keys of list_users."""
    return Counter(
        (record["listId"], record["userIdentifier"])
        for record in sandbox.truth_list("list_users")
        if record["listId"] not in without
    )


def assert_valid(name: str, records: list[Record], config: Record) -> None:
    (configured,) = catalog_for(config, [name])["streams"]
    validator = Draft7Validator(configured["stream"]["json_schema"], format_checker=FormatChecker())
    for record in records:
        validator.validate(record)


def as_sent(record: Record) -> str:
    """One of our event records as the API sent it, except for its time formats."""
    columns = {name: value for name, value in record.items() if name not in ("_event_id", "data")}
    return json.dumps({**columns, **record["data"]}, sort_keys=True)


def as_read(sent: Record) -> str:
    """An API event with times and embedded JSON in the form of our records."""
    stream = next(each.name for each in EXPORTS if each.data_type == sent["_type"])
    times = [name for name, each in load_schema(stream)["properties"].items() if each.get("format") == "date-time"]
    event = {"itblInternal": {}, **sent}
    for name in times:
        event[name] = rfc3339(event.get(name)) or event.get(name)
    event = {name: value for name, value in event.items() if name in sent or name == "itblInternal"}
    if str(event.get("transactionalData", "")).startswith("{"):
        event["transactionalData"] = json.loads(event["transactionalData"])
    return json.dumps(event, sort_keys=True)


@pytest.mark.parametrize("project_type", ["Email-based", "UserID-based", "Hybrid"])
def test_every_member_of_every_list_is_read_once(project_type: str) -> None:
    with a_sandbox(project_type=project_type) as sandbox:
        config = config_for(sandbox)
        result = sync(config, ["list_users"])
        assert result.failure is None
        assert keys("list_users", result.records["list_users"]) == members(sandbox)
        assert sandbox.count("lists/getUsers") == 8
        assert len(sandbox.requests) == 9
    assert_valid("list_users", result.records["list_users"], config)
    for record in result.records["list_users"]:
        name = record["userIdentifier"]
        known = {"Email-based": {"email": name}, "UserID-based": {"userId": name}}.get(project_type, {})
        if project_type == "Hybrid" and "@" not in name:
            known = {"userId": name}
        assert record == {"listId": record["listId"], "userIdentifier": name, **known}


@pytest.mark.parametrize("project_type", ["Email-based", "UserID-based", "Hybrid"])
def test_every_event_of_every_member_is_read_once_and_whole(project_type: str) -> None:
    with a_sandbox(project_type=project_type) as sandbox:
        config = config_for(sandbox)
        result = sync(config, ["events"])
        users = {name for _, name in members(sandbox)}
        assert result.failure is None
        # In hybrid projects a name with "@" is tried as an email first, and as a userId if that has no events: either it
        # is no email, or nothing has happened to this user.
        tried = {name for name in users if project_type == "Hybrid" and "@" in name}
        twice = {name for name in tried if not sandbox.user_events(name, kinds=("email",))}
        assert {name for name in tried if name.endswith("@login.example")} <= twice
        assert bool(twice) == (project_type == "Hybrid")
        assert sandbox.count("export/userEvents") == len(users) + len(twice)
        assert sandbox.count("lists/getUsers") == 8
        expected = sandbox.truth_list("events")
    records = result.records["events"]
    assert len(records) > 300
    assert sorted(map(as_sent, records)) == sorted(map(as_read, expected))
    assert max(keys("events", records).values()) == 1
    assert_valid("events", records, config)


@pytest.mark.parametrize("salt", ["", "pepper"])
def test_an_event_has_the_same_id_by_streaming_by_job_and_by_its_user(salt: str) -> None:
    types = {stream.name: stream.data_type for stream in EXPORTS if stream.name != "users"}
    with a_sandbox(event_weights=dict.fromkeys(types.values(), 10), events_per_day=1_000) as sandbox:
        config = config_for(sandbox, days=60, hash_salt=salt)
        of_users = sync(config, ["events"]).records["events"]
        exported = [sync({**config, "export_method": method}, types).records for method in ("streaming", "jobs")]
    layout = [{each["_event_id"]: set(each) for each in of_users}]
    for name, data_type in types.items():
        streamed, by_job = (keys("events", records[name]) for records in exported)
        of_type = keys("events", [each for each in of_users if each["_type"] == data_type])
        assert streamed == by_job, name
        # Records without any user are in nobody's history.
        assert set(of_type) <= set(streamed), name
        assert len(of_type) >= 3, name
        for record in exported[0][name]:
            assert set(record) | {"_type"} == layout[0].get(record["_event_id"], set(record) | {"_type"}), name
    assert len({each["_event_id"] for records in exported[0].values() for each in records}) == sum(
        len(keys("events", records)) for records in exported[0].values()
    )


@pytest.mark.parametrize("place", [FIRST, MIDDLE, LAST])
@pytest.mark.parametrize("name", ["list_users", "events"])
def test_a_list_that_iterable_cannot_return_is_retried_and_skipped(
    name: str, place: int, caplog: pytest.LogCaptureFixture
) -> None:
    with a_sandbox() as sandbox:
        sandbox.add_fault(
            Fault("lists/getUsers", "status", times=None, when=lambda e: e.query["listId"] == [str(place)])
        )
        result = sync(config_for(sandbox), [name])
        asked = [entry.query["listId"] for entry in sandbox.requests if entry.endpoint == "lists/getUsers"]
        left = members(sandbox, without=(place,))
        assert result.failure is None
        assert Counter(text for (text,) in asked)[str(place)] == 3
        assert len(asked) == 7 + 3
        if name == "list_users":
            assert keys(name, result.records[name]) == left
        else:
            assert sandbox.count("export/userEvents") == len({user for _, user in left})
            assert max(keys(name, result.records[name]).values()) == 1
    warnings = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert any(f"list {place} skipped" in warning for warning in warnings)
    assert any("1 skipped" in warning for warning in warnings)


HTML = "<!DOCTYPE html><html><body>Log in</body></html>"
# Failures of a list that Iterable did not call its last word.
NOT_ITERABLES_WORD = {
    "cut": Fault("lists/getUsers", "cut", times=None),
    "502": Fault("lists/getUsers", "status", times=None, status=502, body=HTML),
    "503": Fault("lists/getUsers", "status", times=None, status=503, body={"code": "X", "msg": "Unavailable"}),
    "400": Fault("lists/getUsers", "status", times=None, status=400),
    "204": Fault("lists/getUsers", "status", times=None, status=204, body=""),
    "HTML with 200": Fault("lists/getUsers", "status", times=None, status=200, body=HTML),
    "error object with 200": Fault(
        "lists/getUsers", "status", times=None, status=200, body={"code": "GenericError", "msg": "no"}
    ),
    "JSON with 200": Fault("lists/getUsers", "status", times=None, status=200, body={"users": [{"email": "a@b.c"}]}),
    "binary with 200": Fault("lists/getUsers", "status", times=None, status=200, body=b"\x00\x01\x02"),
    "Latin-1 with 200": Fault("lists/getUsers", "status", times=None, status=200, body="jos\xe9@b.c".encode("latin-1")),
}


@pytest.mark.parametrize("kind", NOT_ITERABLES_WORD)
@pytest.mark.parametrize("name", ["list_users", "events"])
def test_a_list_that_could_not_be_read_stays_undone_and_the_next_sync_reads_it(name: str, kind: str) -> None:
    with a_sandbox() as sandbox:
        config = config_for(sandbox)
        fault = Fault(**vars(NOT_ITERABLES_WORD[kind]))
        # The first list has all users: without it, most are known from the others.
        fault.when = lambda entry: entry.query["listId"] == [str(FIRST)]
        sandbox.add_fault(fault)
        first = sync(config, [name])
        error = first.errors[name].error
        assert error is not None
        assert f"list {FIRST}" in error.message
        assert error.failure_type.value == "transient_error"
        assert first.statuses[name][-1] == "INCOMPLETE"
        left = members(sandbox, without=(FIRST,))
        if name == "list_users":
            assert keys(name, first.records[name]) == left
        else:
            assert sandbox.count("export/userEvents") == len({user for _, user in left})
        sandbox.clear_faults()
        sandbox.clear_requests()
        second = sync(config, [name], first.state)
        assert second.failure is None
        if name == "list_users":
            both = keys(name, first.records[name]) + keys(name, second.records[name])
            assert both == members(sandbox)
        else:
            both = first.records[name] + second.records[name]
            distinct = {record["_event_id"]: as_sent(record) for record in both}
            assert sorted(distinct.values()) == sorted(map(as_read, sandbox.truth_list("events")))
        # And then anew.
        third = sync(config, [name], second.state)
        assert len(third.records[name]) == len(sandbox.truth_list(name))


@pytest.mark.parametrize("kind", ["cut", "502", "204", "HTML with 200", "error object with 200"])
def test_users_whose_events_could_not_be_read_are_read_by_the_next_sync(
    kind: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(user_events, "USERS_A_STATE", 7)
    with a_sandbox() as sandbox:
        config = config_for(sandbox)
        by_events = sorted({name for _, name in members(sandbox)}, key=lambda name: len(sandbox.user_events(name)))
        missing = set(by_events[-5:])
        fault = Fault(**{**vars(NOT_ITERABLES_WORD[kind]), "endpoint": "export/userEvents"})
        fault.when = lambda entry: entry.query["email"][0] in missing
        sandbox.add_fault(fault)
        first = sync(config, ["events"])
        assert first.errors["events"].error is not None
        assert "5 of its slices" in first.errors["events"].error.message
        sandbox.clear_faults()
        sandbox.clear_requests()
        second = sync(config, ["events"], first.state)
        assert second.failure is None
        assert sandbox.count("export/userEvents") == 5
        both = first.records["events"] + second.records["events"]
        assert sorted(map(as_sent, both)) == sorted(map(as_read, sandbox.truth_list("events")))
    assert not any(name in f"{caplog.text} {first.errors} {first.states}" for name in missing), "users are not named"


def test_in_hybrid_projects_a_user_id_with_an_at_sign_is_tried_as_both() -> None:
    with a_sandbox(project_type="Hybrid", events_per_day=0) as sandbox:
        sandbox.add_fault(Fault("lists/getUsers", "status", times=None, status=200, body="me@home\nplain-id\n"))
        event = {"createdAt": "2026-01-01 00:00:00 +00:00", "eventName": "x"}
        line = json.dumps(event).encode() + b"\n"
        sandbox.add_fault(
            Fault("export/userEvents", "status", times=None, status=200, body=line, when=lambda e: "userId" in e.query)
        )
        sandbox.add_fault(
            Fault("export/userEvents", "status", times=None, status=200, body="", when=lambda e: "email" in e.query)
        )
        result = sync(config_for(sandbox), ["events", "list_users"])
        asked = [entry.query for entry in sandbox.requests if entry.endpoint == "export/userEvents"]
    assert len(result.records["events"]) == 2
    assert sorted((name, value) for query in asked for name, (value,) in query.items() if "c" not in name) == [
        ("email", "me@home"),
        ("userId", "me@home"),
        ("userId", "plain-id"),
    ]
    columns = {record["userIdentifier"]: set(record) for record in result.records["list_users"]}
    common = {"listId", "userIdentifier"}
    assert columns == {"me@home": common, "plain-id": common | {"userId"}}


def test_a_list_that_breaks_once_is_retried_and_no_user_is_emitted_twice() -> None:
    with a_sandbox() as sandbox:
        # Each strikes one list: a response is tried three times.
        cut = Fault("lists/getUsers", "cut", times=2, at_bytes=300, when=lambda e: e.query["listId"] == [str(FIRST)])
        body = {"code": "Generic Error", "msg": "x"}
        error = Fault("lists/getUsers", "status", body=body, when=lambda e: e.query["listId"] == [str(LAST)])
        sandbox.add_fault(cut)
        sandbox.add_fault(error)
        result = sync(config_for(sandbox), ["list_users"])
        assert result.failure is None
        assert keys("list_users", result.records["list_users"]) == members(sandbox)
    assert (cut.struck, error.struck) == (2, 1)


def test_both_spellings_of_generic_error_and_a_request_timeout_are_recognized() -> None:
    with a_sandbox(events_per_day=0) as sandbox:
        for place, status, body in (
            (FIRST, 500, {"code": "Generic Error", "msg": "An error occurred."}),
            (LAST, 503, {"code": "GenericError", "msg": "Request timeout.  Try again later."}),
        ):
            sandbox.add_fault(
                Fault(
                    "lists/getUsers",
                    "status",
                    times=None,
                    status=status,
                    body=body,
                    when=lambda entry, place=place: entry.query["listId"] == [str(place)],  # type: ignore[misc]
                )
            )
        result = sync(config_for(sandbox), ["list_users"])
        assert result.failure is None
        assert keys("list_users", result.records["list_users"]) == members(sandbox, without=(FIRST, LAST))


def test_a_list_may_end_without_a_newline_and_hold_any_text() -> None:
    names = ["käthe\u2028@example.com", "b@example.com"]
    with a_sandbox(events_per_day=0, lists=1) as sandbox:
        sandbox.add_fault(Fault("lists/getUsers", "status", status=200, body="\r\n\n".join(names)))
        result = sync(config_for(sandbox), ["list_users"])
    assert [record["userIdentifier"] for record in result.records["list_users"]] == names


def test_a_list_deleted_meanwhile_is_skipped_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    gone = Fault("lists/getUsers", "status", times=None, status=404, when=lambda e: e.query["listId"] == [str(MIDDLE)])
    with a_sandbox() as sandbox:
        sandbox.add_fault(gone)
        result = sync(config_for(sandbox), ["list_users"])
        assert result.failure is None
        assert keys("list_users", result.records["list_users"]) == members(sandbox, without=(MIDDLE,))
    assert gone.struck == 1
    assert f"list {MIDDLE} no longer exists" in caplog.text


def test_other_errors_fail_the_stream(caplog: pytest.LogCaptureFixture) -> None:
    with a_sandbox() as sandbox:
        sandbox.add_fault(Fault("lists/getUsers", "status", times=None, status=502, body="<html>"))
        result = sync(config_for(sandbox), ["list_users", "channels"])
        assert result.errors["list_users"].error is not None
        assert result.errors["list_users"].error.failure_type.value == "transient_error"
        assert len(result.records["channels"]) == 5


def test_an_api_outage_is_not_mistaken_for_broken_lists() -> None:
    with a_sandbox(lists=30, events_per_day=0) as sandbox:
        sandbox.add_fault(Fault("lists/getUsers", "status", times=None, status=500))
        result = sync(config_for(sandbox), ["list_users"])
        assert "list_users" in result.errors
        assert sandbox.count("lists/getUsers") < 60


@pytest.mark.parametrize(("status", "skipped"), [(500, "skipped. "), (404, "no longer exists")])
def test_a_user_whose_events_cannot_be_read_is_skipped(
    status: int, skipped: str, caplog: pytest.LogCaptureFixture
) -> None:
    with a_sandbox() as sandbox:
        user = max({name for _, name in members(sandbox)}, key=lambda name: len(sandbox.user_events(name)))
        missing = len(sandbox.user_events(user))
        sandbox.add_fault(
            Fault("export/userEvents", "status", times=None, status=status, when=lambda e: e.query["email"] == [user])
        )
        result = sync(config_for(sandbox), ["events"])
        assert result.failure is None
        assert len(result.records["events"]) == len(sandbox.truth_list("events")) - missing
    assert missing > 0
    assert skipped in caplog.text
    assert user not in caplog.text
    assert ("1 skipped because" in caplog.text) == (status == 500)


def test_a_cut_response_with_events_is_retried() -> None:
    with a_sandbox() as sandbox:
        users = sorted({name for _, name in members(sandbox)}, key=lambda name: len(sandbox.user_events(name)))
        # Each strikes one user: a response is tried three times.
        first, second = users[-2:]
        cut = Fault("export/userEvents", "cut", times=2, when=lambda e: e.query["email"] == [first])
        clean_cut = Fault("export/userEvents", "clean_cut", times=2, when=lambda e: e.query["email"] == [second])
        sandbox.add_fault(cut)
        sandbox.add_fault(clean_cut)
        result = sync(config_for(sandbox), ["events"])
        assert result.failure is None
        assert sorted(map(as_sent, result.records["events"])) == sorted(map(as_read, sandbox.truth_list("events")))
    assert (cut.struck, clean_cut.struck) == (2, 2)


def test_a_project_without_lists_has_no_events() -> None:
    with a_sandbox(lists=0) as sandbox:
        result = sync(config_for(sandbox), ["list_users", "events"])
    assert result.failure is None
    assert result.records == {}

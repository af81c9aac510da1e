"""Migrating from Airbyte's published source-iterable: its configuration, catalog and state keep working with ours.

One test first runs the published connector itself, in a separate environment (see published.py). The others use recordings
of its output: the forms of its catalog and states, and none of its code.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from integration_tests.connector import FACTOR, config_for, run_command, sync, time_text
from integration_tests.published import NotAvailable, lately, published_command, run_published
from integration_tests.sandbox import Sandbox, SandboxSettings
from integration_tests.sandbox.times import format_time, parse_record_time
from source_iterable.config import Config
from source_iterable.records.timestamps import rfc3339
from source_iterable.spec import specification
from source_iterable.streams.table import EXPORTS, STREAMS

Record = dict[str, Any]
DATA_TYPES = {each.name: each.data_type for each in EXPORTS}
# Events of these are compared record by record.
EVENTS = ("email_send", "email_open", "email_click", "purchase", "custom_event", "sms_send", "in_app_click")
# Read in full by both, or (templates) reread by ours.
LISTS = {"lists": "id", "channels": "id", "message_types": "id", "campaigns": "id", "templates": "templateId"}
DAYS = 4
SIZE = {"users": 40, "days": DAYS, "events_per_day": 400}


def test_tables_are_complete_after_the_published_connector_and_ours(tmp_path: Path) -> None:
    try:
        command = published_command()
    except NotAvailable as reason:
        pytest.skip(str(reason))
    now = lately()
    with (
        Sandbox(SandboxSettings(**SIZE, now=now)) as generator,
        Sandbox(SandboxSettings(**SIZE, now=now, data_types=())) as sandbox,
    ):
        start, turn = now - timedelta(days=DAYS - 1), now - timedelta(hours=6)
        for name in EVENTS:
            events = plain(generator.truth(DATA_TYPES[name], start, turn))
            sandbox.put_records(DATA_TYPES[name], events)
        config = {"api_key": sandbox.settings.api_key, "start_date": time_text(start), "region": "US"}
        (discovered,) = messages(
            run_published(command, sandbox.base_url, tmp_path, "discover", config=config), "catalog"
        )
        names = (*EVENTS, *LISTS, "users")
        catalog = {
            "streams": [
                {
                    "stream": stream,
                    "sync_mode": stream["supported_sync_modes"][-1],
                    "destination_sync_mode": "append",
                }
                for stream in discovered["streams"]
                if stream["name"] in names
            ]
        }
        wrote = run_published(command, sandbox.base_url, tmp_path, "read", config=config, catalog=catalog)
        theirs = records_of(wrote)
        states = {state["stream"]["stream_descriptor"]["name"]: state for state in messages(wrote, "state")}

        for name in EVENTS:
            later = plain(generator.truth(DATA_TYPES[name], turn, now - timedelta(minutes=10)))
            sandbox.put_records(DATA_TYPES[name], later)
        # A late arrival: older than the newest event that the published connector has read.
        lost = {**plain(generator.truth("emailOpen", start, turn))[0], "messageId": "handed-in-late"}
        sandbox.put_records("emailOpen", [lost])

        more = {"api_base_url": sandbox.base_url, "rate_limit_factor": FACTOR}
        lines, done = run_command(tmp_path, "read", {**config, **more}, catalog=catalog, state=list(states.values()))
        ours = records_of(lines)
        assert done.returncode == 0

        for name in EVENTS:
            truth = counted(sandbox.truth(DATA_TYPES[name], start, now))
            if name == "email_open":
                truth -= counted([lost])
            together = counted(theirs[name]) | counted(map(as_sent, ours[name]))
            assert together == truth, name
            # Ours resumes: nothing older than the state is read again.
            edge = states[name]["stream"]["stream_state"]["createdAt"]
            assert all(record["createdAt"] >= edge for record in ours[name]), name
            assert 0 < len(ours[name]) < len(theirs[name]), name
        for name, key in LISTS.items():
            keys = {record[key] for record in [*theirs[name], *ours[name]]}
            assert keys == {record[key] for record in sandbox.truth_list(name)}, name
        # A user's record replaces the previous one. Users updated in the last minutes are left to the next sync.
        table = {record["itblUserId"]: record["profileUpdatedAt"] for record in [*theirs["users"], *ours["users"]]}
        users = sandbox.truth("user", start, now - timedelta(minutes=6))
        assert users
        for user in users:
            assert table[user["itblUserId"]] == rfc3339(user["profileUpdatedAt"])


def test_recorded_catalog_config_and_states_run_unchanged(tmp_path: Path) -> None:
    with Sandbox(SandboxSettings(**SIZE)) as sandbox:
        now = sandbox.now()
        state_at = now - timedelta(days=1)
        config = {
            "api_key": sandbox.settings.api_key,
            "start_date": time_text(now - timedelta(days=DAYS)),
            "region": "US",
            "api_base_url": sandbox.base_url,
            "rate_limit_factor": FACTOR,
        }
        lines, done = run_command(tmp_path, "read", config, catalog=recorded_catalog(), state=recorded_states(state_at))
        end = rfc3339((now - timedelta(minutes=5)).isoformat()) or ""
        assert done.returncode == 0
        found = records_of(lines)
        completed = {
            trace["stream_status"]["stream_descriptor"]["name"]
            for trace in messages(lines, "trace")
            if trace["type"] == "STREAM_STATUS" and trace["stream_status"]["status"] == "COMPLETE"
        }
        assert completed == {name for name, _ in RECORDED}
        for name, cursor in RECORDED:
            if name in DATA_TYPES:
                # From the second of their state on, whatever its date format; all in UTC.
                times = sorted(record[cursor or ""] for record in found.get(name, []))
                truth = [
                    time
                    for record in sandbox.truth(DATA_TYPES[name], state_at, now)
                    if (time := rfc3339(record[cursor or ""]) or "") < end[:19]
                ]
                assert times[: len(truth)] == sorted(truth), name
            elif name not in ("metadata", "events", "campaigns_metrics"):
                key = {"list_users": "listId", "templates": "templateId"}.get(name, "id")
                keys = Counter(record[key] for record in found[name])
                assert keys == Counter(record[key] for record in sandbox.truth_list(name)), name


@pytest.mark.parametrize("name", ["email_open", "users"])
def test_ours_resumes_from_a_state_of_the_published_connector(name: str) -> None:
    cursor = "profileUpdatedAt" if name == "users" else "createdAt"
    with Sandbox(SandboxSettings(**SIZE)) as sandbox:
        at = sandbox.now() - timedelta(hours=20)
        (state,) = (state for state in recorded_states(at) if state["stream"]["stream_descriptor"]["name"] == name)
        done = sync(config_for(sandbox, days=DAYS), [name], [state])
        (asked, *_) = (entry for entry in sandbox.requests if entry.endpoint.startswith("export"))
        sent = asked.query.get("startDateTime", [""])[0] or asked.body["startDateTime"]
        assert sent == at.strftime("%Y-%m-%d %H:%M:%S +00:00")
        assert done.failure is None
        assert set(done.states[name]) == {cursor, "bytesADay", "took", *(() if name == "users" else ("ids",))}


# The streams of version 1.0.1 with their cursors, as its discover names them.
RECORDED: list[tuple[str, str | None]] = [
    *((name, None) for name in ("lists", "list_users", "campaigns", "channels", "message_types", "metadata", "events")),
    ("campaigns_metrics", None),
    ("templates", "createdAt"),
    ("users", "profileUpdatedAt"),
    *(
        (name, "createdAt")
        for name in (
            *("email_bounce", "email_click", "email_complaint", "email_open", "email_send", "email_send_skip"),
            *("email_subscribe", "email_unsubscribe", "push_send", "push_send_skip", "push_open", "push_uninstall"),
            *("push_bounce", "web_push_send", "web_push_click", "web_push_send_skip", "in_app_send", "in_app_open"),
            *("in_app_click", "in_app_close", "in_app_delete", "in_app_delivery", "in_app_send_skip"),
            *("inbox_session", "inbox_message_impression", "sms_send", "sms_bounce", "sms_click", "sms_received"),
            *("sms_send_skip", "sms_usage_info", "purchase", "custom_event", "hosted_unsubscribe_click"),
        )
    ),
]


def recorded_catalog() -> dict[str, Any]:
    """A configured catalog as of version 1.0.1, without its schemas, which the connector does not read."""
    return {
        "streams": [
            {
                "stream": {
                    "name": name,
                    "json_schema": {},
                    "supported_sync_modes": ["full_refresh", *(["incremental"] if cursor else [])],
                    **({"source_defined_cursor": True, "default_cursor_field": [cursor]} if cursor else {}),
                },
                "sync_mode": "incremental" if cursor else "full_refresh",
                "destination_sync_mode": "append",
            }
            for name, cursor in RECORDED
        ]
    }


def recorded_states(at: datetime) -> list[dict[str, Any]]:
    """States as version 1.0.1 writes them; the dates of its export streams cycle through every form seen."""
    forms = ("%Y-%m-%dT%H:%M:%S+00:00", "%Y-%m-%dT%H:%M:%S.520000+00:00", "%Y-%m-%d %H:%M:%S+00:00")
    states = []
    for place, (name, cursor) in enumerate(RECORDED):
        if cursor:
            state: dict[str, Any] = {cursor: at.strftime(forms[place % len(forms)])}
        elif name in ("list_users", "events", "campaigns_metrics"):
            state = {"__ab_no_cursor_state_message": True}
        else:
            state = {"__ab_full_refresh_sync_complete": True}
        descriptor = {"name": name, "namespace": None}
        states.append(
            {
                "type": "STREAM",
                "stream": {"stream_descriptor": descriptor, "stream_state": state},
                "sourceStats": {"recordCount": 1.0},
            }
        )
    return states


def plain(records: Iterable[Record]) -> list[Record]:
    """Records with createdAt in the form that the published connector can read: it fails on others."""
    return [{**record, "createdAt": format_time(parse_record_time(record["createdAt"]) or 0)} for record in records]


def as_sent(record: Mapping[str, Any]) -> Record:
    """The fields of one of our records as the API sent them, except itblInternal."""
    fields = {name: value for name, value in record.items() if name not in ("_event_id", "itblInternal", "data")}
    return {**fields, **record["data"]}


def counted(records: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """How often each record's content occurs, whichever connector wrote it."""
    return Counter(json.dumps(dict(_content(record)), sort_keys=True) for record in records)


def _content(record: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in record.items():
        if name.startswith("itblInternal"):
            continue
        if name == "transactionalData" and isinstance(value, str):
            with suppress(ValueError):  # text from the published connector, an object from ours if it is JSON
                value = json.loads(value)
        if name == "createdAt":
            value = rfc3339(value)
        elif isinstance(value, str) or isinstance(value, int) and parse_record_time(value):
            value = rfc3339(value) or value
        yield name, value


def messages(wrote: Iterable[Mapping[str, Any]], kind: str) -> list[Any]:
    return [message[kind] for message in wrote if message["type"] == kind.upper()]


def records_of(wrote: Iterable[Mapping[str, Any]]) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = {}
    for record in messages(wrote, "record"):
        found.setdefault(record["stream"], []).append(record["data"])
    return found


def test_destinations_find_what_they_know() -> None:
    """Array items, known fields of objects and formats of the published connector's schemas; some destinations use them."""
    config = Config.parse({"api_key": "key", "start_date": "2024-01-01T00:00:00Z"})
    users = STREAMS["users"].schema(config)["properties"]
    for name in ("emailListIds", "subscribedMessageTypeIds", "unsubscribedChannelIds", "unsubscribedMessageTypeIds"):
        assert users[name]["items"]["type"] == ["null", "integer"]
    assert users["devices"]["items"]["type"] == ["null", "object"]
    for name in ("profileUpdatedAt", "signupDate", "itblInternal.documentCreatedAt", "itblInternal.documentUpdatedAt"):
        assert users[name]["airbyte_type"] == "timestamp_with_timezone"
    stored = {"documentCreatedAt", "documentUpdatedAt"}
    for stream in EXPORTS:
        if stream.name != "users":
            event = stream.schema(config)["properties"]
            assert set(event["itblInternal"]["properties"]) == stored
            known = event["transactionalData"]["properties"]
            assert {"id", "name", "price", "sku", "url", "categories", "createdAt", "eventName"} <= set(known)
            assert set(known["itblInternal"]["properties"]) == stored
    assert set(STREAMS["events"].schema(config)["properties"]["itblInternal"]["properties"]) == stored
    assert "minLength" not in str(specification()), "the published connector's spec has none"

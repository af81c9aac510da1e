"""Export streams against the sandbox's truth: each record once, whatever arrives in the meantime."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import pytest
from jsonschema import Draft7Validator

from integration_tests.connector import FACTOR, Sync, config_for, state_of, sync, time_text
from integration_tests.sandbox import Sandbox, SandboxSettings
from source_iterable.api import exact_json
from source_iterable.config import Config
from source_iterable.reading.export_stream import EventStream
from source_iterable.records.events import EventRecords
from source_iterable.streams.table import EXPORTS, STREAMS

EVENT_STREAMS = [stream for stream in EXPORTS if isinstance(stream, EventStream)]


@pytest.fixture(scope="module")
def world() -> Iterator[Sandbox]:
    settings = SandboxSettings(
        seed=3, users=60, days=12, events_per_day=250, project_type="Hybrid", rate_limit_factor=FACTOR
    )
    with Sandbox(settings) as sandbox:
        yield sandbox


def event_ids(stream: str, records: list[dict[str, Any]]) -> list[str]:
    """The ids of a stream's events as the API sends them, in order."""
    lines = b"".join(exact_json.dumps(record) + b"\n" for record in records)
    return sorted(record["_event_id"] for record in _parser(stream).parse(lines).batch.records())


@cache
def _parser(stream: str) -> EventRecords:
    (found,) = (each for each in EVENT_STREAMS if each.name == stream)
    return found.events(stream, Config.parse({"api_key": "k", "start_date": "2024-01-01T00:00:00Z"}))


def seconds(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def truth_between(sandbox: Sandbox, data_type: str, start: str, end: str) -> list[dict[str, Any]]:
    return sandbox.truth(data_type, seconds(start), seconds(end))


def assert_is_truth(sandbox: Sandbox, result: Sync, start: dict[str, str]) -> None:
    """Every export stream holds the truth from its start to its state, each record once."""
    for stream in EXPORTS:
        end = result.states[stream.name][stream.cursor_field]
        truth = truth_between(sandbox, stream.data_type, start[stream.name], end)
        found = result.records[stream.name]
        if stream.name == "users":
            key = "itblUserId"
            assert sorted(each[key] for each in found) == sorted(each[key] for each in truth), stream.name
        else:
            assert sorted(each["_event_id"] for each in found) == event_ids(stream.name, truth), stream.name


def test_two_incremental_syncs_of_every_stream_yield_each_record_once(world: Sandbox) -> None:
    names = [stream.name for stream in EXPORTS]
    half = time_text(world.now() - timedelta(days=2))
    config = config_for(world, days=4, end_date=half)
    first = sync(config, names)
    assert first.failure is None
    # Within one sync: two in a row have two budgets, like two programs.
    assert world.count(status=429) == 0
    assert_is_truth(world, first, {stream.name: config["start_date"] for stream in EXPORTS})
    second = sync(config_for(world, days=4), names, first.state)
    assert second.failure is None
    assert {status for each in second.statuses.values() for status in each} <= {"STARTED", "RUNNING", "COMPLETE"}
    assert_is_truth(world, second, {stream.name: first.states[stream.name][stream.cursor_field] for stream in EXPORTS})
    for stream in EVENT_STREAMS:
        both = [each["_event_id"] for each in first.records[stream.name] + second.records[stream.name]]
        assert len(both) == len(set(both)), stream.name
    assert sum(map(len, first.records.values())) > 150
    assert sum(map(len, second.records.values())) > 150


def test_every_record_is_valid_against_its_discovered_schema(world: Sandbox) -> None:
    config = config_for(world, days=6)
    result = sync(config, [stream.name for stream in EXPORTS])
    for stream in EXPORTS:
        schema = stream.schema(Config.parse(config))
        validator = Draft7Validator(schema, format_checker=Draft7Validator.FORMAT_CHECKER)
        assert result.records[stream.name], stream.name
        for record in result.records[stream.name]:
            assert not [error.message for error in validator.iter_errors(record)], stream.name


def test_an_idle_sync_makes_one_export_request_per_stream(world: Sandbox) -> None:
    names = [stream.name for stream in EXPORTS]
    config = {**config_for(world), "start_date": "2009-01-01T00:00:00Z", "export_method": "streaming"}
    before = time_text(world.now() - timedelta(seconds=3))
    states = [each for stream in EXPORTS for each in state_of(stream.name, **{stream.cursor_field: before})]
    world.clear_requests()
    result = sync(config, names, states)
    assert result.failure is None
    assert world.count(status=200) - 1 == world.count("export/data.json", status=200) == len(names)
    assert world.count("channels") == 1, "which tells the time"
    assert all(state.get("createdAt") or state["profileUpdatedAt"] for state in result.states.values())


def test_the_first_sync_of_an_empty_stream_over_many_years_takes_few_requests(world: Sandbox) -> None:
    world.clear_requests()
    config = {**config_for(world), "start_date": "2007-01-01T00:00:00Z", "end_date": "2020-01-01T00:00:00Z"}
    result = sync({**config, "export_method": "streaming"}, ["email_send"])
    assert result.states["email_send"]["createdAt"] == "2020-01-01T00:00:00+00:00"
    assert result.states["email_send"]["bytesADay"] == 0
    assert result.records["email_send"] == []
    assert world.count("export/data.json", status=200) <= 4


def test_the_state_wins_over_an_earlier_and_a_later_start_date(world: Sandbox) -> None:
    state_time = time_text(world.now() - timedelta(days=3))
    state = state_of("email_open", createdAt=state_time)
    counts = []
    for days in (8, 1):
        result = sync(
            config_for(world, days=days, end_date=time_text(world.now() - timedelta(hours=1))), ["email_open"], state
        )
        end = result.states["email_open"]["createdAt"]
        assert len(result.records["email_open"]) == len(truth_between(world, "emailOpen", state_time, end))
        counts.append(len(result.records["email_open"]))
    assert counts[0] == counts[1] > 0


def test_a_state_in_the_future_reads_nothing_and_stays(world: Sandbox) -> None:
    state = state_of("email_open", createdAt="2999-01-01T00:00:00Z")
    world.clear_requests()
    result = sync(config_for(world), ["email_open"], state)
    assert result.failure is None
    assert result.states["email_open"] == {"createdAt": "2999-01-01T00:00:00Z"}
    assert world.count() == world.count("channels") == 1, "which tells the time"


def test_an_invalid_state_fails_only_its_stream_and_names_it(world: Sandbox) -> None:
    state = state_of("email_open", createdAt="soon")
    result = sync(config_for(world), ["email_open", "lists"], state)
    assert result.failure is not None
    assert "email_open" in str(result.failure) and "'soon'" in str(result.failure)
    assert result.errors["email_open"].error.failure_type.value == "config_error"
    assert result.statuses["email_open"] == ["INCOMPLETE"]
    assert result.statuses["lists"][-1] == "COMPLETE"


def test_states_of_the_published_connector_are_accepted(world: Sandbox) -> None:
    since = (world.now() - timedelta(days=1)).replace(microsecond=0)
    shapes = {"email_open": {"createdAt": str(since)}, "users": {"profileUpdatedAt": since.isoformat()}}
    state = [each for name, shape in shapes.items() for each in state_of(name, **shape)]
    result = sync(config_for(world, days=9), list(shapes), state)
    for name in shapes:
        stream = STREAMS[name]
        end = result.states[name][stream.cursor_field]
        truth = truth_between(world, stream.data_type, since.isoformat(), end)
        assert len(result.records[name]) == len(truth)


def test_an_unknown_stream_is_a_config_error_and_the_others_are_read(world: Sandbox) -> None:
    result = sync(config_for(world), ["dinosaurs", "lists"])
    assert "dinosaurs" in str(result.failure)
    assert result.statuses["lists"][-1] == "COMPLETE"
    assert result.errors["dinosaurs"].error.failure_type.value == "config_error"


def test_windows_are_in_utc_whatever_the_time_zone_of_the_host(world: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    config = config_for(world, end_date=time_text(world.now() - timedelta(hours=5)))
    here = sync(config, ["email_send"])
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    time.tzset()
    try:
        there = sync(config, ["email_send"])
    finally:
        monkeypatch.undo()
        time.tzset()
    ids = [sorted(each["_event_id"] for each in result.records["email_send"]) for result in (here, there)]
    assert ids[0] == ids[1] != []
    assert here.states == there.states


def test_late_events_are_read_once_they_are_visible() -> None:
    """An event becomes visible up to two minutes late; with a lookback window that long, nothing is lost."""
    with Sandbox(SandboxSettings(seed=5, users=30, days=2, events_per_day=20_000, index_lag=120.0)) as sandbox:
        start = sandbox.now() - timedelta(minutes=30)
        found: list[str] = []
        state = None
        for _ in range(4):
            # Not lookback_window: the sandbox's time of day stands still while the connector's goes on.
            config = config_for(sandbox, end_date=time_text(sandbox.now() - timedelta(seconds=120)))
            result = sync({**config, "start_date": time_text(start)}, ["email_send"], state)
            found += [each["_event_id"] for each in result.records["email_send"]]
            state = result.state
            sandbox.advance(30)
        truth = truth_between(sandbox, "emailSend", time_text(start), result.states["email_send"]["createdAt"])
        assert sorted(found) == event_ids("email_send", truth) != []

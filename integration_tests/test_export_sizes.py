"""Sizes and durations: what a sync learns of them, it keeps in its states, and the next one makes use of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from integration_tests.connector import FACTOR, Sync, config_for, state_of, sync, time_text
from integration_tests.sandbox import Fault, RequestLogEntry, Sandbox, SandboxSettings
from integration_tests.test_exports import event_ids, truth_between
from source_iterable.exports import dispatcher, durations, jobs, streaming, windows
from source_iterable.streams.table import EXPORTS, STREAMS

DATA, START = "export/data.json", "export/start"
# Bytes, by the names of constants in these modules.
SIZES = {
    "UNIT_BYTES": (windows, dispatcher, jobs, streaming),
    "SPOOL_BYTES": (streaming,),
    "DISK_BYTES": (dispatcher,),
    "FIRST_BYTES": (dispatcher,),
    "_STEP_BYTES": (dispatcher,),
    "FILE_BYTES": (jobs,),
    "_SOME_BYTES": (jobs,),
    "_FAR_APART": (durations,),
}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """All sizes are FACTOR times smaller, as rate limits are FACTOR times higher."""
    for name, modules in SIZES.items():
        for module in modules:
            monkeypatch.setattr(module, name, int(getattr(module, name) / FACTOR))
    for transport in (streaming.StreamingTransport, jobs.JobsTransport):
        monkeypatch.setattr(transport, "window_bytes", int(transport.window_bytes / FACTOR))
    monkeypatch.setattr(jobs.JobsTransport, "spool_bytes", int(jobs.JobsTransport.spool_bytes / FACTOR))


@pytest.fixture
def in_proportion(monkeypatch: pytest.MonkeyPatch) -> None:
    """Transports are expected to be FACTOR times faster, too."""
    for module in (jobs, streaming):
        monkeypatch.setattr(module, "FIRST_GUESS", module.FIRST_GUESS / FACTOR)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """With 400 KB of email_send a weekday, and 77 KB on a day of the weekend; on a Friday."""
    settings = SandboxSettings(
        seed=7,
        users=40,
        days=9,
        events_per_day=4000,
        rate_limit_factor=FACTOR,
        file_bytes=10_000,
        job_seconds=0.05,
        now=datetime(2025, 6, 20, 12, 34, 56, 789_000, tzinfo=timezone.utc),
    )
    with Sandbox(settings) as running:
        yield running


def state_days_ago(sandbox: Sandbox, days: float, name: str = "email_send", **fields: Any) -> list[dict[str, Any]]:
    at = time_text(sandbox.now().replace(microsecond=0) - timedelta(days=days))
    return state_of(name, **{STREAMS[name].cursor_field: at, "ids": "1", **fields})


def assert_truth(sandbox: Sandbox, result: Sync, start: str, name: str = "email_send") -> None:
    """All events of a stream from `start` on are there, once."""
    data_type = next(stream.data_type for stream in EXPORTS if stream.name == name)
    truth = truth_between(sandbox, data_type, start, result.states[name]["createdAt"])
    assert result.failure is None
    assert sorted(each["_event_id"] for each in result.records[name]) == event_ids(name, truth) != []


def start_of(state: list[dict[str, Any]]) -> str:
    return str(state[0]["stream"]["stream_state"]["createdAt"])


def asked(sandbox: Sandbox, endpoint: str) -> list[float]:
    """The hours of the windows that were requested."""

    def hours(entry: RequestLogEntry) -> float:
        times = entry.body or {name: values[0] for name, values in entry.query.items()}
        start, end = (
            datetime.strptime(times[name], "%Y-%m-%d %H:%M:%S %z") for name in ("startDateTime", "endDateTime")
        )
        return (end - start) / timedelta(hours=1)

    return [hours(entry) for entry in sandbox.requests if entry.endpoint == endpoint and entry.status == 200]


def test_what_a_sync_has_read_keeps_the_next_one_from_receiving_in_vain(
    sandbox: Sandbox, small: None, caplog: pytest.LogCaptureFixture
) -> None:
    config = config_for(sandbox, days=4, export_method="streaming")
    first = sync({**config, "end_date": time_text(sandbox.now() - timedelta(days=3))}, ["email_send"])
    assert "in smaller windows: " in caplog.text, "of an unknown size, it was too large"
    assert first.states["email_send"]["bytesADay"] == pytest.approx(400_000, rel=0.1)
    caplog.clear()
    sandbox.clear_requests()
    second = sync(config, ["email_send"], first.state)
    assert_truth(sandbox, second, start_of(first.state))
    assert "in smaller windows: " not in caplog.text
    # 150 KB each.
    assert sandbox.count(DATA) == pytest.approx(3 * 400 / 150, abs=3)


def test_a_daily_sync_remembers_the_size_for_ever(sandbox: Sandbox) -> None:
    """Also if all of it is one window."""
    state = state_days_ago(sandbox, 3, bytesADay=400_000)
    for day in (2, 1, 0):
        end = time_text(sandbox.now() - timedelta(days=day))
        result = sync(config_for(sandbox, export_method="jobs", end_date=end), ["email_send"], state)
        assert_truth(sandbox, result, start_of(state))
        state = result.state
        assert result.states["email_send"]["bytesADay"] == pytest.approx(400_000, rel=0.1)
    assert sandbox.count(START) == 3


def test_a_large_stream_goes_through_both_transports_by_windows_of_their_size(
    sandbox: Sandbox, small: None, in_proportion: None
) -> None:
    state = state_days_ago(sandbox, 8, bytesADay=400_000, took={"jobs": [900_000, 0.1], "streaming": [150_000, 0.0]})
    result = sync(config_for(sandbox), ["email_send"], state)
    assert_truth(sandbox, result, start_of(state))
    streamed, exported = asked(sandbox, DATA), asked(sandbox, START)
    # 150 KB are ten hours; a window that would leave a small rest takes it, too.
    assert 0 < max(streamed) < 15
    assert 15 < max(exported) < 96
    assert sandbox.count(status=429) == 0


def test_the_transport_that_was_faster_is_used_in_the_next_sync(sandbox: Sandbox) -> None:
    config = config_for(sandbox, end_date=time_text(sandbox.now() - timedelta(days=1)))
    sync(config, ["email_send"])
    assert (sandbox.count(DATA), sandbox.count(START)) == (1, 0), "nothing is known: a job is expected to take longer"
    first = sync({**config, "export_method": "jobs"}, ["email_send"])
    assert first.states["email_send"]["took"].keys() == {"jobs"}
    sandbox.clear_requests()
    second = sync(config_for(sandbox), ["email_send"], first.state)
    assert_truth(sandbox, second, start_of(first.state))
    assert (sandbox.count(DATA), sandbox.count(START)) == (0, 1)
    slow = {"jobs": [first.states["email_send"]["took"]["jobs"][0], 3000.0]}
    sandbox.clear_requests()
    sync(config_for(sandbox), ["email_send"], state_days_ago(sandbox, 1, took=slow))
    assert (sandbox.count(DATA), sandbox.count(START)) == (1, 0)


ODD: list[dict[str, Any]] = [
    {},
    {"bytesADay": None, "took": None},
    {"bytesADay": -5, "took": {"jobs": [-1, 3.0]}},
    {"bytesADay": "360000", "took": {"jobs": ["1", "2"]}},
    {"bytesADay": 1.5, "took": ["jobs"]},
    {"bytesADay": 10**30, "took": {}},
    {"bytesADay": 10**9, "took": {"streaming": [0, 0]}},
    {"bytesADay": 1, "took": {"jobs": [10**15, 0.0], "streaming": [0, 172_800.0], "pigeons": [1, 1.0]}},
    {"bytesADay": True, "took": {"jobs": [1, 1.0, 1]}},
]


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("method", ["auto", "jobs"])
def test_a_state_without_sizes_or_with_odd_ones_loses_nothing(
    sandbox: Sandbox, method: str, odd: dict[str, Any]
) -> None:
    """An older version writes none; somebody may have edited others."""
    state = state_days_ago(sandbox, 1, **odd)
    result = sync(config_for(sandbox, export_method=method), ["email_send"], state)
    assert_truth(sandbox, result, start_of(state))
    after = result.states["email_send"]
    assert after["bytesADay"] == pytest.approx(400_000, rel=0.1) or after["bytesADay"] == odd["bytesADay"] // 2
    sandbox.clear_requests()
    assert sync(config_for(sandbox, export_method=method), ["email_send"], result.state).records["email_send"] == []


def test_a_queue_at_iterable_does_not_hold_up_a_sync(sandbox: Sandbox, in_proportion: None) -> None:
    """Jobs that stay enqueued are cancelled, and their windows are streamed."""
    fault = sandbox.add_fault(Fault(START, "job_stuck", times=None))
    config = config_for(sandbox)
    names = [stream.name for stream in EXPORTS if stream.name != "users"]
    result = sync(config, names)
    assert fault.struck > 0
    assert sandbox.count("export/{jobId}", method="DELETE", status=200) == fault.struck
    assert {str(job["jobState"]).lower() for job in sandbox.jobs()} == {"cancelled"}
    assert result.failure is None
    for stream in EXPORTS:
        if stream.name in names:
            end = result.states[stream.name]["createdAt"]
            truth = truth_between(sandbox, stream.data_type, config["start_date"], end)
            assert sorted(each["_event_id"] for each in result.records[stream.name]) == event_ids(stream.name, truth)

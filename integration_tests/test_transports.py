"""Whatever goes wrong in transit, a sync yields exactly the truth, each record once, within the rate limits."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from integration_tests.connector import FACTOR, Sync, catalog_for, config_for, start_read, sync, time_text
from integration_tests.sandbox import Fault, RequestLogEntry, Sandbox, SandboxSettings
from integration_tests.test_exports import event_ids, truth_between
from source_iterable.api import spooled
from source_iterable.api.request import Timeout
from source_iterable.exports import jobs, streaming, windows
from source_iterable.streams.table import EXPORTS


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    settings = SandboxSettings(
        seed=7,
        users=40,
        days=6,
        events_per_day=900,
        rate_limit_factor=FACTOR,
        file_bytes=4000,
        job_seconds=0.05,
        spellings="reference",
    )
    with Sandbox(settings) as running:
        yield running


def assert_truth(
    sandbox: Sandbox, config: dict[str, Any], result: Sync, name: str = "email_send", alone: bool = True
) -> None:
    data_type = next(stream.data_type for stream in EXPORTS if stream.name == name)
    truth = truth_between(sandbox, data_type, config["start_date"], result.states[name]["createdAt"])
    assert result.failure is None or not alone
    assert sorted(each["_event_id"] for each in result.records[name]) == event_ids(name, truth) != []
    assert result.statuses[name] == ["STARTED", "RUNNING", "COMPLETE"]
    assert all(
        "api-key" not in request.header_names and request.status != 400
        for request in sandbox.requests
        if request.host == "files"
    )


STREAMING_FAULTS = {
    "cut": [Fault("export/data.json", "cut")],
    "cut repeatedly": [Fault("export/data.json", "cut", times=4)],
    "ends in the middle of a line": [Fault("export/data.json", "clean_cut")],
    "nothing, without an end": [Fault("export/data.json", "no_end", times=2, at_bytes=0)],
    "slow": [Fault("export/data.json", "slow", delay=0.01)],
    "dropped without a response": [Fault("export/data.json", "drop", times=2)],
    "server error": [Fault("export/data.json", "status", status=500)],
    "server error repeatedly": [Fault("export/data.json", "status", status=503, times=7)],
    "stalls": [Fault("export/data.json", "stall", at_bytes=3000)],
    "never begins": [Fault("export/data.json", "hang")],
    "another program uses the project": [Fault("export/data.json", "status", status=429)],
    "429 with Retry-After": [Fault("export/data.json", "status", status=429, headers={"Retry-After": "0"}, times=3)],
}


@pytest.mark.parametrize("name", STREAMING_FAULTS)
def test_streaming_yields_the_truth_through_every_fault(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    faults = [sandbox.add_fault(Fault(**vars(fault))) for fault in STREAMING_FAULTS[name]]
    if name in ("stalls", "never begins"):
        monkeypatch.setattr(streaming, "TIMEOUT", Timeout(1.0, 0.3))
    config = config_for(sandbox, export_method="streaming")
    result = sync(config, ["email_send"])
    assert all(fault.struck for fault in faults)
    assert_truth(sandbox, config, result)
    assert sandbox.count("export/start") == 0


def test_a_response_over_the_spool_limit_is_read_in_parts(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "SPOOL_BYTES", 50_000)
    config = config_for(sandbox, export_method="streaming")
    result = sync(config, ["email_send"])
    assert_truth(sandbox, config, result)
    assert sandbox.count("export/data.json") > 3
    states = [each["stream"]["stream_state"]["createdAt"] for each in result.state_messages]
    assert states == sorted(states)
    assert len(states) > 2, "the state advances with every piece read"


def test_a_response_larger_than_memory_is_spooled(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spooled, "MEMORY_BYTES", 1000)
    monkeypatch.setattr(spooled, "CHUNK_BYTES", 777)
    config = config_for(sandbox, export_method="streaming")
    assert_truth(sandbox, config, sync(config, ["email_send"]))
    assert sandbox.count("export/data.json") == 1


def test_an_unreadable_second_fails_the_stream_and_keeps_what_came_before(sandbox: Sandbox) -> None:
    poisoned = (sandbox.now() - timedelta(days=1)).strftime("%Y-%m-%d %H:%M:%S +00:00")
    sandbox.add_fault(
        Fault(
            "export/data.json",
            "status",
            times=None,
            when=lambda entry: entry.query["startDateTime"][0] <= poisoned < entry.query["endDateTime"][0],
        )
    )
    config = config_for(sandbox, export_method="streaming")
    result = sync(config, ["email_send", "email_open", "lists"])
    assert result.failure is not None
    assert result.errors["email_send"].error.failure_type.value == "transient_error"
    assert result.statuses["email_send"][-1] == "INCOMPLETE"
    assert result.statuses["lists"][-1] == "COMPLETE"
    reached = result.states["email_send"]["createdAt"]
    assert reached.replace("T", " ").replace("+00:00", " +00:00") == poisoned
    found = sorted(each["_event_id"] for each in result.records["email_send"])
    assert found == event_ids("email_send", truth_between(sandbox, "emailSend", config["start_date"], reached)) != []
    sandbox.clear_faults()
    again = sync(config, ["email_send"], result.state)
    both = found + [each["_event_id"] for each in again.records["email_send"]]
    end = again.states["email_send"]["createdAt"]
    assert sorted(both) == event_ids("email_send", truth_between(sandbox, "emailSend", config["start_date"], end))


def test_an_api_that_is_down_is_given_up_on_soon(sandbox: Sandbox) -> None:
    sandbox.add_fault(Fault("export/data.json", "status", times=None))
    result = sync(config_for(sandbox, export_method="streaming"), ["email_send", "email_open", "push_send"])
    assert len(result.errors) == 3
    assert sandbox.count("export/data.json") < 3 * 3 * (60 + 3)


@pytest.mark.parametrize("name", ["email_send", "users", "list_users", "list_sizes", "campaigns_metrics"])
def test_where_no_response_has_an_end_nothing_is_believed_and_the_reason_is_told(sandbox: Sandbox, name: str) -> None:
    paths = {
        "list_users": "lists/getUsers",
        "list_sizes": "lists/{listId}/size",
        "campaigns_metrics": "campaigns/metrics",
    }
    path = paths.get(name, "export/data.json")
    fault = sandbox.add_fault(Fault(path, "no_end", times=None, at_bytes=10**9))
    config = config_for(sandbox, export_method="streaming")
    result = sync(config, [name])
    error = result.errors[name].error
    assert error is not None
    assert "has no length: the connection may" in error.message
    assert error.failure_type is not None
    assert error.failure_type.value == "transient_error"
    assert result.statuses[name][-1] == "INCOMPLETE"
    assert result.records[name] == []
    assert fault.struck == (3 if path not in ("lists/getUsers", "lists/{listId}/size") else 3 * sandbox.settings.lists)
    sandbox.clear_faults()
    again = sync(config, [name], result.state)
    assert again.failure is None
    assert again.records[name]


JOB_FAULTS = {
    "failed": [Fault("export/start", "job_failed", after_files=2)],
    "failed repeatedly": [Fault("export/start", "job_failed", times=5, after_files=1)],
    "cancelled by someone else": [Fault("export/start", "job_cancelled", after_files=3)],
    "truncated": [Fault("export/start", "job_truncated", after_files=3)],
    "back to enqueued": [Fault("export/start", "job_requeue")],
    "start fails with a server error": [Fault("export/start", "status", status=500)],
    "start response cut": [Fault("export/start", "cut")],
    "start rate limited": [Fault("export/start", "status", status=429)],
    "file list broken": [Fault("export/{jobId}/files", "cut"), Fault("export/{jobId}/files", "garbage")],
    "file list unavailable": [Fault("export/{jobId}/files", "status", status=503, times=6)],
    "file cut": [Fault("files", "cut", times=2)],
    "file ends in the middle of a line": [Fault("files", "clean_cut", times=2)],
    "file of nothing, without an end": [Fault("files", "no_end", times=2, at_bytes=0)],
    "link expired": [Fault("files", "expired", times=2)],
    "storage host unavailable": [Fault("files", "status", status=503, times=3), Fault("files", "drop")],
    "file moved": [],
}


@pytest.mark.parametrize("name", JOB_FAULTS)
def test_jobs_yield_the_truth_through_every_fault(sandbox: Sandbox, name: str) -> None:
    faults = [sandbox.add_fault(Fault(**vars(fault))) for fault in JOB_FAULTS[name]]
    foreign = sandbox.foreign_job("emailOpen")
    config = config_for(sandbox, export_method="jobs")
    result = sync(config, ["email_send"])
    assert all(fault.struck for fault in faults)
    assert_truth(sandbox, config, result)
    assert sandbox.count("files", status=200) > 20, "more than two pages of files"
    assert sandbox.count("export/data.json") == 0
    assert sandbox.job_state(foreign).lower() in ("running", "enqueued")


def test_links_that_expire_while_files_are_read_are_renewed() -> None:
    settings = SandboxSettings(seed=7, users=40, days=4, events_per_day=900, file_bytes=4000, job_seconds=0.0)
    with Sandbox(settings) as sandbox:
        requests = count(1)

        def hours_pass(entry: RequestLogEntry) -> bool:
            if next(requests) % 5 == 0:
                sandbox.advance(2 * settings.url_ttl)
            return False

        sandbox.add_fault(Fault("files", "status", times=None, when=hours_pass))
        config = config_for(sandbox, export_method="jobs", end_date=time_text(sandbox.now()))
        assert_truth(sandbox, config, sync(config, ["email_send"]))
        assert sandbox.count("files", status=403) > 3


def test_a_stuck_job_is_given_up_and_cancelled(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "STUCK", 60.0)
    sandbox.add_fault(Fault("export/start", "job_stuck"))
    config = config_for(sandbox, export_method="jobs")
    assert_truth(sandbox, config, sync(config, ["email_send"]))
    assert sandbox.count("export/{jobId}", method="DELETE") == 1


def test_at_most_four_jobs_run_at_a_time_and_none_is_left(sandbox: Sandbox) -> None:
    config = config_for(sandbox, export_method="jobs")
    names = [stream.name for stream in EXPORTS[:12] if stream.name != "users"]
    result = sync(config, names)
    assert result.failure is None
    assert {str(job["jobState"]).lower() for job in sandbox.jobs()} == {"completed"}


@pytest.fixture
def in_proportion(monkeypatch: pytest.MonkeyPatch) -> None:
    """Transports take as long as they seem to, compared with the rate limits: both of them are FACTOR times faster."""
    monkeypatch.setattr(jobs, "FIRST_GUESS", jobs.FIRST_GUESS / FACTOR)
    monkeypatch.setattr(streaming, "FIRST_GUESS", streaming.FIRST_GUESS / FACTOR)


def test_many_streams_use_both_transports_within_the_limits(sandbox: Sandbox, in_proportion: None) -> None:
    result = sync(config_for(sandbox, days=5), [stream.name for stream in EXPORTS])
    assert result.failure is None
    # How many through each depends on which is free at the time.
    assert sandbox.count("export/data.json") > 0
    assert sandbox.count("export/start") > 0
    assert sandbox.count(status=429) == 0


def test_no_job_is_started_for_what_streaming_will_have_read_before(sandbox: Sandbox) -> None:
    """As a rate limit is FACTOR times higher here, and a job is expected to take half a minute."""
    result = sync(config_for(sandbox, days=5), [stream.name for stream in EXPORTS])
    assert result.failure is None
    assert sandbox.count("export/data.json", status=200) >= len(EXPORTS)
    assert sandbox.count("export/start") == 0


def test_a_key_for_one_transport_uses_only_that_one() -> None:
    for forbidden, used in (("export/start", "export/data.json"), ("export/data.json", "export/start")):
        with Sandbox(SandboxSettings(seed=7, users=40, days=6, events_per_day=900, forbidden=(forbidden,))) as sandbox:
            config = config_for(sandbox)
            assert_truth(sandbox, config, sync(config, ["email_send"]))
            assert sandbox.count(used) > 0


def test_a_forbidden_data_type_leaves_both_transports_to_the_others(in_proportion: None) -> None:
    forbidden = ("emailSend", "emailOpen", "emailClick")
    with Sandbox(
        SandboxSettings(seed=7, users=40, days=6, events_per_day=900, forbidden_data_types=forbidden)
    ) as sandbox:
        config = config_for(sandbox)
        result = sync(config, [stream.name for stream in EXPORTS])
        assert set(result.errors) == {"email_send", "email_open", "email_click"}
        # How many through each depends on which is free at the time.
        assert sandbox.count("export/data.json", status=200) > 0
        assert sandbox.count("export/start", status=200) > 0
        assert_truth(sandbox, config, result, "purchase", alone=False)


def test_a_key_without_one_transport_does_not_try_it_for_every_stream() -> None:
    with Sandbox(SandboxSettings(seed=7, users=40, days=2, forbidden=("export/data.json",))) as sandbox:
        result = sync(config_for(sandbox, days=1), [stream.name for stream in EXPORTS])
        assert result.failure is None
        assert sandbox.count("export/data.json") < 15


def test_a_forbidden_stream_fails_alone_and_says_what_to_do() -> None:
    with Sandbox(SandboxSettings(seed=7, users=40, days=6, forbidden=("export/start", "export/data.json"))) as sandbox:
        result = sync(config_for(sandbox), ["email_send", "lists"])
        assert result.failure is not None
        error = result.errors["email_send"].error
        assert error.failure_type.value == "config_error"
        assert "permission" in error.message
        assert result.statuses["lists"][-1] == "COMPLETE"


@pytest.mark.parametrize("method", ["streaming", "jobs"])
def test_a_few_lines_that_are_not_json_are_skipped_and_many_fail_the_window(sandbox: Sandbox, method: str) -> None:
    # In one file: alone in one it would be no bad line but a bad file.
    sandbox.settings.file_bytes = 2**20
    instant = sandbox.now() - timedelta(hours=3)
    sandbox.put_records("emailSend", [b"<html>jane@example.com</html>"], at=instant)
    config = config_for(sandbox, export_method=method)
    result = sync(config, ["email_send"])
    assert result.failure is None
    truth = [line for line in sandbox.truth_lines("emailSend", *_span(sandbox, config, result)) if line[:1] == b"{"]
    assert len(result.records["email_send"]) == len(truth)
    for _ in range(11):
        sandbox.put_records("emailSend", [b"{broken"], at=instant)
    result = sync(config, ["email_send"])
    assert result.failure is not None
    assert "12 of" in result.errors["email_send"].error.message
    assert "jane" not in result.errors["email_send"].error.message


def _span(sandbox: Sandbox, config: dict[str, Any], result: Sync) -> tuple[str, str]:
    end = result.states["email_send"]["createdAt"]
    return config["start_date"].replace("T", " ").replace("Z", " +00:00"), end.replace("T", " ").replace(
        "+00:00", " +00:00"
    )


def test_bad_lines_are_named_by_window_and_number_never_quoted(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox.put_records("emailSend", [b"<html>jane@example.com</html>"], at=sandbox.now() - timedelta(hours=3))
    sync(config_for(sandbox), ["email_send"])
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert any("email_send" in each and "line " in each and "not a JSON object" in each for each in warnings)
    assert not any("jane" in record.getMessage() for record in caplog.records)


def test_a_terminated_sync_cancels_its_own_jobs_and_no_others(tmp_path: Path) -> None:
    with Sandbox(SandboxSettings(seed=7, users=40, days=6, job_seconds=3600)) as sandbox:
        foreign = sandbox.foreign_job("emailOpen")
        config = config_for(sandbox, export_method="jobs")
        (tmp_path / "catalog.json").write_text(
            json.dumps(catalog_for(config, ["email_send", "email_open", "push_send"]))
        )
        with start_read(tmp_path, config, ["email_send", "email_open", "push_send"], subprocess.PIPE) as process:
            try:
                deadline = time.monotonic() + 30
                while sandbox.count("export/{jobId}/files") < 6 and time.monotonic() < deadline:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        pytest.fail(f"ended by itself: {process.wait(timeout=0.05)}")
                process.send_signal(signal.SIGTERM)
                output, _ = process.communicate(timeout=20)
            finally:
                process.kill()
        assert process.returncode == -signal.SIGTERM, "by the signal, as a platform expects it"
        assert all(json.loads(line) for line in output.split(b"\n") if line)
        own = [request for request in sandbox.requests if request.endpoint == "export/start" and request.status == 200]
        assert len(own) == 3
        assert sandbox.count("export/{jobId}", method="DELETE", status=200) == 3
        assert sandbox.job_state(foreign).lower() in ("running", "enqueued")


def test_a_sync_killed_at_any_instant_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut a sync's output anywhere and resume from the last state in it: no record is missing."""
    monkeypatch.setattr(windows, "FIRST_SIZE", 3600 * 5)
    with Sandbox(SandboxSettings(seed=9, users=40, days=6, events_per_day=900, file_bytes=3000)) as sandbox:
        config = config_for(sandbox)
        messages = list(_messages(config))
        whole = {each["_event_id"] for kind, each in messages if kind == "record"}
        for cut in range(0, len(messages), max(1, len(messages) // 25)):
            before = messages[:cut]
            states = [each for kind, each in before if kind == "state"]
            found = {each["_event_id"] for kind, each in before if kind == "record"}
            rest = sync(config, ["email_send"], states[-1:] or None)
            found |= {each["_event_id"] for each in rest.records["email_send"]}
            assert whole <= found


def _messages(config: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    import logging

    from airbyte_cdk.models import AirbyteStateMessageSerializer, ConfiguredAirbyteCatalogSerializer, Type

    from source_iterable.airbyte.source import SourceIterable

    catalog = ConfiguredAirbyteCatalogSerializer.load(catalog_for(config, ["email_send"]))
    for message in SourceIterable().read(logging.getLogger("airbyte"), config, catalog):
        if message.type == Type.RECORD and message.record:
            yield "record", message.record.data
        elif message.type == Type.STATE and message.state:
            yield "state", AirbyteStateMessageSerializer.dump(message.state)


@pytest.mark.parametrize("method", ["streaming", "jobs"])
@pytest.mark.parametrize(
    ("name", "other"), [("email_unsubscribe", "emailUnsubscribe"), ("unknown_session", "anonSession")]
)
def test_a_data_type_is_tried_by_its_other_spelling_before_its_stream_fails(
    sandbox: Sandbox, method: str, name: str, other: str
) -> None:
    data_type = next(stream.data_type for stream in EXPORTS if stream.name == name)
    asked: list[str] = []

    def not_the_other(entry: RequestLogEntry) -> bool:
        asked.append((entry.body or {}).get("dataTypeName") or entry.query["dataTypeName"][0])
        return asked[-1] != other

    endpoint = "export/data.json" if method == "streaming" else "export/start"
    sandbox.add_fault(
        Fault(endpoint, "status", times=None, status=400, body={"code": "BadParams", "msg": "?"}, when=not_the_other)
    )
    # The sandbox knows the reference's spelling alone: it refuses the other one itself, with the same 400.
    result = sync(config_for(sandbox, export_method=method), [name])
    assert set(asked) == {data_type, other}
    assert result.errors[name].error.failure_type.value == "system_error"
    assert "400 (BadParams: ?)" in result.errors[name].error.message, "the error of the reference's spelling"


def test_the_spelling_that_works_is_kept(sandbox: Sandbox) -> None:
    line = b'{"createdAt":"2026-01-01 00:00:00 +00:00","email":"a@b.c"}\n'
    export = "export/data.json"
    sandbox.add_fault(
        Fault(
            export,
            "status",
            times=None,
            status=200,
            body=line,
            when=lambda entry: entry.query["dataTypeName"] == ["emailUnsubscribe"],
        )
    )
    sandbox.add_fault(Fault(export, "status", times=None, status=400))
    config = config_for(sandbox, days=200, export_method="streaming")
    result = sync(config, ["email_unsubscribe"])
    assert result.failure is None
    assert len(result.records["email_unsubscribe"]) > 1
    asked = [entry.query["dataTypeName"][0] for entry in sandbox.requests if entry.endpoint == export]
    assert asked.count("emailUnSubscribe") == 1

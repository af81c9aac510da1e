"""The second door of the sandbox's export: jobs, their files, and the links to them."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
import requests

from integration_tests.sandbox import Fault, Sandbox, SandboxSettings

NOW = datetime(2026, 3, 10, 14, 30, 15, tzinfo=timezone.utc)
START = NOW - timedelta(days=2)
KEY = {"Api-Key": "sandbox-key"}
FORMAT = "%Y-%m-%d %H:%M:%S +00:00"
JOB = 1000.0  # seconds that a job runs; far more than a test takes, so that only advance() moves it


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    settings = SandboxSettings(now=NOW, days=2, users=30, events_per_day=2000, job_seconds=JOB, file_bytes=10_000)
    with Sandbox(settings) as running:
        yield running


def start(sandbox: Sandbox, data_type: str = "emailSend", **changes: Any) -> requests.Response:
    body = {
        "dataTypeName": data_type,
        "startDateTime": START.strftime(FORMAT),
        "endDateTime": NOW.strftime(FORMAT),
        "outputFormat": "application/x-json-stream",
        **changes,
    }
    return requests.post(sandbox.base_url + "export/start", json=body, headers=KEY, timeout=10)


def poll(sandbox: Sandbox, job: int, after: str | None = None) -> dict[str, Any]:
    query = {} if after is None else {"startAfter": after}
    answer = requests.get(f"{sandbox.base_url}export/{job}/files", params=query, headers=KEY, timeout=10)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    assert found["jobId"] == job
    return found


def state(answer: dict[str, Any]) -> str:
    return str(answer["jobState"]).lower()


def files(sandbox: Sandbox, job: int) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    while True:
        page = poll(sandbox, job, found[-1]["file"] if found else None)["files"]
        assert len(page) <= 10
        if not page:
            return found
        found += page


def test_a_job_leaves_the_truth_in_files(sandbox: Sandbox) -> None:
    job = start(sandbox).json()["jobId"]
    assert state(poll(sandbox, job)) == "running"
    assert not poll(sandbox, job)["files"]
    sandbox.advance(JOB / 2)
    halfway = files(sandbox, job)
    sandbox.advance(JOB / 2)
    assert state(poll(sandbox, job)) == "completed"
    listed = files(sandbox, job)
    assert len(listed) > 20
    assert 0 < len(halfway) < len(listed)
    assert [file["file"] for file in halfway] == [file["file"] for file in listed[: len(halfway)]]
    assert len({file["file"] for file in listed}) == len(listed)
    lines: list[bytes] = []
    for file in listed:
        answer = requests.get(file["url"], timeout=10)
        assert len(answer.content) == int(answer.headers["content-length"]) <= 10_000
        lines += answer.content.split(b"\n")[:-1]
    truth = Counter(orjson.dumps(record) for record in sandbox.truth("emailSend", START, NOW))
    assert Counter(orjson.dumps(orjson.loads(line)) for line in lines) == truth
    assert not any("api-key" in entry.header_names for entry in sandbox.requests if entry.host == "files")
    assert sandbox.count("files") == len(listed)


def test_a_job_may_leave_csv(sandbox: Sandbox) -> None:
    job = start(sandbox, outputFormat="text/csv").json()["jobId"]
    sandbox.advance(JOB)
    listed = files(sandbox, job)
    assert len(listed) > 2
    rows: list[dict[str, str]] = []
    for file in listed:
        assert file["file"].endswith(".csv")
        found = list(csv.DictReader(io.StringIO(requests.get(file["url"], timeout=10).text, newline="")))
        assert found
        rows += found
    truth = sandbox.truth("emailSend", START, NOW)
    assert Counter(row["messageId"] for row in rows) == Counter(record["messageId"] for record in truth)
    row = next(row for row in rows if row["transactionalData"])
    record = next(record for record in truth if record["messageId"] == row["messageId"])
    assert row["transactionalData"] == record["transactionalData"]


def test_an_empty_window_leaves_no_file(sandbox: Sandbox) -> None:
    job = start(sandbox, endDateTime=START.strftime(FORMAT)).json()["jobId"]
    sandbox.advance(JOB)
    answer = poll(sandbox, job)
    assert (state(answer), answer["files"], answer["exportTruncated"]) == ("completed", [], False)


def test_four_run_and_others_wait(sandbox: Sandbox) -> None:
    other = sandbox.foreign_job()
    jobs = [start(sandbox).json()["jobId"] for _ in range(5)]
    assert [state(poll(sandbox, job)) for job in jobs] == ["running"] * 3 + ["enqueued"] * 2
    sandbox.advance(JOB)
    assert [state(poll(sandbox, job)) for job in jobs] == ["completed"] * 3 + ["running"] * 2
    listed = requests.get(sandbox.base_url + "export/jobs", headers=KEY, timeout=10).json()["jobs"]
    assert [job["id"] for job in listed] == [*reversed(jobs), other]
    running = requests.get(sandbox.base_url + "export/jobs?jobState=running", headers=KEY, timeout=10).json()["jobs"]
    assert {job["id"] for job in running} == {other, *jobs[3:]}
    assert sandbox.job_state(other) == "running"


def test_cancelling(sandbox: Sandbox) -> None:
    jobs = [start(sandbox).json()["jobId"] for _ in range(5)]
    for job in (jobs[0], jobs[4]):
        answer = requests.delete(f"{sandbox.base_url}export/{job}", headers=KEY, timeout=10)
        assert answer.json()["code"] == "Success"
        assert state(poll(sandbox, job)) == "cancelled"
        again = requests.delete(f"{sandbox.base_url}export/{job}", headers=KEY, timeout=10)
        assert again.status_code == 400
    assert requests.delete(f"{sandbox.base_url}export/1", headers=KEY, timeout=10).status_code == 404
    assert sandbox.count("export/{jobId}", method="DELETE") == 5


@pytest.mark.parametrize(
    ("kind", "end"), [("job_failed", "failed"), ("job_cancelled", "cancelled"), ("job_truncated", "completed")]
)
def test_bad_ends(sandbox: Sandbox, kind: str, end: str) -> None:
    sandbox.add_fault(Fault("export/start", kind, after_files=2))
    bad, good = (start(sandbox).json()["jobId"] for _ in range(2))
    assert state(poll(sandbox, bad)) == "running"
    sandbox.advance(JOB)
    answer = poll(sandbox, bad)
    assert (state(answer), len(answer["files"])) == (end, 2)
    assert answer["exportTruncated"] is (kind == "job_truncated")
    assert state(poll(sandbox, good)) == "completed"
    assert poll(sandbox, good)["exportTruncated"] is False


def test_stuck_endless_and_enqueued_again(sandbox: Sandbox) -> None:
    jobs = []
    for kind in ("job_stuck", "job_endless", "job_requeue"):
        sandbox.add_fault(Fault("export/start", kind))
        jobs.append(start(sandbox).json()["jobId"])
    sandbox.advance(JOB * 100)
    seen = [[state(poll(sandbox, job)) for _ in range(4)] for job in jobs]
    assert seen == [["enqueued"] * 4, ["running"] * 4, ["running", "enqueued", "running", "completed"]]


def test_states_are_in_lower_case_and_in_others_only_as_an_oddity(sandbox: Sandbox) -> None:
    def words(running: Sandbox) -> list[set[str]]:
        job = start(running).json()["jobId"]
        running.advance(JOB)
        polled, listed = set(), set()
        for _ in range(8):
            polled.add(poll(running, job)["jobState"])
            answer = requests.get(running.base_url + "export/jobs", headers=KEY, timeout=10).json()
            listed.add(answer["jobs"][0]["jobState"])
        assert running.job_state(job) == "completed"
        return [polled, listed]

    assert words(sandbox) == [{"Completed", "completed", "COMPLETED"}] * 2
    with Sandbox(SandboxSettings(now=NOW, days=2, users=30, job_seconds=JOB, odd=False)) as ordinary:
        assert words(ordinary) == [{"completed"}] * 2


def test_links_expire_and_want_no_key(sandbox: Sandbox) -> None:
    job = start(sandbox).json()["jobId"]
    sandbox.advance(JOB)
    url = poll(sandbox, job)["files"][0]["url"]
    assert url.startswith(sandbox.files_url)
    assert requests.get(url, headers=KEY, timeout=10).status_code == 400
    assert requests.get(url.replace("Signature=", "Signature=0"), timeout=10).status_code == 403
    assert requests.get(url, timeout=10).status_code == 200
    sandbox.advance(1801)
    late = requests.get(url, timeout=10)
    assert late.status_code == 403
    assert "Request has expired" in late.text
    fresh = poll(sandbox, job)["files"][0]["url"]
    assert requests.get(fresh, timeout=10).status_code == 200
    assert [entry.status for entry in sandbox.requests if entry.host == "files"] == [400, 403, 200, 403, 200]


@pytest.mark.parametrize(
    "changes",
    [
        {"dataTypeName": "nothing"},
        {"dataTypeName": None},
        {"outputFormat": None},
        {"outputFormat": "text/xml"},
        {"startDateTime": "2026-03-01T00:00:00.000"},
        {"startDateTime": "2026-03-01"},
        {"startDateTime": NOW.strftime(FORMAT), "endDateTime": START.strftime(FORMAT)},
    ],
)
def test_what_cannot_be_started(sandbox: Sandbox, changes: dict[str, Any]) -> None:
    answer = start(sandbox, **changes)
    assert (answer.status_code, answer.json()["code"]) == (400, "BadParams")
    assert sandbox.jobs() == []


@pytest.mark.parametrize("shape", ["%Y-%m-%dT%H:%M:%S.000Z", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.000+00:00"])
def test_times_may_be_iso_8601(sandbox: Sandbox, shape: str) -> None:
    edges = {"startDateTime": START.strftime(shape), "endDateTime": (NOW - timedelta(days=1)).strftime(shape)}
    iso, plain = (
        start(sandbox, **changes).json()["jobId"]
        for changes in (edges, {"endDateTime": (NOW - timedelta(days=1)).strftime(FORMAT)})
    )
    sandbox.advance(JOB)
    texts = [[requests.get(each["url"], timeout=10).text for each in files(sandbox, job)] for job in (iso, plain)]
    assert texts[0] == texts[1] != []


@pytest.mark.parametrize(
    ("name", "other"), [("emailUnSubscribe", "emailUnsubscribe"), ("unknownSession", "anonSession")]
)
def test_both_spellings_of_a_data_type_give_the_same_records(sandbox: Sandbox, name: str, other: str) -> None:
    window = {"startDateTime": START.strftime(FORMAT), "endDateTime": NOW.strftime(FORMAT)}
    streamed = [
        requests.get(
            sandbox.base_url + "export/data.json", params={**window, "dataTypeName": each}, headers=KEY, timeout=10
        ).content
        for each in (name, other)
    ]
    assert streamed[0] == streamed[1] != b""
    job = start(sandbox, other).json()["jobId"]
    sandbox.advance(JOB)
    assert b"".join(requests.get(file["url"], timeout=10).content for file in files(sandbox, job)) == streamed[0]
    with Sandbox(SandboxSettings(now=NOW, days=2, spellings="reference")) as strict:
        assert [start(strict, each).status_code for each in (name, other)] == [200, 400]

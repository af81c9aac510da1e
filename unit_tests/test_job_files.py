"""How long an export job is waited for, which of its files are fetched when, and what is left of it at the end."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import requests_mock

from source_iterable.api.client import IterableClient
from source_iterable.api.rate_budget import NotYet, Permit
from source_iterable.api.spooled import SpooledResponse
from source_iterable.config import Config
from source_iterable.errors import IterableError, JobFailed, Stopped, TransientError
from source_iterable.exports import jobs
from source_iterable.exports.export_job import ExportFile, ExportJob
from source_iterable.exports.jobs import JobsTransport
from source_iterable.exports.windows import Window
from unit_tests.test_jobs import ROOT, WINDOW, Api, page, serve


@pytest.fixture
def api() -> Iterator[Api]:
    with requests_mock.Mocker() as server:
        yield Api(server)


@pytest.fixture
def client() -> IterableClient:
    config = Config.parse({"api_key": "k", "start_date": "2024-01-01T00:00:00Z", "rate_limit_factor": 1e6})
    return IterableClient(config, logging.getLogger("test"))


def read(client: IterableClient, window: Window = WINDOW) -> list[bytes]:
    transport = JobsTransport(client)
    permit = transport.try_acquire()
    assert isinstance(permit, Permit)
    return [b"".join(part.chunks()) for part in transport.read("emailSend", window, permit)]


def fetched(api: Api, name: str) -> int:
    return sum(request.url == f"https://files.example.com/{name}" for request in api.server.request_history)


def test_a_job_is_started_for_its_window(api: Api, client: IterableClient) -> None:
    api.pages = [page("completed")]
    assert read(client, Window(1_700_000_000, 1_700_003_600)) == []
    assert api.server.request_history[0].json() == {
        "dataTypeName": "emailSend",
        "outputFormat": "application/x-json-stream",
        "startDateTime": "2023-11-14 22:13:20 +00:00",
        "endDateTime": "2023-11-14 23:13:20 +00:00",
    }


def test_a_job_that_says_nothing_of_truncation_is_complete(api: Api, client: IterableClient) -> None:
    serve(api, "a")
    listed = page("completed", "a")
    del listed["exportTruncated"]
    api.pages = [listed, listed, {"jobState": "completed", "files": []}]
    assert read(client) == [b'{"id": "a"}\n']


def test_a_job_is_looked_at_ever_less_often(api: Api, client: IterableClient, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    client.pace = 1.0
    monkeypatch.setattr(client, "wait", lambda seconds: waited.append(seconds) if seconds >= 2 else None)
    api.pages = [*[page("queued")] * 9, page("completed")]
    assert read(client) == []
    assert waited == pytest.approx([2, 3, 4.5, 6.75, 10.125, 15.1875, 22.78125, 30, 30, 30])


def test_a_job_without_progress_is_given_up_after_a_day(
    api: Api, client: IterableClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    client.pace = 1.0
    monkeypatch.setattr(client, "wait", lambda seconds: waited.append(seconds) if seconds >= 2 else None)
    monkeypatch.setattr(jobs, "LONGEST_POLL", 10_000.0)  # fewer polls
    api.pages = [page("queued")]
    with pytest.raises(JobFailed, match="Iterable kept export job 7 queued for 24 hours"):
        read(client)
    assert 86_400 < sum(waited) <= 96_402
    assert api.cancelled == 1


@pytest.mark.parametrize("failure", [{"status_code": 403}, {"exc": requests.ConnectionError}, {"text": "<html>"}])
def test_a_file_that_cannot_be_fetched_fails_the_stream(
    api: Api, client: IterableClient, failure: dict[str, Any]
) -> None:
    api.server.get("https://files.example.com/a", **failure)
    api.pages = [page("completed", "a"), page("completed", "a"), page("completed"), page("completed", "a")]
    with pytest.raises(TransientError, match="The file a of export job 7 could not be fetched whole: .*tried 5 times"):
        read(client)
    assert fetched(api, "a") == 5
    assert api.cancelled == 0, "the job is done"


@pytest.mark.parametrize("failure", [{"status_code": 403}, {"exc": requests.ConnectionError}, {"text": "<html>"}])
def test_a_file_that_cannot_be_fetched_while_its_job_runs_is_fetched_later(
    api: Api, client: IterableClient, failure: dict[str, Any]
) -> None:
    serve(api, "b")
    api.server.get("https://files.example.com/a", [failure, {"content": b'{"id": "a"}\n'}])
    api.pages = [page("running", "a", "b"), page("completed", "a", "b"), page("completed", "a", "b"), page("completed")]
    assert read(client) == [b'{"id": "a"}\n', b'{"id": "b"}\n']
    assert (fetched(api, "a"), fetched(api, "b")) == (2, 1)


def test_a_file_that_is_listed_under_two_names_is_read_once(api: Api, client: IterableClient) -> None:
    serve(api, "a", "b", "a?version=2")
    listed = page("completed", "a", "b")
    listed["files"].insert(1, {**listed["files"][0], "file": "a again"})
    listed["files"].append({"file": "another", "url": "https://files.example.com/a?version=2"})
    for running in ([], [{**listed, "jobState": "running"}]):
        api.pages = [*running, listed, listed, page("completed")]
        assert read(client) == [b'{"id": "a"}\n', b'{"id": "b"}\n', b'{"id": "a?version=2"}\n']


def test_files_of_a_job_that_fails_leave_no_file_open(
    api: Api, client: IterableClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(api, "a", "b")
    received: list[SpooledResponse] = []
    receive_file = client.receive_file

    def kept(url: str, max_bytes: int) -> SpooledResponse:
        received.append(receive_file(url, max_bytes))
        return received[-1]

    monkeypatch.setattr(client, "receive_file", kept)
    api.pages = [page("running", "a", "b"), page("failed")]
    with pytest.raises(JobFailed, match="as failed"):
        read(client)
    assert len(received) == 2
    for part in received:
        with pytest.raises(ValueError, match="closed"):
            list(part.chunks())


def test_the_end_of_a_sync_cancels_its_jobs_each_once(api: Api, client: IterableClient) -> None:
    client.pace = 1e6  # the job is waited for until the client is stopped
    transport = JobsTransport(client)
    started = threading.Event()

    def start(request: Any, context: Any) -> Any:
        started.set()
        return {"jobId": 7}

    api.server.post(f"{ROOT}export/start", json=start)
    permit = transport.try_acquire()
    assert isinstance(permit, Permit)
    raised: list[IterableError] = []

    def run() -> None:
        try:
            list(transport.read("emailSend", WINDOW, permit))
        except IterableError as error:
            raised.append(error)

    reading = threading.Thread(target=run)
    reading.start()
    assert started.wait(10)
    transport.close()
    assert api.cancelled == 1
    client.stop()
    reading.join(10)
    assert [str(error) for error in raised] == ["The sync was terminated."]
    transport.close()
    assert api.cancelled == 1


def test_the_end_of_a_sync_waits_until_every_job_is_cancelled(
    api: Api, client: IterableClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.pace = 1e6  # the jobs are waited for until the client is stopped
    transport = JobsTransport(client)
    started, cancelling = threading.Semaphore(0), threading.Semaphore(0)
    go_on = {"export/7": threading.Event(), "export/8": threading.Event()}
    ids = iter(go_on)

    def start(request: Any, context: Any) -> Any:
        started.release()
        return {"jobId": next(ids)[-1]}

    def cancel(path: str) -> None:
        cancelling.release()
        assert go_on[path].wait(10)

    api.server.post(f"{ROOT}export/start", json=start)
    monkeypatch.setattr(client, "cancel", cancel)

    def read_one() -> None:
        while isinstance(permit := transport.try_acquire(), NotYet):
            pass
        with pytest.raises(IterableError, match="terminated"):
            list(transport.read("emailSend", WINDOW, permit))

    reading = [threading.Thread(target=read_one, daemon=True) for _ in go_on]
    for thread in reading:
        thread.start()
        assert started.acquire(timeout=10)
    closing = threading.Thread(target=transport.close, daemon=True)
    closing.start()
    for _ in go_on:
        assert cancelling.acquire(timeout=10)
    go_on["export/7"].set()
    closing.join(0.05)
    assert closing.is_alive(), "the other job is not yet cancelled"
    go_on["export/8"].set()
    closing.join(10)
    assert not closing.is_alive()
    client.stop()
    for thread in reading:
        thread.join(10)


def test_a_job_that_is_done_is_not_cancelled_at_the_end(api: Api, client: IterableClient) -> None:
    transport = JobsTransport(client)
    permit = transport.try_acquire()
    assert isinstance(permit, Permit)
    api.pages = [page("completed")]
    assert list(transport.read("emailSend", WINDOW, permit)) == []
    transport.close()
    assert api.cancelled == 0


@pytest.mark.parametrize("hanging", ["post_json", "cancel"])
def test_the_end_of_a_sync_does_not_wait_for_ever(
    api: Api, client: IterableClient, monkeypatch: pytest.MonkeyPatch, hanging: str
) -> None:
    monkeypatch.setattr(jobs, "CLOSING", 0.05)
    client.pace = 1e6  # the job is waited for until the client is stopped
    transport = JobsTransport(client)
    answered, release = threading.Event(), threading.Event()
    looked_at = threading.Event()

    def hang(*_: Any) -> Any:
        looked_at.set()
        release.wait(10)
        answered.set()
        return {"jobId": 7}

    def wait(seconds: float) -> None:
        if seconds:
            looked_at.set()
            release.wait(20)
            raise Stopped("The sync was terminated.")

    monkeypatch.setattr(client, hanging, hang)
    monkeypatch.setattr(client, "wait", wait)
    permit = transport.try_acquire()
    assert isinstance(permit, Permit)
    with permit:
        pass  # it counts as sent

    def read_it() -> None:
        with pytest.raises(Stopped):
            list(transport.read("emailSend", WINDOW, permit))

    before = set(threading.enumerate())
    reading = threading.Thread(target=read_it, daemon=True)
    reading.start()
    assert looked_at.wait(10)
    transport.close()
    assert not answered.is_set()
    assert all(thread.daemon for thread in set(threading.enumerate()) - before), "nor does the process"
    release.set()
    reading.join(10)


def test_four_jobs_run_at_once(api: Api, client: IterableClient) -> None:
    transport = JobsTransport(client)
    taken = 0
    for _ in range(4):
        while isinstance(permit := transport.try_acquire(), NotYet):
            assert permit.seconds < 0.1, "a slot is free"
        with permit:
            taken += 1
    assert taken == 4
    assert transport.try_acquire() == NotYet(0.2)


def test_a_request_that_must_wait_takes_no_slot() -> None:
    config = Config.parse({"api_key": "k", "start_date": "2024-01-01T00:00:00Z", "rate_limit_factor": 0.001})
    transport = JobsTransport(IterableClient(config, logging.getLogger("test")))
    first = transport.try_acquire()
    assert isinstance(first, Permit)
    with first:
        pass
    pauses = [transport.try_acquire() for _ in range(10)]
    assert all(isinstance(pause, NotYet) and pause.seconds > 900 for pause in pauses)


def test_a_fresh_link_replaces_the_old_one(api: Api, client: IterableClient) -> None:
    listed = page("completed", "a", "b")
    listed["files"][1]["url"] = "https://files.example.com/b?fresh"
    api.pages = [listed]
    fresh = ExportJob(client, 7).fresh(ExportFile("b", "https://files.example.com/b", "start"))
    assert fresh == ExportFile("b", "https://files.example.com/b?fresh", "start")
    assert api.asked == ["start"]


@pytest.mark.parametrize(
    ("response", "told"),
    [
        ({"status_code": 502}, "502"),
        ({"exc": requests.ConnectionError}, "broke"),
        ({"exc": requests.ReadTimeout}, "No"),
    ],
)
def test_a_start_without_a_response_fails_the_job_and_is_not_repeated(
    api: Api, client: IterableClient, response: dict[str, Any], told: str
) -> None:
    api.server.post(f"{ROOT}export/start", **response)
    with pytest.raises(JobFailed, match=told):
        read(client)
    assert api.server.call_count == 1

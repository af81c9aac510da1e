"""The jobs transport: how long a job is waited for, how its files are fetched, and when it is cancelled."""

from __future__ import annotations

import logging
import math
import threading
from typing import Any

import pytest
import requests

from source_iterable.api.client import IterableClient
from source_iterable.api.rate_budget import NotYet
from source_iterable.config import Config
from source_iterable.errors import IterableError, JobFailed, Stopped, TransientError
from source_iterable.exports import jobs
from source_iterable.exports.jobs import JobsTransport
from unit_tests.exports.jobs_api import ROOT, WINDOW, Api, never, opened, page, read, serve


@pytest.mark.parametrize("failure", [500, 403, 401])
def test_a_job_that_cannot_be_looked_at_is_cancelled(api: Api, transport: JobsTransport, failure: int) -> None:
    api.server.get(f"{ROOT}channels", status_code=401)
    api.pages = [page("running"), failure]
    with pytest.raises(IterableError, match=f"Iterable answered GET export/7/files with {failure}"):
        read(transport)
    assert api.cancelled == 1
    # And its slot is free again.
    api.pages = [page("completed"), page("completed")]
    for _ in range(6):
        assert read(transport) == []


def test_a_job_that_moves_is_never_stuck_and_one_that_does_not_is(
    api: Api, transport: JobsTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "STUCK", 100.0)
    names = [f"f{number:03d}" for number in range(30)]
    serve(api, *names)
    api.pages = [page("running", *names[: number + 1]) for number in range(29)]
    api.pages += [page("completed", *names), page("completed")]
    assert len(read(transport)) == 30
    api.pages = [page("running", *names)] * 30
    with pytest.raises(JobFailed, match="for 0 hours"):
        read(transport)
    assert api.cancelled == 1


@pytest.mark.parametrize(
    "answer", [{"status_code": 500}, {"exc": requests.ConnectionError}, {"exc": requests.ReadTimeout}]
)
def test_a_job_that_may_have_started_is_a_failed_job_and_its_slot_is_free(
    api: Api, transport: JobsTransport, answer: dict[str, Any]
) -> None:
    api.server.post(f"{ROOT}export/start", **answer)
    for _ in range(6):  # more than there are slots
        with pytest.raises(JobFailed):
            read(transport)
    api.server.post(f"{ROOT}export/start", json={"jobId": 7})
    api.pages = [page("completed"), page("completed")]
    assert read(transport) == []


@pytest.mark.parametrize("answer", [{"status_code": 404}, {"status_code": 500}, {"exc": requests.ConnectionError}])
def test_a_job_that_cannot_be_cancelled_is_let_go(api: Api, transport: JobsTransport, answer: dict[str, Any]) -> None:
    api.server.delete(f"{ROOT}export/7", **answer)
    api.pages = [page("failed")]
    for _ in range(6):
        with pytest.raises(JobFailed, match="ended export job 7 as failed"):
            read(transport)
    assert api.cancelled == 6


def test_what_a_job_is_waited_for_is_shown(api: Api, transport: JobsTransport) -> None:
    seen: list[str] = []

    def completed(request: Any, context: Any) -> Any:
        seen.extend(transport._client.progress.waits())
        return page("completed")

    api.server.get(f"{ROOT}export/7/files", json=completed)
    assert read(transport) == []
    assert "export job 7 (emailSend, 1970-01-01T00:00:00+00:00 to 1970-01-01T01:00:00+00:00)" in seen


def test_a_file_that_failed_is_fetched_from_its_fresh_link(api: Api, transport: JobsTransport) -> None:
    api.server.get("https://files.example.com/a", status_code=403)
    api.server.get("https://files.example.com/fresh", content=b"{}\n")
    fresh = page("completed", "a")
    fresh["files"][0]["url"] = "https://files.example.com/fresh"
    api.pages = [page("completed", "a"), page("completed"), fresh]
    assert read(transport) == [b"{}\n"]


@pytest.fixture
def client() -> IterableClient:
    config = Config.parse({"api_key": "k", "start_date": "2024-01-01T00:00:00Z", "rate_limit_factor": 1e6})
    return IterableClient(config, logging.getLogger("test"))


def fetched(api: Api, name: str) -> int:
    return sum(request.url == f"https://files.example.com/{name}" for request in api.server.request_history)


def test_an_empty_list_of_files_is_believed_where_nothing_is_expected(api: Api, client: IterableClient) -> None:
    serve(api, "a")
    api.pages = [page("completed"), page("completed", "a"), page("completed")]
    assert read(JobsTransport(client)) == []
    assert api.asked == [""]
    api.asked.clear()
    api.pages = [page("completed"), page("completed", "a"), page("completed")]
    assert read(JobsTransport(client), WINDOW._replace(expected_bytes=10**6)) == [b'{"id": "a"}\n']
    assert api.asked == ["", "", "a"]


def test_files_behind_the_first_are_fetched_when_the_window_is_read(api: Api, client: IterableClient) -> None:
    names = [f"f{number}" for number in range(8)]
    serve(api, *names)
    api.pages = [page("completed", *names), page("completed")]
    files = opened(JobsTransport(client))
    next(files)
    assert [fetched(api, name) for name in names] == [1] + [0] * 7, "it may have to wait for the windows before it"
    assert len(list(files)) == 7


@pytest.mark.parametrize("failure", [{"status_code": 403}, {"exc": requests.ConnectionError}, {"text": "<html>"}])
def test_a_file_that_cannot_be_fetched_fails_the_stream(
    api: Api, client: IterableClient, failure: dict[str, Any]
) -> None:
    api.server.get("https://files.example.com/a", **failure)
    api.pages = [page("completed", "a"), page("completed"), page("completed", "a")]
    with pytest.raises(TransientError, match="The file a of export job 7 could not be fetched whole: .*tried 5 times"):
        read(JobsTransport(client))
    assert fetched(api, "a") == 5
    assert api.cancelled == 0, "the job is done"


def test_the_end_of_a_sync_cancels_its_jobs_each_once(api: Api, client: IterableClient) -> None:
    client.pace = 1e6  # the job is waited for until the client is stopped
    transport = JobsTransport(client)
    started = threading.Event()

    def start(request: Any, context: Any) -> Any:
        started.set()
        return {"jobId": 7}

    api.server.post(f"{ROOT}export/start", json=start)
    raised: list[IterableError] = []

    def run() -> None:
        try:
            read(transport)
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
        with pytest.raises(IterableError, match="terminated"):
            read(transport)

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
    api.pages = [page("completed")]
    assert read(transport) == []
    transport.close()
    assert api.cancelled == 0


@pytest.mark.parametrize("hanging", ["json", "cancel"])
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
        return 7

    def wait(seconds: float) -> None:
        if seconds:
            looked_at.set()
            release.wait(20)
            raise Stopped("The sync was terminated.")

    monkeypatch.setattr(client, hanging, hang)
    monkeypatch.setattr(client, "wait", wait)

    def read_it() -> None:
        with pytest.raises(Stopped):
            read(transport)

    before = set(threading.enumerate())
    reading = threading.Thread(target=read_it, daemon=True)
    reading.start()
    assert looked_at.wait(10)
    transport.close()
    assert not answered.is_set()
    assert all(thread.daemon for thread in set(threading.enumerate()) - before), "nor does the process"
    release.set()
    reading.join(10)


def test_four_jobs_run_at_once(api: Api, client: IterableClient, monkeypatch: pytest.MonkeyPatch) -> None:
    freed: list[int] = []
    transport = JobsTransport(client, lambda: freed.append(transport.within(0)))
    reads = [transport.try_acquire() for _ in range(5)]
    assert [isinstance(each, NotYet) for each in reads] == [False] * 4 + [True]
    assert reads[4] == NotYet(math.inf), "until one has ended"
    assert transport.within(1000) == 0, "none has started"
    api.pages = [page("completed")]
    assert not isinstance(reads[0], NotYet)
    assert list(reads[0]("emailSend", WINDOW, never)) == []
    assert freed == [1]

"""The sandbox's faults: each does what it says, as often as it says."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import orjson
import pytest
import requests

from integration_tests.sandbox import Fault, RequestLogEntry, Sandbox, SandboxSettings

NOW = datetime(2026, 3, 10, 14, 30, 15, tzinfo=timezone.utc)
KEY = {"Api-Key": "sandbox-key"}
EXPORT = "export/data.json"


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    settings = SandboxSettings(now=NOW, days=3, users=20, events_per_day=3000, job_seconds=0, file_bytes=300_000)
    with Sandbox(settings) as started:
        yield started


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.clear_faults()
    running.clear_requests()
    return running


def ask(sandbox: Sandbox, path: str, timeout: float = 10, **query: Any) -> requests.Response:
    return requests.get(sandbox.base_url + path, params=query, headers=KEY, timeout=timeout, allow_redirects=False)


def export(sandbox: Sandbox, timeout: float = 10) -> requests.Response:
    return ask(sandbox, EXPORT, timeout, dataTypeName="emailSend", range="All")


def file_url(sandbox: Sandbox) -> str:
    body = {"dataTypeName": "emailSend", "outputFormat": "application/x-json-stream"}
    job = requests.post(sandbox.base_url + "export/start", json=body, headers=KEY, timeout=10).json()["jobId"]
    return str(ask(sandbox, f"export/{job}/files").json()["files"][0]["url"])


@pytest.mark.parametrize("at_bytes", [None, 0, 100, 200_000, 10**9])
def test_a_cut_body_has_no_end(sandbox: Sandbox, at_bytes: int | None) -> None:
    fault = sandbox.add_fault(Fault(EXPORT, "cut", at_bytes=at_bytes))
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        export(sandbox)
    assert fault.struck == 1
    assert [entry.status for entry in sandbox.requests] == [200]
    assert export(sandbox).status_code == 200


@pytest.mark.parametrize(("at_bytes", "received"), [(0, 0), (100, 100), (10**9, None)])
def test_a_body_without_an_end_looks_like_a_whole_one(sandbox: Sandbox, at_bytes: int, received: int | None) -> None:
    whole = export(sandbox).content
    sandbox.add_fault(Fault(EXPORT, "no_end", at_bytes=at_bytes))
    answer = export(sandbox)
    assert len(answer.content) == (len(whole) if received is None else received)
    assert not {"Content-Length", "Transfer-Encoding"} & set(answer.headers)
    sandbox.add_fault(Fault("lists", "no_end"))
    assert 0 < len(ask(sandbox, "lists").content) < len(ask(sandbox, "lists").content)


def test_a_cleanly_cut_body_ends_within_a_line(sandbox: Sandbox) -> None:
    whole = export(sandbox).content
    for at_bytes in (None, 100_001):
        sandbox.add_fault(Fault(EXPORT, "clean_cut", at_bytes=at_bytes))
        part = export(sandbox).content
        assert whole.startswith(part)
        assert 0 < len(part) < len(whole)
        with pytest.raises(orjson.JSONDecodeError):
            orjson.loads(part.split(b"\n")[-1])


def test_statuses_with_bodies_and_headers(sandbox: Sandbox) -> None:
    sandbox.add_fault(Fault(EXPORT, "status", status=503))
    sandbox.add_fault(Fault(EXPORT, "status", status=429, headers={"Retry-After": "7"}))
    sandbox.add_fault(Fault(EXPORT, "status", status=500, body={"code": "Generic Error", "msg": "oh"}))
    sandbox.add_fault(Fault(EXPORT, "status", status=502, body="<html>"))
    answers = [export(sandbox) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [503, 429, 500, 502, 200]
    assert answers[1].headers["Retry-After"] == "7"
    assert answers[1].json()["code"] == "RateLimitExceeded"
    assert answers[2].json()["code"] == "Generic Error"
    assert answers[3].text == "<html>"
    assert [entry.status for entry in sandbox.requests] == [503, 429, 500, 502, 200]


def test_after_times_and_when(sandbox: Sandbox) -> None:
    def of_page_two(entry: RequestLogEntry) -> bool:
        return entry.query.get("page") == ["2"]

    sandbox.add_fault(Fault("campaigns", "status", times=2, after=1, when=of_page_two))
    asked = [(page, ask(sandbox, "campaigns", page=page).status_code) for page in (1, 2, 2, 1, 2, 2)]
    assert asked == [(1, 200), (2, 200), (2, 500), (1, 200), (2, 500), (2, 200)]
    sandbox.add_fault(Fault(None, "status", times=None))
    assert {ask(sandbox, path).status_code for path in ("lists", "channels", "lists")} == {500}


def test_no_answer(sandbox: Sandbox) -> None:
    for fault in (Fault("lists", "drop"), Fault("lists", "hang", delay=0.01)):
        sandbox.add_fault(fault)
        with pytest.raises(requests.exceptions.ConnectionError):
            ask(sandbox, "lists")
    sandbox.add_fault(Fault("lists", "hang"))
    with pytest.raises(requests.exceptions.ReadTimeout):
        ask(sandbox, "lists", timeout=0.1)
    assert [entry.status for entry in sandbox.requests] == [0, 0, 0]


def test_slow_and_stalled_bodies(sandbox: Sandbox) -> None:
    sandbox.add_fault(Fault("campaigns", "slow", delay=0.0001))
    assert ask(sandbox, "campaigns", page=1).content == ask(sandbox, "campaigns", page=1).content
    fault = sandbox.add_fault(Fault(EXPORT, "stall"))
    with pytest.raises(requests.exceptions.RequestException):
        export(sandbox, timeout=0.2)
    assert fault.struck == 1


def test_garbage(sandbox: Sandbox) -> None:
    whole = export(sandbox).content
    sandbox.add_fault(Fault(EXPORT, "garbage", body=b"<oops>"))
    assert export(sandbox).content == b"<oops>\n" + whole
    sandbox.add_fault(Fault("lists", "garbage"))
    assert ask(sandbox, "lists").text.startswith("<html>")


def test_ways_to_another_host(sandbox: Sandbox) -> None:
    sandbox.add_fault(Fault(EXPORT, "redirect"))
    answer = export(sandbox)
    assert (answer.status_code, answer.headers["Location"]) == (302, sandbox.files_url + "elsewhere")
    sandbox.add_fault(Fault("campaigns", "next_elsewhere"))
    url = ask(sandbox, "campaigns", page=1).json()["nextPageUrl"]
    assert url == sandbox.files_url + "elsewhere"
    assert requests.get(url, headers=KEY, timeout=10).status_code == 400
    assert "api-key" in sandbox.requests[-1].header_names
    assert sandbox.requests[-1].host == "files"


def test_faults_of_the_file_host(sandbox: Sandbox) -> None:
    url = file_url(sandbox)
    whole = requests.get(url, timeout=10).content
    for fault in (Fault("files", "cut"), Fault("files", "cut", at_bytes=10)):
        sandbox.add_fault(fault)
        with pytest.raises(requests.exceptions.RequestException):
            requests.get(url, timeout=10)
    sandbox.add_fault(Fault("files", "clean_cut"))
    assert 0 < len(requests.get(url, timeout=10).content) < len(whole)
    sandbox.add_fault(Fault("files", "status", status=503))
    assert requests.get(url, timeout=10).status_code == 503
    sandbox.add_fault(Fault("files", "expired"))
    expired = requests.get(url, timeout=10)
    assert expired.status_code == 403
    assert "Request has expired" in expired.text
    sandbox.add_fault(Fault("files", "garbage"))
    assert len(requests.get(url, timeout=10).content) > len(whole)
    assert requests.get(url, timeout=10).content == whole


def test_a_fault_must_be_of_a_known_kind() -> None:
    with pytest.raises(ValueError, match="no fault of kind"):
        Fault(EXPORT, "melt")


def test_a_start_that_a_fault_refuses_starts_nothing(sandbox: Sandbox) -> None:
    before = len(sandbox.jobs())
    sandbox.add_fault(Fault("export/start", "status", status=500))
    body = {"dataTypeName": "emailSend", "outputFormat": "application/x-json-stream"}
    assert requests.post(sandbox.base_url + "export/start", json=body, headers=KEY, timeout=10).status_code == 500
    assert len(sandbox.jobs()) == before


def test_a_slow_reader_is_cut_off_where_patience_is_set() -> None:
    settings = SandboxSettings(
        now=NOW, days=3, events_per_day=20_000, data_types=("emailSend",), padding=2000, reader_patience=0.05
    )
    with Sandbox(settings) as sandbox:
        url = f"{sandbox.base_url}{EXPORT}?dataTypeName=emailSend&range=All"
        others = set(threading.enumerate())
        with requests.get(url, headers=KEY, stream=True, timeout=10) as answer:
            pieces = answer.iter_content(1000)
            next(pieces)
            # The reader reads nothing until the server has given up, which takes as long as filling all buffers.
            for connection in set(threading.enumerate()) - others:
                connection.join(timeout=60)
            with pytest.raises(requests.exceptions.ChunkedEncodingError):
                for _ in pieces:
                    pass

"""Where the client sends the key, what it waits for, and how it is stopped."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests
import requests_mock
from requests_mock import Mocker

from source_iterable.api.client import IterableClient
from source_iterable.api.rate_budget import Permit
from source_iterable.api.request import Request, Timeout
from source_iterable.api.retry import RESPONSE, RetryPolicy
from source_iterable.config import Config
from source_iterable.errors import (
    BadKey,
    BadRequest,
    BrokenResponse,
    Forbidden,
    IterableError,
    NotFound,
    Stopped,
)
from source_iterable.exports.file_host import FileHost
from unit_tests.contexts import API_KEY, ROOT

LISTS = f"{ROOT}lists"


def read_json(client: IterableClient, policy: RetryPolicy = RESPONSE, permit: Permit | None = None) -> Any:
    return client.json(Request("lists", retry=policy), permit=permit)


def test_the_key_goes_to_the_region(client: IterableClient, requests_mock: Mocker) -> None:
    requests_mock.get(ROOT + "lists", json={"lists": []})
    assert client.get_json("lists") == {"lists": []}
    assert requests_mock.last_request.headers["Api-Key"] == API_KEY


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (401, BadKey, "BadApiKey"),
        (403, Forbidden, "Forbidden"),
        (404, NotFound, "NotFound"),
        (400, BadRequest, "BadParams"),
    ],
)
def test_client_errors_are_raised_without_retry_with_iterables_message(
    client: IterableClient, requests_mock: Mocker, status: int, kind: type[Exception], code: str
) -> None:
    requests_mock.get(ROOT + "channels", status_code=401)
    requests_mock.get(ROOT + "lists", status_code=status, json={"code": code, "msg": "because of that", "params": None})
    with pytest.raises(kind, match="because of that") as caught:
        client.get_text("lists")
    assert [request.path for request in requests_mock.request_history].count("/api/lists") == 1
    assert API_KEY not in str(caught.value)


def test_every_attempt_acquires_its_own_permit(client: IterableClient, requests_mock: Mocker) -> None:
    requests_mock.get(
        ROOT + "lists", [{"status_code": 500}, {"status_code": 429}, {"exc": requests.ConnectionError}, {"json": 1}]
    )
    budget = client.budgets.for_path("lists")
    held = budget.acquire(client.wait)
    taken: list[Permit] = []
    acquire = budget.acquire

    def counted(wait: Callable[[float], None]) -> Permit:
        taken.append(acquire(wait))
        return taken[-1]

    budget.acquire = counted  # type: ignore[method-assign]
    assert read_json(client, permit=held) == 1
    assert requests_mock.call_count == 4
    assert len({id(permit) for permit in [held, *taken]}) == 4
    assert all(permit.arrival is not None for permit in [held, *taken])


def test_a_redirect_within_the_api_is_followed(client: IterableClient, requests_mock: Mocker) -> None:
    requests_mock.get(ROOT + "lists", status_code=302, headers={"Location": "/api/v2/lists"})
    requests_mock.get(ROOT + "v2/lists", json={"lists": []})
    assert client.get_json("lists") == {"lists": []}


@pytest.mark.parametrize("location", ["https://elsewhere.example.com/lists", "http://api.iterable.com/api/lists"])
def test_a_redirect_to_another_origin_never_gets_the_key(
    client: IterableClient, requests_mock: Mocker, location: str
) -> None:
    requests_mock.get(ROOT + "lists", status_code=307, headers={"Location": location})
    elsewhere = requests_mock.get(location, json={})
    with pytest.raises(BadRequest, match="redirected"):
        client.get_text("lists")
    assert elsewhere.call_count == 0


def test_a_stopped_client_sends_no_requests(requests_mock: Mocker) -> None:
    config = Config.parse({"api_key": API_KEY, "start_date": "2024-01-01T00:00:00Z"})
    client = IterableClient(config, logging.getLogger("airbyte"))
    requests_mock.get(re.compile(".*"), json={})
    client.stop()
    with pytest.raises(Stopped):
        client.get_text("lists")
    assert requests_mock.call_count == 0


def failure(client: IterableClient) -> IterableError:
    with pytest.raises(IterableError) as caught:
        client.probe("lists", Timeout(5.0, 7.0))
    return caught.value


def test_a_probe_is_one_request(client: IterableClient, server: requests_mock.Mocker) -> None:
    server.get(LISTS, status_code=401)
    assert isinstance(failure(client), BadKey)
    assert server.call_count == 1
    assert tuple(server.request_history[-1].timeout) == (5.0, 7.0)  # type: ignore[arg-type]
    server.get(LISTS, text="<html>")
    assert str(failure(client)) == "The response to GET lists is not JSON."


def test_text_is_utf_8_without_its_mark(client: IterableClient, server: requests_mock.Mocker) -> None:
    server.get(LISTS, content=b"\xef\xbb\xbfid\n\xff\xc3\xbc")
    assert client.get_text("lists") == "id\n\ufffdü"


@pytest.mark.parametrize("location", ["https://api.iterable.com:port/", "https://[broken/"])
def test_a_redirect_to_an_invalid_url_is_a_broken_response(
    client: IterableClient, server: requests_mock.Mocker, location: str
) -> None:
    server.get(LISTS, status_code=302, headers={"Location": location})
    error = failure(client)
    assert isinstance(error, BrokenResponse)
    assert str(error) == "GET lists was redirected to an invalid URL."


def test_redirects_without_end_are_noticed(client: IterableClient, server: requests_mock.Mocker) -> None:
    server.get(LISTS, status_code=302, headers={"Location": LISTS})
    assert str(failure(client)) == "GET lists was redirected 5 times."
    assert server.call_count == 5


def test_a_redirect_brings_its_own_parameters_and_names_the_other_host(
    client: IterableClient, server: requests_mock.Mocker
) -> None:
    server.get(LISTS, status_code=302, headers={"Location": "/api/v2?b=2"})
    server.get(f"{ROOT}v2", json={"x": 1})
    assert client.get_json("lists", {"a": 1}) == {"x": 1}
    assert [request.qs for request in server.request_history] == [{"a": ["1"]}, {"b": ["2"]}]
    server.get(LISTS, status_code=307, headers={"Location": "https://elsewhere.example.com/"})
    error = failure(client)
    assert isinstance(error, BadRequest)
    assert error.status == 307
    assert str(error).endswith(
        "another host (elsewhere.example.com); the API key is not sent there. Check the API base URL."
    )


@pytest.mark.parametrize(("status", "fails"), [(200, False), (204, False), (300, True), (404, True)])
def test_cancelling(client: IterableClient, server: requests_mock.Mocker, status: int, fails: bool) -> None:
    server.delete(f"{ROOT}export/7", status_code=status)
    client.stop()
    if fails:
        with pytest.raises(IterableError, match=f"DELETE export/7 with {status}"):
            client.cancel("export/7")
    else:
        client.cancel("export/7")
    assert server.call_count == 1


def test_cancelling_takes_ten_seconds_at_most_and_follows_nobody(
    client: IterableClient, server: requests_mock.Mocker
) -> None:
    elsewhere = server.delete("https://elsewhere.example.com/x")
    server.delete(f"{ROOT}export/7", status_code=307, headers={"Location": "https://elsewhere.example.com/x"})
    with pytest.raises(IterableError):
        client.cancel("export/7")
    assert tuple(server.request_history[-1].timeout) == (5.0, 10.0)  # type: ignore[arg-type]
    assert elsewhere.call_count == 0


def test_the_first_reason_to_stop_is_told(client: IterableClient) -> None:
    client.wait(0)
    client.stop("The disk is full.")
    client.stop()
    with pytest.raises(Stopped, match="The disk is full"):
        client.wait(0)
    with pytest.raises(Stopped, match="The disk is full"):
        FileHost(client).receive("https://files.example.com/a", 100)


def test_a_posted_body_arrives(client: IterableClient, server: requests_mock.Mocker) -> None:
    server.post(f"{ROOT}export/start", json={"jobId": 5})
    assert client.json(Request("export/start", method="POST", body={"a": 1})) == {"jobId": 5}
    assert json.loads(server.request_history[-1].text) == {"a": 1}
    assert str(Request("export/start", method="POST")) == "POST export/start"


def waits(client: IterableClient) -> list[str]:
    """What the log says is waited for, without for how long."""
    return list(client.progress.waits())


def test_cancelling_waits_for_its_turn(
    client: IterableClient, server: requests_mock.Mocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.delete(f"{ROOT}export/7", json={})
    held = client.budgets.for_path("export/7").try_acquire()
    assert isinstance(held, Permit)
    before: list[int] = []

    def sleep(seconds: float) -> None:
        before.append(server.call_count)
        held.__exit__()

    monkeypatch.setattr(time, "sleep", sleep)
    client.stop()
    client.cancel("export/7")
    assert before and set(before) == {0}
    assert server.call_count == 1


@pytest.mark.parametrize(
    ("factor", "why"),
    [
        (1, " although this sync keeps to the rate limit: another program probably uses the same project."),
        (
            2.5,
            ": rate_limit_factor 2.5 may be too high, or another program uses the same project.",
        ),
    ],
)
def test_a_429_is_explained_and_shown_while_it_is_waited_out(
    server: requests_mock.Mocker,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    factor: float,
    why: str,
) -> None:
    config = {"api_key": "k-123", "start_date": "2024-01-01T00:00:00Z", "rate_limit_factor": factor}
    client = IterableClient(Config.parse(config), logging.getLogger("airbyte"))
    shown: list[str] = []
    monkeypatch.setattr(client, "wait", lambda seconds: shown.extend(waits(client)))
    server.get(LISTS, [{"status_code": 429, "headers": {"Retry-After": "3600"}}, {"json": {"a": 1}}])
    assert client.get_json("lists") == {"a": 1}
    assert caplog.messages == [f"Iterable answered 429 to GET lists{why} Waiting 3600.0 s."]
    assert "Iterable's rate limit (GET lists)" in shown


@pytest.mark.parametrize(("factor", "pace"), [(0.5, 1.0), (1.0, 1.0), (4.0, 0.25)])
def test_pauses_are_never_longer_than_usual(factor: float, pace: float) -> None:
    config = Config.parse({"api_key": "k", "start_date": "2024-01-01T00:00:00Z", "rate_limit_factor": factor})
    assert IterableClient(config, logging.getLogger("airbyte")).pace == pace


def test_what_the_client_waits_for_is_shown(client: IterableClient, server: requests_mock.Mocker) -> None:
    seen: list[list[str]] = []

    def answer(request: Any, context: Any) -> Any:
        seen.append(waits(client))
        context.status_code = 500 if len(seen) == 1 else 200
        return {}

    def shape(value: Any) -> Any:
        seen.append(waits(client))
        return value

    server.get(LISTS, json=answer)
    client.get_json("lists", shape=shape)
    assert seen == [
        ["a response to GET lists"],
        ["a response to GET lists"],
        ["the rest of the response to GET lists"],
    ]
    seen.clear()
    server.get("https://files.example.com/a", text=lambda *_: seen.append(waits(client)) or "{}\n")
    FileHost(client).receive("https://files.example.com/a", 100).close()
    assert seen == [["a file of an export job"]]
    assert tuple(server.request_history[-1].timeout) == (30.0, 300.0)  # type: ignore[arg-type]
    assert client.progress.waits() == {}

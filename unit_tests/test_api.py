"""How the client handles Iterable's responses, and where it sends the key."""

from __future__ import annotations

import email.utils
import logging
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests
from requests_mock import Mocker

from source_iterable.airbyte.messages import traced
from source_iterable.api.client import IterableClient, _as_it_is
from source_iterable.api.rate_budget import Permit
from source_iterable.api.request import Request
from source_iterable.api.retry import FILE, ONCE, RESPONSE, SLICE, STREAMED_WINDOW, RetryPolicy
from source_iterable.config import Config
from source_iterable.errors import (
    BadKey,
    BadRequest,
    BrokenResponse,
    Forbidden,
    IterableError,
    NotFound,
    RateLimited,
    ServerError,
    Stopped,
    TimedOut,
    Unreachable,
)

KEY = "k-0123456789abcdef"
BASE = "https://api.iterable.com/api/"


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> IterableClient:
    config = Config.parse({"api_key": KEY, "start_date": "2024-01-01T00:00:00Z", "rate_limit_factor": 1000})
    client = IterableClient(config, logging.getLogger("airbyte"))
    client.waited = []  # type: ignore[attr-defined]
    monkeypatch.setattr(client, "wait", lambda seconds: client.waited.append(seconds))  # type: ignore[attr-defined]
    return client


def read_json(client: IterableClient, policy: RetryPolicy = RESPONSE, permit: Permit | None = None) -> Any:
    request = Request("lists")
    return client.fetch(request, lambda response: client._parsed(request, response, _as_it_is), policy, permit)


def test_the_key_goes_to_the_region(client: IterableClient, requests_mock: Mocker) -> None:
    requests_mock.get(BASE + "lists", json={"lists": []})
    assert client.get_json("lists") == {"lists": []}
    assert requests_mock.last_request.headers["Api-Key"] == KEY


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
    requests_mock.get(BASE + "channels", status_code=401)
    requests_mock.get(BASE + "lists", status_code=status, json={"code": code, "msg": "because of that", "params": None})
    with pytest.raises(kind, match="because of that") as caught:
        client.get_text("lists")
    assert [request.path for request in requests_mock.request_history].count("/api/lists") == 1
    assert KEY not in str(caught.value)


def test_a_key_quoted_in_an_error_response_is_masked(client: IterableClient, requests_mock: Mocker) -> None:
    requests_mock.get(BASE + "channels", status_code=401)
    requests_mock.get(BASE + "lists", status_code=401, json={"code": "BadApiKey", "msg": f"Unknown key {KEY}!"})
    with pytest.raises(BadKey, match=r"Unknown key \*\*\*\*!") as caught:
        client.get_text("lists")
    assert KEY not in f"{caught.value} {caught.value.msg} {traced(caught.value).as_airbyte_message()}"


def test_server_errors_are_retried_then_raised(client: IterableClient, requests_mock: Mocker) -> None:
    requests_mock.get(BASE + "lists", [{"status_code": 500}, {"status_code": 503}, {"json": {"lists": [1]}}])
    assert client.get_json("lists") == {"lists": [1]}
    requests_mock.get(BASE + "lists", status_code=500, json={"code": "GenericError", "msg": "Later."})
    with pytest.raises(ServerError, match="Later"):
        client.get_text("lists")


@pytest.mark.parametrize("status", [408, 425])
def test_what_asks_for_another_attempt_gets_some(client: IterableClient, requests_mock: Mocker, status: int) -> None:
    requests_mock.get(BASE + "lists", status_code=status, json={"code": "Later", "msg": "Not now."})
    with pytest.raises(ServerError, match=f"with {status} .*tried 5 times") as caught:
        client.get_text("lists")
    assert caught.value.failure == "transient_error"


def test_broken_connections_and_responses_that_are_not_json_are_retried(
    client: IterableClient, requests_mock: Mocker
) -> None:
    requests_mock.get(BASE + "lists", [{"exc": requests.ConnectionError}, {"text": "<html>"}, {"json": {"lists": []}}])
    assert client.get_json("lists") == {"lists": []}
    requests_mock.get(BASE + "lists", exc=requests.ConnectTimeout)
    with pytest.raises(Unreachable, match="tried 5 times"):
        client.get_text("lists")


# What is retried, and how often. Every other error is raised at once.
RETRIES: list[tuple[RetryPolicy, int, set[type[IterableError]]]] = [
    (RESPONSE, 5, {Unreachable, ServerError, TimedOut, BrokenResponse}),
    (SLICE, 3, {Unreachable, ServerError, TimedOut, BrokenResponse}),
    (FILE, 5, {Unreachable, ServerError, TimedOut, BrokenResponse}),
    # A window that times out or breaks off is halved instead.
    (STREAMED_WINDOW, 3, {Unreachable, ServerError}),
    (ONCE, 1, set()),
]
FAILURES: dict[type[IterableError], dict[str, Any]] = {
    Unreachable: {"exc": requests.ConnectionError},
    TimedOut: {"exc": requests.ReadTimeout},
    ServerError: {"status_code": 503},
    BrokenResponse: {"text": "<html>"},
    BadRequest: {"status_code": 400},
    NotFound: {"status_code": 404},
}


@pytest.mark.parametrize("failure", FAILURES, ids=lambda each: each.__name__)
@pytest.mark.parametrize(("policy", "attempts", "retried"), RETRIES)
def test_the_retry_policies(
    client: IterableClient,
    requests_mock: Mocker,
    policy: RetryPolicy,
    attempts: int,
    retried: set[type[IterableError]],
    failure: type[IterableError],
) -> None:
    requests_mock.get(BASE + "lists", **FAILURES[failure])
    with pytest.raises(failure) as caught:
        read_json(client, policy)
    assert requests_mock.call_count == (attempts if failure in retried else 1)
    assert (f"tried {attempts} times" in str(caught.value)) == (failure in retried and attempts > 1)


def test_every_attempt_acquires_its_own_permit(client: IterableClient, requests_mock: Mocker) -> None:
    requests_mock.get(
        BASE + "lists", [{"status_code": 500}, {"status_code": 429}, {"exc": requests.ConnectionError}, {"json": 1}]
    )
    budget = client.budgets.for_path("lists")
    held = budget.acquire(client.wait)
    taken: list[Permit] = []
    acquire = budget.acquire

    def counted(wait: Callable[[float], None], tell: Callable[[float], None]) -> Permit:
        taken.append(acquire(wait, tell))
        return taken[-1]

    budget.acquire = counted  # type: ignore[method-assign]
    assert read_json(client, permit=held) == 1
    assert requests_mock.call_count == 4
    assert len({id(permit) for permit in [held, *taken]}) == 4
    assert all(permit.arrival is not None for permit in [held, *taken])


def test_a_job_is_never_started_twice(client: IterableClient, requests_mock: Mocker) -> None:
    for failure in FAILURES.values():
        requests_mock.post(BASE + "export/start", **failure)
        with pytest.raises(IterableError):
            client.post_json("export/start", {})
    assert requests_mock.call_count == len(FAILURES)


def in_an_hour(seconds: float = 0) -> str:
    return email.utils.formatdate(time.time() + seconds, usegmt=True)


def test_a_date_in_retry_after_is_waited_for(client: IterableClient, requests_mock: Mocker) -> None:
    headers = {"Retry-After": in_an_hour(600)}
    requests_mock.get(BASE + "lists", [{"status_code": 429, "headers": headers}, {"json": {"lists": []}}])
    client.get_text("lists")
    assert 590 < max(client.waited) <= 600  # type: ignore[attr-defined]


@pytest.mark.parametrize("as_date", [False, True])
def test_a_retry_after_of_days_ends_the_stream_at_once(
    client: IterableClient, requests_mock: Mocker, as_date: bool
) -> None:
    header = in_an_hour(90_000) if as_date else "90000"
    requests_mock.get(BASE + "lists", status_code=429, headers={"Retry-After": header})
    with pytest.raises(RateLimited, match="(90,000|89,999) seconds"):
        client.get_text("lists")
    assert requests_mock.call_count == 1
    assert max(client.waited) == 0  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "header", ["inf", "nan", "-inf", "1e999", "Fri, 31 Dec 9999 23:59:59 GMT", "soon", "99999999999"]
)
def test_a_retry_after_that_makes_no_sense_means_the_usual_pause(
    client: IterableClient, requests_mock: Mocker, header: str
) -> None:
    limited = {"status_code": 429, "headers": {"Retry-After": header}}
    requests_mock.get(BASE + "lists", [limited, {"json": {"lists": []}}])
    client.get_text("lists")
    assert max(client.waited) <= 1  # type: ignore[attr-defined]


def test_no_cookie_is_kept(client: IterableClient, requests_mock: Mocker) -> None:
    requests_mock.get(BASE + "lists", json={"lists": []}, headers={"Set-Cookie": "session=1; Path=/"})
    client.get_json("lists")
    client.get_json("lists")
    assert "Cookie" not in requests_mock.last_request.headers


@pytest.mark.parametrize("status", [201, 202, 203, 204, 206, 300, 304])
def test_only_200_is_data(client: IterableClient, requests_mock: Mocker, status: int) -> None:
    requests_mock.get(BASE + "lists", status_code=status, json={"lists": []})
    with pytest.raises(BrokenResponse, match=f"with {status}, which holds no data"):
        client.get_json("lists")


@pytest.mark.parametrize(
    ("header", "least", "most"), [("7", 7, 7), ("0.5", 0.5, 0.5), ("nonsense", 0.5, 1), (None, 0.5, 1)]
)
def test_a_429_is_waited_out_as_retry_after_says(
    client: IterableClient, requests_mock: Mocker, header: str | None, least: float, most: float
) -> None:
    headers = {} if header is None else {"Retry-After": header}
    requests_mock.get(BASE + "lists", [{"status_code": 429, "headers": headers}, {"json": {"lists": []}}])
    client.get_text("lists")
    assert least <= max(client.waited) <= most  # type: ignore[attr-defined]


def test_endless_429s_raise(client: IterableClient, requests_mock: Mocker) -> None:
    requests_mock.get(BASE + "lists", status_code=429, json={"code": "RateLimitExceeded", "msg": "Slow down."})
    with pytest.raises(RateLimited, match="Slow down"):
        client.get_text("lists")
    assert max(client.waited) <= 60  # type: ignore[attr-defined]
    assert sum(client.waited) > 300  # type: ignore[attr-defined]


def test_a_redirect_within_the_api_is_followed(client: IterableClient, requests_mock: Mocker) -> None:
    requests_mock.get(BASE + "lists", status_code=302, headers={"Location": "/api/v2/lists"})
    requests_mock.get(BASE + "v2/lists", json={"lists": []})
    assert client.get_json("lists") == {"lists": []}


@pytest.mark.parametrize("location", ["https://elsewhere.example.com/lists", "http://api.iterable.com/api/lists"])
def test_a_redirect_to_another_origin_never_gets_the_key(
    client: IterableClient, requests_mock: Mocker, location: str
) -> None:
    requests_mock.get(BASE + "lists", status_code=307, headers={"Location": location})
    elsewhere = requests_mock.get(location, json={})
    with pytest.raises(BadRequest, match="redirected"):
        client.get_text("lists")
    assert elsewhere.call_count == 0


def test_files_are_fetched_without_the_key_and_their_redirects_followed(
    client: IterableClient, requests_mock: Mocker
) -> None:
    requests_mock.get("https://files.example.com/a", status_code=302, headers={"Location": "https://cdn.example.com/b"})
    requests_mock.get("https://cdn.example.com/b", text="{}\n")
    part = client.receive_file("https://files.example.com/a", 10)
    assert b"".join(part.chunks()) == b"{}\n"
    assert all("Api-Key" not in request.headers for request in requests_mock.request_history)


def test_a_stopped_client_sends_no_requests(requests_mock: Mocker) -> None:
    config = Config.parse({"api_key": KEY, "start_date": "2024-01-01T00:00:00Z"})
    client = IterableClient(config, logging.getLogger("airbyte"))
    requests_mock.get(re.compile(".*"), json={})
    client.stop()
    with pytest.raises(Stopped):
        client.get_text("lists")
    assert requests_mock.call_count == 0

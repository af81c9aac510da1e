"""What is retried, how often, and after which pauses."""

from __future__ import annotations

import email.utils
import logging
import time
from typing import Any

import pytest
import requests
import requests_mock
from requests_mock import Mocker

from source_iterable.api.client import IterableClient
from source_iterable.api.rate_budget import Permit
from source_iterable.api.request import Request, Timeout
from source_iterable.api.retry import ONCE, RESPONSE, SLICE, STREAMED_WINDOW, RetryPolicy, pause_after
from source_iterable.config import Config
from source_iterable.errors import (
    BadRequest,
    BrokenResponse,
    IterableError,
    NotFound,
    RateLimited,
    ServerError,
    TimedOut,
    Unreachable,
)
from unit_tests.contexts import API_KEY, ROOT

LISTS = f"{ROOT}lists"


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> IterableClient:
    config = Config.parse({"api_key": API_KEY, "start_date": "2024-01-01T00:00:00Z", "rate_limit_factor": 1000})
    client = IterableClient(config, logging.getLogger("airbyte"))
    client.waited = []  # type: ignore[attr-defined]
    monkeypatch.setattr(client, "wait", lambda seconds: client.waited.append(seconds))  # type: ignore[attr-defined]
    return client


def read_json(client: IterableClient, policy: RetryPolicy = RESPONSE, permit: Permit | None = None) -> Any:
    return client.json(Request("lists", retry=policy), permit=permit)


@pytest.mark.parametrize("status", [408, 425])
def test_what_asks_for_another_attempt_gets_some(client: IterableClient, requests_mock: Mocker, status: int) -> None:
    requests_mock.get(ROOT + "lists", status_code=status, json={"code": "Later", "msg": "Not now."})
    with pytest.raises(ServerError, match=f"with {status} .*tried 5 times") as caught:
        client.get_text("lists")
    assert caught.value.failure == "transient_error"


def test_broken_connections_and_responses_that_are_not_json_are_retried(
    client: IterableClient, requests_mock: Mocker
) -> None:
    requests_mock.get(ROOT + "lists", [{"exc": requests.ConnectionError}, {"text": "<html>"}, {"json": {"lists": []}}])
    assert client.get_json("lists") == {"lists": []}
    requests_mock.get(ROOT + "lists", exc=requests.ConnectTimeout)
    with pytest.raises(Unreachable, match="tried 5 times"):
        client.get_text("lists")


# What is retried, and how often. Every other error is raised at once.
RETRIES: list[tuple[RetryPolicy, int, set[type[IterableError]]]] = [
    (RESPONSE, 5, {Unreachable, ServerError, TimedOut, BrokenResponse}),
    (SLICE, 3, {Unreachable, ServerError, TimedOut, BrokenResponse}),
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
    requests_mock.get(ROOT + "lists", **FAILURES[failure])
    with pytest.raises(failure) as caught:
        read_json(client, policy)
    assert requests_mock.call_count == (attempts if failure in retried else 1)
    assert (f"tried {attempts} times" in str(caught.value)) == (failure in retried and attempts > 1)


def test_a_job_is_never_started_twice(client: IterableClient, requests_mock: Mocker) -> None:
    for failure in FAILURES.values():
        requests_mock.post(ROOT + "export/start", **failure)
        with pytest.raises(IterableError):
            client.json(Request("export/start", method="POST", body={}, retry=ONCE))
    assert requests_mock.call_count == len(FAILURES)


def in_an_hour(seconds: float = 0) -> str:
    return email.utils.formatdate(time.time() + seconds, usegmt=True)


@pytest.mark.parametrize("as_date", [False, True])
def test_a_retry_after_of_days_ends_the_stream_at_once(
    client: IterableClient, requests_mock: Mocker, as_date: bool
) -> None:
    header = in_an_hour(90_000) if as_date else "90000"
    requests_mock.get(ROOT + "lists", status_code=429, headers={"Retry-After": header})
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
    requests_mock.get(ROOT + "lists", [limited, {"json": {"lists": []}}])
    client.get_text("lists")
    assert max(client.waited) <= 1  # type: ignore[attr-defined]


def failure(client: IterableClient) -> IterableError:
    with pytest.raises(IterableError) as caught:
        client.probe("lists", Timeout(5.0, 7.0))
    return caught.value


def pauses_of(
    client: IterableClient, server: requests_mock.Mocker, monkeypatch: pytest.MonkeyPatch, header: str | None
) -> list[float]:
    """The pauses between 429s that never end."""
    waited: list[float] = []
    monkeypatch.setattr(client, "wait", waited.append)
    server.get(LISTS, status_code=429, headers={} if header is None else {"Retry-After": header})
    error = failure(client)
    assert type(error) is RateLimited
    assert error.failure == "transient_error"
    assert str(error) == (
        "Iterable answered GET lists with 429 (no message). The sync waited for 20 minutes; the next one will retry it. "
        "Who else uses the project?"
    )
    pauses = [seconds for seconds in waited if seconds]
    assert server.call_count == len(pauses) + 1
    assert sum(pauses[:-1]) < 1200 <= sum(pauses), "about twenty minutes, whatever Retry-After says"
    return pauses


@pytest.mark.parametrize("header", [None, "0", "-5", "0.0", "soon", "nan", "Mon, 01 Jan 2024 00:00:00 GMT"])
def test_without_a_retry_after_to_wait_for_the_pauses_grow(
    client: IterableClient, server: requests_mock.Mocker, monkeypatch: pytest.MonkeyPatch, header: str | None
) -> None:
    pauses = pauses_of(client, server, monkeypatch, header)
    for place, pause in enumerate(pauses):
        most = min(2.0**place, 60.0)
        assert most / 2 <= pause <= most


@pytest.mark.parametrize(("header", "asked"), [("1", 1.0), ("0.25", 0.25), ("7", 7.0), ("90", 90.0)])
def test_a_retry_after_is_obeyed_and_from_the_third_time_on_not_believed_to_be_enough(
    client: IterableClient, server: requests_mock.Mocker, monkeypatch: pytest.MonkeyPatch, header: str, asked: float
) -> None:
    pauses = pauses_of(client, server, monkeypatch, header)
    assert pauses[:2] == [asked, asked]
    for place, pause in enumerate(pauses[2:], 2):
        most = min(2.0**place, 60.0)
        assert max(asked, most / 2) <= pause <= max(asked, most)


def test_an_hour_is_waited_once(
    client: IterableClient, server: requests_mock.Mocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pauses_of(client, server, monkeypatch, "3600") == [3600.0]


def test_a_date_is_measured_by_iterables_time(
    client: IterableClient, server: requests_mock.Mocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(client, "wait", waited.append)
    headers = {"Date": "Mon, 01 Jan 2024 00:00:00 GMT", "Retry-After": "Mon, 01 Jan 2024 00:10:00 GMT"}
    server.get(LISTS, [{"status_code": 429, "headers": headers}, {"json": {}}])
    client.get_json("lists")
    assert 590 < max(waited) <= 600, "though this machine's clock is years ahead"


@pytest.mark.parametrize(("seconds", "told"), [("3601", "3,601"), ("31622399", "31,622,399")])
def test_more_than_an_hour_is_not_waited(
    client: IterableClient, server: requests_mock.Mocker, seconds: str, told: str
) -> None:
    server.get(LISTS, status_code=429, headers={"Retry-After": seconds})
    error = failure(client)
    assert type(error) is RateLimited
    assert error.failure == "transient_error"
    assert f"asks to wait {told} seconds; a sync waits 3,600 at most" in str(error)


@pytest.mark.parametrize(("attempt", "least", "most"), [(1, 0.5, 1), (2, 1, 2), (4, 4, 8), (7, 30, 60), (99, 30, 60)])
def test_the_pause_before_a_retry_doubles_up_to_a_minute(attempt: int, least: float, most: float) -> None:
    pauses = [pause_after(attempt) for _ in range(200)]
    assert least <= min(pauses) < least * 1.2
    assert most * 0.8 < max(pauses) <= most


def test_retries_wait_longer_and_longer(client: IterableClient, server: requests_mock.Mocker, monkeypatch: Any) -> None:
    waited: list[float] = []
    monkeypatch.setattr(client, "wait", waited.append)
    client.pace = 1.0
    server.get(LISTS, status_code=500)
    with pytest.raises(ServerError, match="tried 5 times"):
        client.get_json("lists")
    pauses = [seconds for seconds in waited if seconds]
    bounds = [(0.5, 1.0), (1.0, 2.0), (2.0, 4.0), (4.0, 8.0)]
    assert len(pauses) == 4
    assert all(least <= pause <= most for pause, (least, most) in zip(pauses, bounds, strict=True))

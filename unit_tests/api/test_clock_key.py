"""The verdict on the key, and the first response, which tells Iterable's time."""

from __future__ import annotations

from datetime import datetime, timezone
from email.utils import formatdate
from typing import Any

import pytest
import requests
import requests_mock

from source_iterable.api.client import IterableClient
from source_iterable.api.rate_budget import Permit
from source_iterable.errors import (
    BadKey,
    Forbidden,
    ServerError,
    Unreachable,
)
from unit_tests.contexts import ROOT

LISTS = f"{ROOT}lists"


def test_a_key_that_works_elsewhere_lacks_a_permission(client: IterableClient, server: requests_mock.Mocker) -> None:
    server.get(LISTS, status_code=401, json={"code": "BadApiKey", "msg": "No."})
    channels = server.get(f"{ROOT}channels", json={"channels": []})
    for _ in range(3):
        with pytest.raises(Forbidden) as caught:
            client.get_json("lists")
        assert "Give the API key the permission for this endpoint" in str(caught.value)
        assert "server-side key" not in str(caught.value)
        assert (caught.value.status, caught.value.code, caught.value.msg) == (401, "BadApiKey", "No.")
    assert channels.call_count == 1, "requested once a sync"


@pytest.mark.parametrize("elsewhere", [{"status_code": 401}, {"status_code": 201}, {"exc": requests.ConnectionError}])
def test_a_key_that_works_nowhere_is_wrong(
    client: IterableClient, server: requests_mock.Mocker, elsewhere: dict[str, Any]
) -> None:
    server.get(LISTS, status_code=401)
    server.get(f"{ROOT}channels", **elsewhere)
    for _ in range(2):
        with pytest.raises(BadKey, match="server-side key of this project"):
            client.get_json("lists")


def test_whether_the_key_works_is_asked_again_where_nothing_answered(
    client: IterableClient, server: requests_mock.Mocker
) -> None:
    server.get(f"{ROOT}channels", [{"exc": requests.ConnectionError}] * 5 + [{"json": {}}])
    server.get(LISTS, status_code=401)
    for kind, told in ((BadKey, "server-side key of this project"), (Forbidden, "the permission for this endpoint")):
        with pytest.raises(kind, match=told):
            client.get_json("lists")


@pytest.mark.parametrize(
    "answer", [{"status_code": 429, "headers": {"Retry-After": "0.001"}}, {"status_code": 503}, {"text": "<html>"}]
)
def test_what_is_no_verdict_on_the_key_is_asked_again(
    client: IterableClient, server: requests_mock.Mocker, answer: dict[str, Any]
) -> None:
    channels = server.get(f"{ROOT}channels", [answer, answer, {"json": {"channels": []}}])
    assert client.key.works()
    assert client.key.works()
    assert channels.call_count == 3


@pytest.mark.parametrize("status", [404, 500])
def test_without_a_verdict_the_key_is_not_taken_to_work_and_the_next_one_asks_again(
    client: IterableClient, server: requests_mock.Mocker, status: int
) -> None:
    for url in (f"{ROOT}channels", LISTS):
        server.get(url, status_code=status)
    assert not client.key.works()
    server.get(f"{ROOT}channels", json={"channels": []})
    assert client.key.works()


def test_a_refusal_by_two_endpoints_is_a_verdict(client: IterableClient, server: requests_mock.Mocker) -> None:
    server.get(f"{ROOT}channels", status_code=401)
    lists = server.get(LISTS, status_code=403)
    assert not client.key.works()
    assert not client.key.works()
    assert lists.call_count == 1


@pytest.mark.parametrize("lists_first", [True, False])
def test_a_401_at_channels_alone_does_not_blame_the_key(
    client: IterableClient, server: requests_mock.Mocker, lists_first: bool
) -> None:
    channels = server.get(f"{ROOT}channels", status_code=401, json={"code": "Unauthorized", "msg": "Not this one"})
    lists = server.get(LISTS, json={"lists": []})
    if lists_first:
        client.get_json("lists")
    with pytest.raises(Forbidden, match="Give the API key the permission for this endpoint") as caught:
        client.get_json("channels")
    assert "region" not in str(caught.value)
    assert (channels.call_count, lists.call_count) == (1, 1)


def test_the_request_for_the_key_waits_for_its_turn_too(
    client: IterableClient, server: requests_mock.Mocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.get(f"{ROOT}journeys", status_code=401)
    channels = server.get(f"{ROOT}channels", json={})
    budget = client.budgets.for_path("channels")
    held: list[Permit] = []
    while isinstance(permit := budget.try_acquire(), Permit):
        held.append(permit)
    before: list[int] = []

    def wait(seconds: float) -> None:
        if seconds:
            before.append(channels.call_count)
            for permit in held:
                permit.__exit__()

    monkeypatch.setattr(client, "wait", wait)
    with pytest.raises(Forbidden, match="the permission for this endpoint"):
        client.get_json("journeys")
    assert before and set(before) == {0}


NOON = datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc).timestamp()


HOUR = 3600.0


def headers(seconds: float, **more: str) -> dict[str, str]:
    return {"Date": formatdate(seconds, usegmt=True), **more}


def test_the_time_is_asked_for_once(client: IterableClient, server: requests_mock.Mocker) -> None:
    server.get(f"{ROOT}channels", json={"channels": []}, headers=headers(NOON))
    assert NOON <= client.now() < NOON + HOUR
    assert NOON <= client.now() < NOON + HOUR
    assert client.key.works(), "which the same response has told"
    assert server.call_count == 1


def test_the_time_is_not_asked_for_where_any_response_has_told_it(
    client: IterableClient, server: requests_mock.Mocker
) -> None:
    server.get(f"{ROOT}lists", json={"lists": []}, headers=headers(NOON))
    client.get_json("lists")
    assert NOON <= client.now() < NOON + HOUR
    assert server.call_count == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refusal_tells_the_time(client: IterableClient, server: requests_mock.Mocker, status: int) -> None:
    for path in ("channels", "lists"):
        server.get(f"{ROOT}{path}", status_code=status, headers=headers(NOON))
    assert NOON <= client.now() < NOON + HOUR


def test_channels_that_are_out_of_order_do_not_stop_what_is_not(
    client: IterableClient, server: requests_mock.Mocker
) -> None:
    server.get(f"{ROOT}channels", status_code=500)
    server.get(f"{ROOT}lists", json={"lists": []}, headers=headers(NOON))
    assert NOON <= client.now() < NOON + HOUR
    assert client.key.works()


@pytest.mark.parametrize(
    ("answer", "error"),
    [({"exc": requests.ConnectionError}, Unreachable), ({"status_code": 502, "headers": headers(NOON)}, ServerError)],
)
def test_nothing_is_planned_before_iterable_has_answered(
    client: IterableClient, server: requests_mock.Mocker, answer: dict[str, Any], error: type[Exception]
) -> None:
    server.get(f"{ROOT}lists", **answer)
    server.get(f"{ROOT}channels", [answer] * 5 + [{"json": {"channels": []}, "headers": headers(NOON)}])
    with pytest.raises(error, match="tried 5 times"):
        client.now()
    assert NOON <= client.now() < NOON + HOUR

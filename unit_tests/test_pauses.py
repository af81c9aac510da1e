"""How long the client waits, for whose turn, and what it shows meanwhile."""

from __future__ import annotations

import logging
import time
from typing import Any

import pytest
import requests_mock

from source_iterable.api.client import IterableClient
from source_iterable.api.rate_budget import Permit
from source_iterable.api.retry import pause_after
from source_iterable.config import Config
from source_iterable.errors import Forbidden, RateLimited, ServerError
from unit_tests.test_messages import LISTS, ROOT, failure


def waits(client: IterableClient) -> list[str]:
    """What the log says is waited for, without for how long."""
    return [line.rpartition(" (")[0] for line in client.progress.waiting_lines()]


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
                budget.arrived(permit)

    monkeypatch.setattr(client, "wait", wait)
    with pytest.raises(Forbidden, match="the permission for this endpoint"):
        client.get_json("journeys")
    assert before and set(before) == {0}


def test_cancelling_waits_for_its_turn(
    client: IterableClient, server: requests_mock.Mocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.delete(f"{ROOT}export/7", json={})
    held = client.budgets.for_path("export/7").try_acquire()
    assert isinstance(held, Permit)
    before: list[int] = []

    def sleep(seconds: float) -> None:
        before.append(server.call_count)
        client.budgets.for_path("export/7").arrived(held)

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
            ". This sync may send 2.5 times Iterable's published limits (rate_limit_factor): more than this account "
            "allows, or another program uses the same project.",
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
    assert "Waiting for Iterable's rate limit (GET lists)" in shown


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
        "Iterable answered GET lists with 429 (no message). The sync has waited for over 20 minutes; the next one will "
        "retry it. Does another program use the same project?"
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
        ["Waiting for a response to GET lists"],
        ["Waiting for a response to GET lists"],
        ["Waiting for the rest of the response to GET lists"],
    ]
    seen.clear()
    server.get("https://files.example.com/a", text=lambda *_: seen.append(waits(client)) or "{}\n")
    client.receive_file("https://files.example.com/a", 100).close()
    assert seen == [["Waiting for a file of an export job"]]
    assert tuple(server.request_history[-1].timeout) == (30.0, 300.0)  # type: ignore[arg-type]
    assert client.progress.waiting_lines() == []

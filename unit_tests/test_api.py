"""What the client makes of Iterable's answers, and where the key goes."""

import logging
import re

import pytest
import requests
from requests_mock import Mocker

from source_iterable.api import IterableClient
from source_iterable.config import Config
from source_iterable.errors import BadKey, BadRequest, Forbidden, NotFound, ServerError, Stopped, TimedOut, Unreachable

KEY = "k-0123456789abcdef"
BASE = "https://api.iterable.com/api/"


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> IterableClient:
    config = Config.parse({"api_key": KEY, "start_date": "2024-01-01T00:00:00Z", "rate_limit_factor": 1000})
    client = IterableClient(config, logging.getLogger("airbyte"))
    client.waited = []  # type: ignore[attr-defined]
    monkeypatch.setattr(client, "wait", lambda seconds: client.waited.append(seconds))  # type: ignore[attr-defined]
    return client


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
def test_refusals_are_errors_at_once_with_what_iterable_said(
    client: IterableClient, requests_mock: Mocker, status: int, kind: type[Exception], code: str
) -> None:
    requests_mock.get(BASE + "lists", status_code=status, json={"code": code, "msg": "because of that", "params": None})
    with pytest.raises(kind, match="because of that") as caught:
        client.get("lists")
    assert requests_mock.call_count == 1
    assert KEY not in str(caught.value)


def test_a_message_of_iterables_that_quotes_the_key_does_not_show_it(
    client: IterableClient, requests_mock: Mocker
) -> None:
    requests_mock.get(BASE + "lists", status_code=401, json={"code": "BadApiKey", "msg": f"Unknown key {KEY}!"})
    with pytest.raises(BadKey, match=r"Unknown key \*\*\*\*!") as caught:
        client.get("lists")
    assert KEY not in f"{caught.value} {caught.value.msg} {caught.value.as_airbyte_message()}"


def test_server_errors_are_tried_again_then_told(client: IterableClient, requests_mock: Mocker) -> None:
    requests_mock.get(BASE + "lists", [{"status_code": 500}, {"status_code": 503}, {"json": {"lists": [1]}}])
    assert client.get_json("lists") == {"lists": [1]}
    requests_mock.get(BASE + "lists", status_code=500, json={"code": "GenericError", "msg": "Later."})
    with pytest.raises(ServerError, match="Later"):
        client.get("lists")


def test_broken_connections_and_answers_that_are_no_json_are_tried_again(
    client: IterableClient, requests_mock: Mocker
) -> None:
    requests_mock.get(BASE + "lists", [{"exc": requests.ConnectionError}, {"text": "<html>"}, {"json": {"lists": []}}])
    assert client.get_json("lists") == {"lists": []}
    requests_mock.get(BASE + "lists", exc=requests.ConnectTimeout)
    with pytest.raises(Unreachable, match="tried 5 times"):
        client.get("lists")


def test_a_streamed_answer_that_does_not_begin_is_not_asked_for_again(
    client: IterableClient, requests_mock: Mocker
) -> None:
    requests_mock.get(BASE + "export/data.json", exc=requests.ReadTimeout)
    with pytest.raises(TimedOut):
        client.get("export/data.json", stream=True)
    assert requests_mock.call_count == 1


@pytest.mark.parametrize(
    ("header", "least", "most"), [("7", 7, 7), ("0.5", 0.5, 0.5), ("nonsense", 0.5, 1), (None, 0.5, 1)]
)
def test_a_rate_limit_is_waited_out_as_told(
    client: IterableClient, requests_mock: Mocker, header: str | None, least: float, most: float
) -> None:
    headers = {} if header is None else {"Retry-After": header}
    requests_mock.get(BASE + "lists", [{"status_code": 429, "headers": headers}, {"json": {"lists": []}}])
    client.get("lists")
    assert least <= max(client.waited) <= most  # type: ignore[attr-defined]


def test_an_endless_rate_limit_ends_the_stream(client: IterableClient, requests_mock: Mocker) -> None:
    requests_mock.get(BASE + "lists", status_code=429, json={"code": "RateLimitExceeded", "msg": "Slow down."})
    with pytest.raises(BadRequest, match="Slow down"):
        client.get("lists")
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
    stranger = requests_mock.get(location, json={})
    with pytest.raises(BadRequest, match="redirected"):
        client.get("lists")
    assert stranger.call_count == 0


def test_files_are_fetched_without_the_key_and_redirects_of_theirs_followed(
    client: IterableClient, requests_mock: Mocker
) -> None:
    requests_mock.get("https://files.example.com/a", status_code=302, headers={"Location": "https://cdn.example.com/b"})
    requests_mock.get("https://cdn.example.com/b", text="{}\n")
    assert client.open_file("https://files.example.com/a").text == "{}\n"
    assert all("Api-Key" not in request.headers for request in requests_mock.request_history)


def test_a_stopped_client_sends_nothing_any_more(requests_mock: Mocker) -> None:
    config = Config.parse({"api_key": KEY, "start_date": "2024-01-01T00:00:00Z"})
    client = IterableClient(config, logging.getLogger("airbyte"))
    requests_mock.get(re.compile(".*"), json={})
    client.stop()
    with pytest.raises(Stopped):
        client.get("lists")
    assert requests_mock.call_count == 0

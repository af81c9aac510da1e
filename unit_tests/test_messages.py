"""What the client tells the user about responses it cannot use, and how long it waits before a retry."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import requests_mock

from source_iterable.api.client import IterableClient
from source_iterable.api.paging import an_object, items_in, pages
from source_iterable.api.request import Request, Timeout
from source_iterable.api.retry import pause_after
from source_iterable.config import Config
from source_iterable.errors import (
    BadKey,
    BadRequest,
    BrokenResponse,
    IterableError,
    ServerError,
    Stopped,
    TimedOut,
    TransientError,
    Unreachable,
)

ROOT = "https://api.iterable.com/api/"
LISTS = f"{ROOT}lists"


@pytest.fixture
def server() -> Iterator[requests_mock.Mocker]:
    with requests_mock.Mocker() as made:
        yield made


@pytest.fixture
def client() -> IterableClient:
    config = Config.parse({"api_key": "k-123", "start_date": "2024-01-01T00:00:00Z", "rate_limit_factor": 1e6})
    return IterableClient(config, logging.getLogger("airbyte"))


def failure(client: IterableClient) -> IterableError:
    with pytest.raises(IterableError) as caught:
        client.probe("lists", Timeout(5.0, 7.0))
    return caught.value


# errors


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"code": "C", "msg": "M"}', "C: M"),
        ('{"code": "C"}', "C"),
        ('{"msg": "M", "code": null}', "M"),
        ("[]", "Bad"),
        ("", "Bad"),
        ("<html>", "Bad"),
        ('{"msg": "' + "m" * 400 + '"}', "m" * 300),
        ('{"msg": "' + "m" * 65_536 + '"}', "Bad"),
        ('{"code": "k-123", "msg": "the key k-123"}', "****: the key ****"),
    ],
)
def test_an_error_is_shown_as_iterable_words_it(
    client: IterableClient, server: requests_mock.Mocker, body: str, said: str
) -> None:
    server.get(LISTS, status_code=400, text=body, reason="Bad")
    assert str(failure(client)) == f"Iterable answered GET lists with 400 ({said})."


@pytest.mark.parametrize(
    ("status", "kind", "hint"),
    [
        (401, BadKey, "Check that the API key is a server-side key of this project and that the region matches"),
        (403, IterableError, "Give the API key the permission for this endpoint"),
        (499, BadRequest, None),
        (500, ServerError, None),
    ],
)
def test_an_error_says_what_can_be_done(
    client: IterableClient, server: requests_mock.Mocker, status: int, kind: type[IterableError], hint: str | None
) -> None:
    server.get(LISTS, status_code=status, json={"code": "C", "msg": "M"})
    error = failure(client)
    assert type(error) is kind or (status == 403 and isinstance(error, kind))
    assert (error.status, error.code, error.msg) == (status, "C", "M")  # type: ignore[attr-defined]
    assert str(error).partition("(C: M).")[2].startswith(f" {hint}" if hint else "")
    assert bool(hint) == (not str(error).endswith("(C: M)."))


def test_a_key_that_works_elsewhere_lacks_a_permission(client: IterableClient, server: requests_mock.Mocker) -> None:
    server.get(LISTS, status_code=401, json={"code": "BadApiKey", "msg": "No."})
    channels = server.get(f"{ROOT}channels", json={"channels": []})
    for _ in range(3):
        with pytest.raises(BadKey) as caught:
            client.get_json("lists")
        assert "Give the API key the permission for this endpoint" in str(caught.value)
        assert "server-side key" not in str(caught.value)
        assert (caught.value.status, caught.value.code, caught.value.msg) == (401, "BadApiKey", "No.")
    assert channels.call_count == 1, "requested once a sync"


@pytest.mark.parametrize("elsewhere", [{"status_code": 401}, {"exc": requests.ConnectionError}])
def test_a_key_that_works_nowhere_is_wrong(
    client: IterableClient, server: requests_mock.Mocker, elsewhere: dict[str, Any]
) -> None:
    server.get(LISTS, status_code=401)
    server.get(f"{ROOT}channels", **elsewhere)
    for _ in range(2):
        with pytest.raises(BadKey, match="server-side key of this project"):
            client.get_json("lists")


def test_a_probe_is_one_request(client: IterableClient, server: requests_mock.Mocker) -> None:
    server.get(LISTS, status_code=401)
    assert isinstance(failure(client), BadKey)
    assert server.call_count == 1
    assert tuple(server.request_history[-1].timeout) == (5.0, 7.0)  # type: ignore[arg-type]
    server.get(LISTS, text="<html>")
    assert str(failure(client)) == "The response to GET lists is not JSON."


@pytest.mark.parametrize(
    ("error", "kind", "told"),
    [
        (requests.ReadTimeout(), TimedOut, "No response to GET lists within 7 seconds."),
        (
            requests.ConnectTimeout(),
            Unreachable,
            "No response to GET lists: the connection to https://api.iterable.com timed out.",
        ),
        (
            requests.ConnectionError(),
            Unreachable,
            "No response to GET lists: the connection to https://api.iterable.com broke or was refused.",
        ),
        (requests.exceptions.SSLError("EOF"), Unreachable, "broke or was refused."),
        (requests.exceptions.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED]"), Unreachable, "set REQUESTS_CA_BUNDLE"),
        (requests.ConnectionError("CERTIFICATE_VERIFY_FAILED"), Unreachable, "broke or was refused."),
        (requests.exceptions.InvalidHeader(), BrokenResponse, "headers that contradict each other."),
        (requests.exceptions.ContentDecodingError(), BrokenResponse, "headers that contradict each other."),
    ],
)
def test_a_missing_response_is_explained(
    client: IterableClient, server: requests_mock.Mocker, error: Exception, kind: type[IterableError], told: str
) -> None:
    server.get(LISTS, exc=error)
    caught = failure(client)
    assert type(caught) is kind
    assert told in str(caught)


@pytest.mark.parametrize("read", ["get_json", "get_text"])
def test_an_error_with_status_200_is_no_data(client: IterableClient, server: requests_mock.Mocker, read: str) -> None:
    server.get(LISTS, json={"code": "Odd", "msg": "for k-123", "params": None})
    with pytest.raises(BrokenResponse, match=r"status 200 and an error \(Odd: for \*\*\*\*\)"):
        getattr(client, read)("lists")
    server.get(LISTS, json={"code": "Success", "msg": "", "params": None})
    assert getattr(client, read)("lists")


def test_text_is_utf_8_without_its_mark(client: IterableClient, server: requests_mock.Mocker) -> None:
    server.get(LISTS, content=b"\xef\xbb\xbfid\n\xff\xc3\xbc")
    assert client.get_text("lists") == "id\n\ufffdü"


# redirects


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
    assert server.request_history[-1].qs == {"b": ["2"]}
    server.get(LISTS, status_code=307, headers={"Location": "https://elsewhere.example.com/"})
    error = failure(client)
    assert isinstance(error, BadRequest)
    assert error.status == 307
    assert "another host (elsewhere.example.com); the API key is not sent there" in str(error)


# files, cancelling and stopping


@pytest.mark.parametrize("status", [201, 403, 404, 500])
def test_a_file_has_status_200(client: IterableClient, server: requests_mock.Mocker, status: int) -> None:
    server.get("https://files.example.com/a", status_code=status, text="{}\n")
    with pytest.raises(BrokenResponse, match=f"The storage host answered {status}"):
        client.receive_file("https://files.example.com/a", 100)


def test_a_storage_host_without_a_response_is_unreachable(client: IterableClient, server: requests_mock.Mocker) -> None:
    server.get("https://files.example.com/a", exc=requests.ConnectionError)
    with pytest.raises(Unreachable, match="The storage host could not be reached"):
        client.receive_file("https://files.example.com/a", 100)


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


def test_the_first_reason_to_stop_is_told(client: IterableClient) -> None:
    client.wait(0)
    client.stop("The disk is full.")
    client.stop()
    with pytest.raises(Stopped, match="The disk is full"):
        client.wait(0)
    with pytest.raises(Stopped, match="The disk is full"):
        client.receive_file("https://files.example.com/a", 100)


def test_429s_are_waited_out_25_times(
    client: IterableClient, server: requests_mock.Mocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(client, "wait", waited.append)
    server.get(LISTS, status_code=429, headers={"Retry-After": "3600"})
    assert str(failure(client)) == "Iterable answered GET lists with 429 (no message)."
    assert server.call_count == 26
    assert waited.count(3600.0) == 25


@pytest.mark.parametrize(("seconds", "hours"), [("3601", "1.0"), ("31622399", "8784.0")])
def test_more_than_an_hour_is_not_waited(
    client: IterableClient, server: requests_mock.Mocker, seconds: str, hours: str
) -> None:
    server.get(LISTS, status_code=429, headers={"Retry-After": seconds})
    error = failure(client)
    assert type(error) is TransientError
    assert f"asks to wait {hours} hours, longer than a sync waits" in str(error)


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


# lists and their pages


@pytest.mark.parametrize(
    ("response", "told"),
    [
        ({}, "holds no list named things"),
        ([], "holds no list named things"),
        ({"things": {}}, "holds no list named things"),
        ({"params": []}, "holds no list named things"),
        ({"things": [1]}, "holds an item of things that is not an object (number 1)"),
        ({"things": [{"id": 1}, {"id": None}]}, "holds an item of things without a valid id (number 2)"),
        ({"things": [{"id": True}]}, "holds an item of things without a valid id (number 1)"),
        ({"things": [{"id": 1}, {"id": "a"}]}, "holds items of things with a id of different types"),
    ],
)
def test_a_response_that_is_no_list_is_explained(
    client: IterableClient, server: requests_mock.Mocker, response: Any, told: str
) -> None:
    server.get(LISTS, json=response)
    with pytest.raises(BrokenResponse) as caught:
        client.get_json("lists", shape=items_in("things", "id"))
    assert str(caught.value) == f"The response to GET lists {told} (tried 5 times)."


@pytest.mark.parametrize("response", [{"things": [{"id": 1}]}, {"params": {"things": [{"id": 1}]}}])
def test_a_list_may_be_wrapped(client: IterableClient, server: requests_mock.Mocker, response: Any) -> None:
    server.get(LISTS, json=response)
    assert client.get_json("lists", shape=items_in("things", "id")) == [{"id": 1}]


def test_a_list_whose_keys_nobody_needs_may_hold_anything(client: IterableClient, server: requests_mock.Mocker) -> None:
    server.get(LISTS, json={"things": [1, None]})
    assert client.get_json("lists", shape=items_in("things")) == [1, None]  # type: ignore[comparison-overlap]
    server.get(LISTS, json={"a": 1})
    assert client.get_json("lists", shape=an_object) == {"a": 1}
    server.get(LISTS, json=[1])
    with pytest.raises(BrokenResponse, match="GET lists is not an object"):
        client.get_json("lists", shape=an_object)


@pytest.mark.parametrize(
    ("following", "asked"),
    [
        ("/x?page=2", ["1", "2"]),
        ("/x?page=5", ["1", "5"]),
        ("/x?page=0", ["1", "2"]),
        ("/x?page=1", ["1", "2"]),
        ("/x?page=abc", ["1", "2"]),
        ("/x?page=9999999999", ["1", "2"]),
        ("/x?page=999999999", ["1", "999999999"]),
        ("/x", ["1", "2"]),
        ("https://[x?page=7", ["1", "2"]),
        ("", ["1"]),
        (None, ["1"]),
    ],
)
def test_the_next_page_is_the_one_that_its_url_names(
    client: IterableClient, server: requests_mock.Mocker, following: str | None, asked: list[str]
) -> None:
    server.get(LISTS, [{"json": {"things": [{"id": 1}], "nextPageUrl": following}}, {"json": {"things": [{"id": 2}]}}])
    read = list(pages(client, "lists", "things", "id", {"a": "b"}, 50))
    assert read == [[{"id": 1}], [{"id": 2}]][: len(asked)]
    assert [request.qs for request in server.request_history] == [
        {"a": ["b"], "page": [number], "pagesize": ["50"]} for number in asked
    ]


def test_two_empty_pages_are_the_end_whatever_they_link_to(
    client: IterableClient, server: requests_mock.Mocker
) -> None:
    server.get(LISTS, json={"things": [], "nextPageUrl": "/x?page=2"})
    assert list(pages(client, "lists", "things", "id", {}, 50)) == [[]]
    assert [request.qs["page"] for request in server.request_history] == [["1"], ["2"]]


def test_an_empty_page_within_a_list_is_not_its_end(client: IterableClient, server: requests_mock.Mocker) -> None:
    empty, full = {"things": [], "nextPageUrl": "/x?page=2"}, {"things": [{"id": 1}]}
    server.get(LISTS, [{"json": empty}, {"json": full}])
    assert list(pages(client, "lists", "things", "id", {}, 50)) == [[{"id": 1}]]


@pytest.mark.parametrize(("times", "fails"), [(2, False), (3, True)])
def test_a_page_may_come_twice_and_not_three_times(
    client: IterableClient, server: requests_mock.Mocker, times: int, fails: bool
) -> None:
    again = {"json": {"things": [{"id": 1}], "nextPageUrl": "/x?page=2"}}
    server.get(LISTS, [*[again] * times, {"json": {"things": [{"id": 2}]}}])
    if fails:
        with pytest.raises(IterableError, match="GET lists do not end: one page came three times"):
            list(pages(client, "lists", "things", "id", {}, 50))
    else:
        assert len(list(pages(client, "lists", "things", "id", {}, 50))) == 3


def test_a_posted_body_arrives(client: IterableClient, server: requests_mock.Mocker) -> None:
    server.post(f"{ROOT}export/start", json={"jobId": 5})
    assert client.post_json("export/start", {"a": 1}) == {"jobId": 5}
    assert json.loads(server.request_history[-1].text) == {"a": 1}
    assert str(Request("export/start", method="POST")) == "POST export/start"

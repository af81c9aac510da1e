"""What the client tells the user about responses it cannot use."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
import requests_mock

from source_iterable.api.client import IterableClient
from source_iterable.api.request import Request, Timeout
from source_iterable.errors import (
    BadKey,
    BadRequest,
    BrokenResponse,
    Forbidden,
    IterableError,
    ServerError,
    Stopped,
    TimedOut,
    Unreachable,
)
from source_iterable.exports.files import FileHost

ROOT = "https://api.iterable.com/api/"
LISTS = f"{ROOT}lists"


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
        (ValueError("odd"), Unreachable, "broke or was refused."),
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
    assert [request.qs for request in server.request_history] == [{"a": ["1"]}, {"b": ["2"]}]
    server.get(LISTS, status_code=307, headers={"Location": "https://elsewhere.example.com/"})
    error = failure(client)
    assert isinstance(error, BadRequest)
    assert error.status == 307
    assert str(error).endswith(
        "another host (elsewhere.example.com); the API key is not sent there. Check the API base URL."
    )


# files, cancelling and stopping


@pytest.mark.parametrize("status", [201, 403, 404, 500])
def test_a_file_has_status_200(client: IterableClient, server: requests_mock.Mocker, status: int) -> None:
    server.get("https://files.example.com/a", status_code=status, text="{}\n")
    with pytest.raises(BrokenResponse, match=f"The storage host answered {status}"):
        FileHost(client).receive("https://files.example.com/a", 100)


def test_a_storage_host_without_a_response_is_unreachable(client: IterableClient, server: requests_mock.Mocker) -> None:
    server.get("https://files.example.com/a", exc=requests.ConnectionError)
    with pytest.raises(Unreachable, match=r"^The storage host could not be reached\.$"):
        FileHost(client).receive("https://files.example.com/a", 100)


FILES = "https://files.example.com/"


def test_a_link_to_a_file_may_lead_elsewhere_four_times(client: IterableClient, server: requests_mock.Mocker) -> None:
    for hop in range(5):
        server.get(f"{FILES}{hop}", status_code=302, headers={"Location": f"/{hop + 1}"})
    server.get(f"{FILES}5", text="{}\n")
    assert FileHost(client).receive(f"{FILES}1", 100).size == 3
    with pytest.raises(BrokenResponse, match=r"^A link to a file was redirected 5 times\.$"):
        FileHost(client).receive(f"{FILES}0", 100)


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("https://files.example.com:port/", "A link to a file was redirected to an invalid URL."),
        ("ftp://files.example.com/a", "A link to a file leads to no https URL of a public host."),
    ],
)
def test_a_link_to_a_file_that_leads_nowhere_is_a_broken_response(
    client: IterableClient, server: requests_mock.Mocker, location: str, told: str
) -> None:
    server.get(f"{FILES}a", status_code=302, headers={"Location": location})
    server.get("ftp://files.example.com/a", exc=requests.exceptions.InvalidSchema)
    with pytest.raises(BrokenResponse) as caught:
        FileHost(client).receive(f"{FILES}a", 100)
    assert str(caught.value) == told


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
    assert client.key_works()
    assert client.key_works()
    assert channels.call_count == 3


@pytest.mark.parametrize("status", [404, 500])
def test_without_a_verdict_the_key_is_not_taken_to_work_and_the_next_one_asks_again(
    client: IterableClient, server: requests_mock.Mocker, status: int
) -> None:
    for url in (f"{ROOT}channels", LISTS):
        server.get(url, status_code=status)
    assert not client.key_works()
    server.get(f"{ROOT}channels", json={"channels": []})
    assert client.key_works()


def test_a_refusal_by_two_endpoints_is_a_verdict(client: IterableClient, server: requests_mock.Mocker) -> None:
    server.get(f"{ROOT}channels", status_code=401)
    lists = server.get(LISTS, status_code=403)
    assert not client.key_works()
    assert not client.key_works()
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


def test_a_posted_body_arrives(client: IterableClient, server: requests_mock.Mocker) -> None:
    server.post(f"{ROOT}export/start", json={"jobId": 5})
    assert client.json(Request("export/start", method="POST", body={"a": 1})) == {"jobId": 5}
    assert json.loads(server.request_history[-1].text) == {"a": 1}
    assert str(Request("export/start", method="POST")) == "POST export/start"

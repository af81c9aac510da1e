"""How errors of requests are worded: what Iterable says and what to do, never the key."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from typing import Any

import pytest
import requests
import requests_mock
from requests_mock import Mocker

from source_iterable.airbyte.stdout import error_message
from source_iterable.api.client import IterableClient
from source_iterable.api.request import Request, Timeout
from source_iterable.api.retry import ONCE
from source_iterable.errors import (
    ApiError,
    BadKey,
    BadRequest,
    BrokenResponse,
    ConfigError,
    IterableError,
    ServerError,
    TimedOut,
    Unreachable,
)
from source_iterable.exports.file_host import FileHost
from unit_tests.contexts import API_KEY, ROOT, a_client, a_config, answering

LISTS = f"{ROOT}lists"


def failure(client: IterableClient) -> IterableError:
    with pytest.raises(IterableError) as caught:
        client.probe("lists", Timeout(5.0, 7.0))
    return caught.value


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


@pytest.mark.parametrize(
    ("error", "kind", "told"),
    [
        (requests.ReadTimeout(), TimedOut, "No response to GET lists within 7 seconds."),
        (
            requests.ConnectTimeout(),
            Unreachable,
            "No response to GET lists: the connection to api.iterable.com timed out.",
        ),
        (
            requests.ConnectionError(),
            Unreachable,
            "No response to GET lists: the connection to api.iterable.com broke or was refused.",
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


def test_a_key_quoted_in_an_error_response_is_masked(client: IterableClient, requests_mock: Mocker) -> None:
    requests_mock.get(ROOT + "channels", status_code=401)
    requests_mock.get(ROOT + "lists", status_code=401, json={"code": "BadApiKey", "msg": f"Unknown key {API_KEY}!"})
    with pytest.raises(BadKey, match=r"Unknown key \*\*\*\*!") as caught:
        client.get_text("lists")
    assert API_KEY not in f"{caught.value} {caught.value.msg} {error_message(caught.value)}"


def wordings(server: requests_mock.Mocker, code: str, msg: str, **options: Any) -> list[str]:
    """The messages of errors with this code and msg: as a status, as a body with status 200, and as a reason."""
    config, found = a_config(api_key=API_KEY, **options), []
    body = {"code": code, "msg": msg}
    for status, response, reason in ((400, body, "Bad"), (200, body, "OK"), (400, [], msg)):
        server.get(LISTS, status_code=status, json=response, reason=reason)
        error = failure(IterableClient(config, logging.getLogger("airbyte")))
        found.append(f"{error} {getattr(error, 'msg', '')}")
    return found


def test_a_quoted_message_is_one_line(server: requests_mock.Mocker) -> None:
    for told in wordings(server, "A\nB", "one\r\ntwo\u2028three\x0bfour\n\nfive"):
        assert "one two three four five" in told
        assert len(told.splitlines()) == 1


PEOPLE = [
    ("User anna@example.com exists", "User **** exists"),
    ("User <o'brien+x=y@example.com>, gone", "User <****>, gone"),
    ('User "anna smith"@example.com', "User ****"),
    ("{email=anna@example.com, id=3}", "****, id=3}"),
    ("?email=anna%40example.com&x", "****"),
    ("用户@例子.公司 gone", "**** gone"),
    ("to +4915112345678", "to +****"),
    ("to +1 (555) 123-4567.", "to +****."),
    ("to +49 (0)151 – 234 5678", "to +****"),
    ("id 1234567, not 123456", "id ****, not 123456"),
    ("from 192.168.100.200", "from ****"),
    (f"{'x' * 275} anna.smith@example.com", f"{'x' * 275} ****"),
    (f"the key {API_KEY}-1234567@x", "the key ****"),
]


@pytest.mark.parametrize(("msg", "masked"), PEOPLE)
@pytest.mark.parametrize("option", [{"excluded_fields": ["ip"]}, {"hashed_fields": ["email"], "hash_salt": "s"}])
def test_with_private_fields_a_message_names_nobody(
    server: requests_mock.Mocker, msg: str, masked: str, option: dict[str, Any]
) -> None:
    for told in wordings(server, "Code1234567", msg, **option):
        assert masked in told
        assert not any(private in told for private in (msg, "anna", "brien", "5678", "12345678", "192"))
    assert all("Code1234567" in told for told in wordings(server, "Code1234567", msg, **option)[:2])


def test_a_redacted_segment_of_the_path_is_masked_in_the_message(client: IterableClient, server: Mocker) -> None:
    server.get(
        f"{ROOT}metadata/t/anna%20smith", status_code=400, json={"msg": "No Anna Smith, anna%20smith: anna+smith"}
    )
    request = Request("metadata/t/anna%20smith", redacted_path="metadata/t/***", retry=ONCE)
    with pytest.raises(BadRequest) as caught:
        client.json(request)
    assert str(caught.value) == "Iterable answered GET metadata/t/*** with 400 (No ****, ****: ****)."


@pytest.mark.parametrize("msg", [msg for msg, _ in PEOPLE if API_KEY not in msg and len(msg) < 250])
def test_without_private_fields_a_message_is_iterables(server: requests_mock.Mocker, msg: str) -> None:
    assert all(msg in told for told in wordings(server, "C", msg, hash_salt="s"))


@pytest.mark.parametrize("status", [201, 202, 203, 204, 206, 300, 304])
def test_only_200_is_data(client: IterableClient, requests_mock: Mocker, status: int) -> None:
    requests_mock.get(ROOT + "lists", status_code=status, json={"lists": []})
    with pytest.raises(BrokenResponse, match=f"with {status}, which holds no data"):
        client.get_json("lists")


def test_a_reason_phrase_that_quotes_the_key_is_masked() -> None:
    raw = f"HTTP/1.1 400 The key is {API_KEY}\r\nContent-Length: 0\r\n\r\n".encode()
    with answering(raw) as (root, _), pytest.raises(BadRequest) as caught:
        a_client(root).get_json("lists")
    assert API_KEY not in str(caught.value)
    assert "The key is ****" in str(caught.value)


@pytest.fixture
def proxied(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Sets the proxy of the environment."""

    def set_to(root: str) -> None:
        for name in ("https_proxy", "HTTPS_PROXY"):
            monkeypatch.setenv(name, root.replace("//", "//me:S3cret@"))
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)

    return set_to


@pytest.mark.parametrize(
    ("status", "kind", "told"),
    [
        (b"407 Proxy Authentication Required", ConfigError, "asks for a user and password .407.: put the right ones"),
        (b"403 Forbidden", ConfigError, "refuses connections to (api.iterable|files.example).com .403.: allow"),
        (b"502 Bad Gateway", Unreachable, "answered 502: check that it can reach"),
    ],
)
def test_a_proxy_that_refuses_is_named(
    proxied: Callable[[str], None], status: bytes, kind: type[IterableError], told: str
) -> None:
    with answering(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n") as (proxy, received):
        proxied(proxy)
        client = a_client()
        place = proxy.removeprefix("http://").rstrip("/")
        for read in (
            lambda: client.get_json("lists"),
            lambda: FileHost(client).receive("https://files.example.com/secret?signature=x", 100),
        ):
            with pytest.raises(kind, match=f"The proxy {place} {told}") as caught:
                read()
            assert "S3cret" not in str(caught.value)
            assert "signature" not in str(caught.value)
    assert len(received) == (2 if kind is ConfigError else 6), "a config error is not tried again"


@pytest.mark.parametrize(
    "given", ["http://{}/", "{}", "http://user:S3cretPw@{}", "http://user:1/S3cret@{}", "u:S3?cret@{}"]
)
def test_a_proxy_that_is_gone_is_named(proxied: Callable[[str], None], given: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = f"127.0.0.1:{server.getsockname()[1]}"
    proxied(given.format(place))
    if "1/S3" in given or "3?" in given:  # requests itself cuts such a URL
        with pytest.raises((Unreachable, ConfigError)) as caught:
            a_client().get_json("lists")
        assert "S3" not in str(caught.value)
        return
    with pytest.raises(Unreachable, match=f"The proxy {place} cannot be reached. .*tried 5 times"):
        a_client().get_json("lists")


def test_a_proxy_that_is_no_url_is_a_config_error(proxied: Callable[[str], None]) -> None:
    proxied("localhost:9")
    with pytest.raises(ConfigError, match="HTTPS_PROXY is not the URL of a proxy"):
        a_client().get_json("lists")


@pytest.mark.parametrize("status", [b"408 Request Timeout", b"429 Too Many Requests"])
def test_a_proxy_that_is_busy_is_asked_again(proxied: Callable[[str], None], status: bytes) -> None:
    with answering(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n") as (proxy, _):
        proxied(proxy)
        with pytest.raises(Unreachable, match="tried 5 times"):
            a_client().get_json("lists")


def test_a_407_that_comes_as_a_response_is_a_proxys_too() -> None:
    raw = b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n"
    told = "A proxy in front of Iterable asks for a user and password"
    with answering(raw) as (root, received), pytest.raises(ConfigError, match=told):
        a_client(root).get_json("lists")
    assert len(received) == 1


@pytest.mark.parametrize("status", [b"400 No", b"500 No"])
def test_the_body_of_an_error_only_words_it(status: bytes) -> None:
    raw = b"HTTP/1.1 " + status + b'\r\n\r\n{"code": "GenericError", "msg": "Because.'
    for body, told in ((raw, status.decode()), (raw + b'"}', "GenericError: Because.")):
        with answering(body) as (root, _), pytest.raises(ApiError, match=told.partition(" ")[0]) as caught:
            a_client(root).json(Request("lists", method="POST", body={}, retry=ONCE))
        assert ("Because" in str(caught.value)) == ("Because" in told)

"""Responses that are not well-formed, cookies, proxies, and what urllib3 logs."""

from __future__ import annotations

import gzip
import ipaddress
import logging
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from requests_mock import Mocker

from source_iterable.api import session
from source_iterable.api.request import segment
from source_iterable.errors import (
    BrokenResponse,
    ConfigError,
    EndUnknown,
    IterableError,
    Unreachable,
)
from source_iterable.exports.file_host import FileHost
from source_iterable.version import __version__
from unit_tests.contexts import API_KEY, GOOD, ROOT, a_client, answering


@pytest.mark.parametrize("interim", [b"100 Continue", b"102 Processing", b"103 Early Hints"])
@pytest.mark.parametrize("times", [1, 3])
def test_interim_responses_are_passed_over(interim: bytes, times: int) -> None:
    early = b"HTTP/1.1 " + interim + b"\r\nLink: </style.css>\r\n\r\n"
    with answering(early * times + GOOD) as (root, _):
        assert a_client(root).get_json("lists") == {"lists": []}


def test_endless_interim_responses_are_no_response() -> None:
    with answering(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 500 + GOOD) as (root, _), pytest.raises(BrokenResponse):
        a_client(root).get_json("lists")


def test_lengths_that_contradict_each_other_are_a_broken_response() -> None:
    raw = b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\nContent-Length: 4\r\n\r\n{"lists": []}'
    with answering(raw) as (root, _), pytest.raises((BrokenResponse, Unreachable)):
        a_client(root).get_json("lists")


def test_the_key_never_goes_to_a_proxy_for_a_loopback_api(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(GOOD) as (proxy, by_proxy), answering(GOOD) as (root, direct):
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        client = a_client(root)
        client.get_json("lists")
        FileHost(client).receive(f"{root}a", 100).close()
    assert by_proxy == []
    assert API_KEY.encode() in direct[0]


@pytest.mark.parametrize(
    "url",
    ["https://user:pa@api.example.com/", "https://k@api.example.com/", "https://a.example.com/?key=1", "https://a:x/"],
)
def test_an_api_base_url_holds_no_secret(url: str) -> None:
    with pytest.raises(ConfigError, match="api_base_url"):
        a_client(url)


def test_switching_protocols_is_no_interim_response() -> None:
    raw = b"HTTP/1.1 101 Switching Protocols\r\nConnection: close\r\n\r\n" + GOOD
    with answering(raw) as (root, _), pytest.raises(BrokenResponse, match="with 101, which holds no data"):
        a_client(root).get_json("lists")


def test_ten_interim_responses_are_passed_over() -> None:
    with answering(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 10 + GOOD) as (root, _):
        assert a_client(root).get_json("lists") == {"lists": []}


def test_a_request_says_who_sends_it_and_what_it_can_decode() -> None:
    with answering(GOOD) as (root, received):
        client = a_client(root)
        client.get_json("lists")
        FileHost(client).receive(f"{root}a", 100)
    for request in received:
        assert f"User-Agent: source-iterable/{__version__}\r\n".encode() in request
        assert b"Accept-Encoding: gzip\r\n" in request
    assert [API_KEY.encode() in request for request in received] == [True, False]


def test_the_api_is_reached_through_a_proxy_which_does_not_see_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n") as (proxy, received):
        for name in ("https_proxy", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        with pytest.raises(ConfigError):
            a_client().get_json("lists")
        with pytest.raises(ConfigError):
            FileHost(a_client()).receive("https://files.example.com/a", 100)
    assert received[0].startswith(b"CONNECT api.iterable.com:443 ")
    assert received[-1].startswith(b"CONNECT files.example.com:443 ")
    assert not any(API_KEY.encode() in request for request in received)


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nDate: to", b"HTTP/1.1 200 OK\r\nA: b\r\n"]
)
def test_a_head_that_breaks_off_is_no_empty_response(head: bytes) -> None:
    with answering(head) as (root, _), pytest.raises(Unreachable):
        FileHost(a_client(root)).receive(f"{root}a", 100)
    with answering(head) as (root, _), pytest.raises(Unreachable, match="tried 5 times"):
        a_client(root).get_text("lists")


@pytest.mark.parametrize(("more", "ends"), [(0, True), (2, False)])
def test_a_head_has_a_thousand_lines_at_most(more: int, ends: bool) -> None:
    # 12 times 83 lines: Python itself takes 100 headers each, and, from 3.14.10 on, 100 interim responses.
    interim = [b"HTTP/1.1 100 Continue\r\n" + b"A: b\r\n" * (81 + extra) + b"\r\n" for extra in [0] * 11 + [more]]
    with answering(b"".join(interim) + GOOD) as (root, _):
        if ends:
            assert a_client(root).get_json("lists") == {"lists": []}
        else:
            with pytest.raises(Unreachable):
                FileHost(a_client(root)).receive(f"{root}a", 100)


def test_a_cookie_is_not_sent_back() -> None:
    good = GOOD.replace(b"Connection: close", b"Connection: close\r\nSet-Cookie: session=1; Path=/")
    with answering(good) as (root, received):
        client = a_client(root)
        client.get_json("lists")
        client.get_json("lists")
        for _ in range(2):
            FileHost(client).receive(f"{root}a", 100).close()
    assert len(received) == 4
    assert not any(b"cookie" in request.lower() for request in received)


FILE = "https://files.example.com/a"


@pytest.mark.parametrize("proxy", [None, "http://me:S3cret@proxy.example.com:1"])
def test_nothing_of_netrc_is_sent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, server: Mocker, proxy: str | None
) -> None:
    netrc = tmp_path / "netrc"
    hosts = ("api.iterable.com", "files.example.com", "default")
    netrc.write_text("".join(f"{'machine ' * (host != 'default')}{host} login ada password S3cret\n" for host in hosts))
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(netrc))
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, proxy or "")
    server.get(f"{ROOT}lists", status_code=302, headers={"Location": f"{ROOT}lists/"})
    server.get(f"{ROOT}lists/", json={"lists": []})
    server.delete(f"{ROOT}export/7")
    server.get(FILE, status_code=302, headers={"Location": "https://elsewhere.example.com/a"})
    server.get("https://elsewhere.example.com/a", text="{}\n")
    client = a_client()
    client.get_json("lists")
    client.cancel("export/7")
    FileHost(client).receive(FILE, 100).close()
    assert len(server.request_history) == 5
    for request in server.request_history:
        assert "Authorization" not in request.headers
        assert request.proxies.get("https") == proxy, "which is the environment's"
        assert request.verify == str(netrc)


@pytest.mark.parametrize("name", [".", "..", "a..b", "...", "../..", "%2E", "a.b"])
def test_a_name_made_of_dots_is_sent_encoded(name: str) -> None:
    with answering(GOOD) as (root, received):
        a_client(f"{root}api/").get_json(f"catalogs/{segment(name)}/items", {"search": "/../"})
    line = f"GET /api/catalogs/{segment(name)}/items?search=%2F..%2F HTTP/1.1\r\n"
    assert received[0].startswith(line.encode())


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("10.0.0.1", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("2606:4700::1111", True),
        ("fe80::1", False),
        ("fc00::1", False),
        ("ff0e::1", False),
        ("::ffff:8.8.8.8", True),
        ("::ffff:10.0.0.1", False),
        ("::ffff:100.64.0.1", False),
        ("::ffff:224.0.0.1", False),
        ("::ffff:0:10.0.0.1", False),
        ("::10.0.0.1", False),
        ("64:ff9b::8.8.8.8", True),
        ("64:ff9b::10.0.0.1", False),
        ("64:ff9b:1::10.0.0.1", False),
        ("2002:808:808::1", True),
        ("2002:a00:1::1", False),
    ],
)
def test_an_ipv6_form_of_a_private_address_is_private(address: str, public: bool) -> None:
    assert session.is_public(ipaddress.ip_address(address)) == public


def test_a_line_of_a_head_that_does_not_end_fills_no_memory() -> None:
    raw = b"HTTP/1.1 200 OK\r\nA: " + b"a" * 20 * 2**20
    with answering(raw) as (root, _):
        client = a_client(root)
        tracemalloc.start()
        with pytest.raises((Unreachable, BrokenResponse)):
            FileHost(client).receive(f"{root}a", 100)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 5 * 2**20


def test_a_job_is_cancelled_whatever_becomes_of_the_body_of_the_response() -> None:
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{") as (root, received):
        a_client(root).cancel("export/7")
    assert received[0].startswith(b"DELETE /export/7 ")


def test_a_cr_alone_ends_no_line_of_a_head() -> None:
    with (
        answering(b"HTTP/1.1 200 OK\r\nX: y\rContent-Length: 2\r\n\r\n{}[]") as (root, _),
        pytest.raises(IterableError),
    ):
        a_client(root).get_json("lists")


def test_all_loggers_of_urllib3_have_the_filter() -> None:
    a_client()
    names = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] == "urllib3"]
    assert {"urllib3.connectionpool", "urllib3.connection", "urllib3.util.retry"} <= set(names)
    for name in names:
        assert session._without_values in logging.getLogger(name).filters, name


def test_urllib3_tells_no_url_and_no_header(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    raw = GOOD.replace(b"Connection: close", b"Connection: close\r\nno colon bob@example.com")
    raw = raw.replace(b"Content-Length: 13\r\n", b"").replace(b"Connection", b"Content-Length: 13\r\nConnection")
    with answering(raw) as (root, _):
        client = a_client(root)
        assert client.get_json("lists", {"email": "ada@example.com"}) == {"lists": []}
        FileHost(client).receive(f"{root}a?X-Amz-Signature=secret", 100).close()
    assert "Failed to parse headers" in caplog.text
    for private in ("@example.com", "Signature", "secret", root):
        assert private not in caplog.text


def test_importing_the_connector_changes_no_logger_and_no_limit_of_csv() -> None:
    code = (
        "import csv, logging, urllib3\n"
        "limit = csv.field_size_limit()\n"
        "import source_iterable.streams.table\n"
        "loggers = [logging.getLogger(name) for name in logging.root.manager.loggerDict if name.startswith('urllib3')]\n"
        "assert loggers and not any(each.filters or each.level for each in loggers), loggers\n"
        "assert csv.field_size_limit() == limit"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# How a body ends, and whether that proves it: as a document, and as text or lines.
JSON = b'{"id": 1}'


ENDS: list[tuple[bytes, bytes, bool, bool]] = [
    (b"Content-Length: 9\r\n\r\n", JSON, True, True),
    (b"Content-Length: 9, 9\r\n\r\n", JSON, True, True),
    (b"Transfer-Encoding: chunked\r\n\r\n", b"9\r\n" + JSON + b"\r\n0\r\n\r\n", True, True),
    (b"Transfer-Encoding: Chunked\r\nContent-Length: 3\r\n\r\n", b"9\r\n" + JSON + b"\r\n0\r\n\r\n", True, True),
    (b"\r\n", JSON, True, False),
    (b"Content-Length: abc\r\n\r\n", JSON, True, False),
    (b"Content-Length: -5\r\n\r\n", JSON, True, False),
    (b"\r\n", b"", False, False),
    (b"\r\n", b"12", False, False),
    (b"\r\n", JSON + b"\n" + JSON, False, False),
    (b"Content-Encoding: gzip\r\n\r\n", gzip.compress(JSON, mtime=0), True, True),
    (b"Content-Encoding: gzip\r\n\r\n", b"", False, False),
    (b"Content-Encoding: gzip\r\n\r\n", gzip.compress(JSON, mtime=0) + gzip.compress(b" ", mtime=0), True, False),
]


@pytest.mark.parametrize(("head", "body", "document", "lines"), ENDS)
def test_how_a_response_may_end(head: bytes, body: bytes, document: bool, lines: bool) -> None:
    with answering(b"HTTP/1.1 200 OK\r\nConnection: close\r\n" + head + body) as (root, received):
        client = a_client(root)
        for read, is_proved in (
            (lambda: client.get_json("lists"), document),
            (lambda: client.get_text("lists"), document),
            (lambda: FileHost(client).receive(f"{root}a", 100).close(), lines),
        ):
            received.clear()
            if is_proved:
                read()
            else:
                with pytest.raises(EndUnknown, match="has no length: the connection may"):
                    read()
            assert len(received) == (3 if not is_proved and "FileHost" not in read.__code__.co_names else 1)


@pytest.mark.parametrize(
    "body",
    [
        b"9\r\n" + JSON + b"\r\n",
        b"9\r\n" + JSON + b"\r\n0",  # of 0400, say
        b"9\r\n" + JSON + b"\r\n00",
        b"-9\r\n" + JSON + b"\r\n0\r\n\r\n",
        b"9\r\n" + JSON,
        b"9\r\n" + JSON + b"XX0\r\n\r\n",
        b"9\r\n" + JSON + b"}\r\n0\r\n\r\n",
        b"9\r\n" + JSON + b"\r\n0\r\n" + b"X: y\r\n" * 1001,
        b"",
    ],
)
@pytest.mark.parametrize("coding", [b" chunked", b" chunked ", b"\r\n Chunked"])
def test_chunks_without_the_last_one_are_broken(body: bytes, coding: bytes) -> None:
    raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding:" + coding + b"\r\n\r\n" + body
    with answering(raw) as (root, _):
        with pytest.raises(BrokenResponse, match="broke off"):
            a_client(root).get_json("lists")
        with pytest.raises(BrokenResponse, match="broke off"):
            FileHost(a_client(root)).receive(f"{root}a", 100)

"""Where the key and links to files may lead, and responses to the letter."""

from __future__ import annotations

import gzip
import logging
import re
import socket
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from source_iterable.api.client import IterableClient
from source_iterable.config import Config
from source_iterable.errors import (
    ApiError,
    BadRequest,
    BrokenResponse,
    ConfigError,
    EndUnknown,
    IterableError,
    Unreachable,
)
from source_iterable.version import __version__

KEY = "k-0123456789abcdef"


def a_client(base_url: str | None = None) -> IterableClient:
    config = {"api_key": KEY, "start_date": "2024-01-01T00:00:00Z", "api_base_url": base_url, "rate_limit_factor": 1e6}
    return IterableClient(Config.parse(config), logging.getLogger("airbyte"))


@contextmanager
def answering(raw: bytes, closes: bool = True) -> Iterator[tuple[str, list[bytes]]]:
    """A server that answers every connection with the same bytes; gives its root, and what it received.

    Unless it `closes`, it waits for the client to do so.
    """
    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.settimeout(0.5)
                    try:
                        request = connection.recv(65536)
                        length = re.search(rb"content-length: (\d+)", request, re.I)
                        # Whoever closes with something unread resets the connection.
                        while length and len(request.partition(b"\r\n\r\n")[2]) < int(length[1]):
                            request += connection.recv(65536)
                        received.append(request)
                        connection.sendall(raw)
                        if not closes:
                            connection.settimeout(10)
                            connection.recv(1)
                    except OSError:
                        received.append(b"")

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/", received


GOOD = b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\nConnection: close\r\n\r\n{"lists": []}'


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


def test_a_reason_phrase_that_quotes_the_key_is_masked() -> None:
    raw = f"HTTP/1.1 400 The key is {KEY}\r\nContent-Length: 0\r\n\r\n".encode()
    with answering(raw) as (root, _), pytest.raises(BadRequest) as caught:
        a_client(root).get_json("lists")
    assert KEY not in str(caught.value)
    assert "The key is ****" in str(caught.value)


def test_the_key_never_goes_to_a_proxy_for_a_loopback_api(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(GOOD) as (proxy, by_proxy), answering(GOOD) as (root, direct):
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        client = a_client(root)
        client.get_json("lists")
        client.receive_file(f"{root}a", 100).close()
    assert by_proxy == []
    assert KEY.encode() in direct[0]


@pytest.mark.parametrize(
    "url", ["http://files.example.com/a", "file:///etc/passwd", "ftp://x/y", "https://[broken", ""]
)
def test_links_to_files_are_https(url: str) -> None:
    with pytest.raises((BrokenResponse, Unreachable)):
        a_client().receive_file(url, 100)


def test_a_link_to_a_private_address_gets_no_request_whatever_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(GOOD) as (root, received):
        port = int(root.rstrip("/").rpartition(":")[2])

        def connected(self: HTTPConnection) -> socket.socket:
            # What a name server of somebody else's may answer for any name.
            return socket.create_connection(("127.0.0.1", port))

        monkeypatch.setattr(HTTPConnection, "_new_conn", connected)
        with pytest.raises(BrokenResponse, match="public host"):
            a_client().receive_file("https://files.example.com/a", 100)
        with pytest.raises(BrokenResponse, match="public host"):
            a_client().receive_file(f"https://localhost:{port}/a", 100)
    assert not any(received)


class _Redirecting(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(302)
        self.send_header("Location", "ftp://files.example.com/a")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


def test_a_file_is_not_redirected_to_another_scheme() -> None:
    with HTTPServer(("127.0.0.1", 0), _Redirecting) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        root = f"http://127.0.0.1:{server.server_address[1]}/"
        with pytest.raises(BrokenResponse, match="https"):
            a_client(root).receive_file(f"{root}a", 100)
        server.shutdown()


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
        client.receive_file(f"{root}a", 100)
    for request in received:
        assert f"User-Agent: source-iterable/{__version__}\r\n".encode() in request
        assert b"Accept-Encoding: gzip\r\n" in request
    assert [KEY.encode() in request for request in received] == [True, False]


def test_the_api_is_reached_through_a_proxy_which_does_not_see_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n") as (proxy, received):
        for name in ("https_proxy", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        with pytest.raises(ConfigError):
            a_client().get_json("lists")
        with pytest.raises(ConfigError):
            a_client().receive_file("https://files.example.com/a", 100)
    assert received[0].startswith(b"CONNECT api.iterable.com:443 ")
    assert received[-1].startswith(b"CONNECT files.example.com:443 ")
    assert not any(KEY.encode() in request for request in received)


class _Socket(socket.socket):
    """Connected to an address that no test can be connected to."""

    peer = ""

    def getpeername(self) -> Any:
        return (self.peer, 443, 0, 0)


@pytest.mark.parametrize(
    ("peer", "public"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("10.0.0.1", False),
        ("169.254.169.254", False),
        ("fe80::1%eth0", False),
        ("::1", False),
    ],
)
@pytest.mark.parametrize("proxy", [None, "http://proxy.example.com"])
@pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")  # no certificate here
def test_a_link_to_a_file_leads_to_a_public_address_or_to_the_proxy(
    monkeypatch: pytest.MonkeyPatch, peer: str, public: bool, proxy: str | None
) -> None:
    connected: list[_Socket] = []

    def new_connection(self: HTTPConnection) -> socket.socket:
        connected.append(_Socket())
        connected[-1].peer = peer
        return connected[-1]

    def connect(self: HTTPSConnection) -> None:
        self.proxy = urllib3.util.parse_url(proxy) if proxy else None
        self.sock = self._new_conn()
        raise OSError("the request would be sent now")

    monkeypatch.setattr(HTTPConnection, "_new_conn", new_connection)
    monkeypatch.setattr(HTTPSConnection, "connect", connect)
    told = "public host" if not public and proxy is None else "could not be reached"
    with pytest.raises((BrokenResponse, Unreachable), match=told):
        a_client().receive_file("https://files.example.com/a", 100)
    for each in connected:
        each.close()


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nDate: to", b"HTTP/1.1 200 OK\r\nA: b\r\n"]
)
def test_a_head_that_breaks_off_is_no_empty_response(head: bytes) -> None:
    with answering(head) as (root, _), pytest.raises(Unreachable):
        a_client(root).receive_file(f"{root}a", 100)
    with answering(head) as (root, _), pytest.raises(Unreachable, match="tried 5 times"):
        a_client(root).get_text("lists")


@pytest.mark.parametrize(("times", "ends"), [(498, True), (499, False)])
def test_a_head_has_a_thousand_lines_at_most(times: int, ends: bool) -> None:
    with answering(b"HTTP/1.1 100 Continue\r\n\r\n" * times + GOOD) as (root, _):
        if ends:
            assert a_client(root).get_json("lists") == {"lists": []}
        else:
            with pytest.raises(Unreachable):
                a_client(root).receive_file(f"{root}a", 100)


def test_a_cookie_is_not_sent_back() -> None:
    good = GOOD.replace(b"Connection: close", b"Connection: close\r\nSet-Cookie: session=1; Path=/")
    with answering(good) as (root, received):
        client = a_client(root)
        client.get_json("lists")
        client.get_json("lists")
        for _ in range(2):
            client.receive_file(f"{root}a", 100).close()
    assert len(received) == 4
    assert not any(b"cookie" in request.lower() for request in received)


def test_a_loopback_api_may_link_to_private_addresses() -> None:
    with answering(GOOD) as (root, received), pytest.raises(Unreachable):  # it does not speak TLS
        a_client(root).receive_file(f"{root}a".replace("http:", "https:"), 100)
    assert any(received)


def test_a_line_of_a_head_that_does_not_end_fills_no_memory() -> None:
    raw = b"HTTP/1.1 200 OK\r\nA: " + b"a" * 20 * 2**20
    with answering(raw) as (root, _):
        client = a_client(root)
        tracemalloc.start()
        with pytest.raises((Unreachable, BrokenResponse)):
            client.receive_file(f"{root}a", 100)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 5 * 2**20


def test_a_job_is_cancelled_whatever_becomes_of_the_body_of_the_response() -> None:
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{") as (root, received):
        a_client(root).cancel("export/7")
    assert received[0].startswith(b"DELETE /export/7 ")


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
            lambda: client.receive_file("https://files.example.com/secret?signature=x", 100),
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
        assert any(type(each).__name__ == "_WithoutValues" for each in logging.getLogger(name).filters), name


def test_a_407_that_comes_as_a_response_is_a_proxys_too() -> None:
    raw = b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n"
    told = "A proxy in front of Iterable asks for a user and password"
    with answering(raw) as (root, received), pytest.raises(ConfigError, match=told):
        a_client(root).get_json("lists")
    assert len(received) == 1


def test_urllib3_tells_no_url_and_no_header(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    raw = GOOD.replace(b"Connection: close", b"Connection: close\r\nno colon bob@example.com")
    raw = raw.replace(b"Content-Length: 13\r\n", b"").replace(b"Connection", b"Content-Length: 13\r\nConnection")
    with answering(raw) as (root, _):
        client = a_client(root)
        assert client.get_json("lists", {"email": "ada@example.com"}) == {"lists": []}
        client.receive_file(f"{root}a?X-Amz-Signature=secret", 100).close()
    assert "Failed to parse headers" in caplog.text
    for private in ("@example.com", "Signature", "secret", root):
        assert private not in caplog.text


def test_importing_the_connector_changes_no_logger() -> None:
    code = (
        "import logging, urllib3\n"
        "import source_iterable.api.client\n"
        "loggers = [logging.getLogger(name) for name in logging.root.manager.loggerDict if name.startswith('urllib3')]\n"
        "assert loggers and not any(each.filters or each.level for each in loggers), loggers"
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
            (lambda: client.receive_file(f"{root}a", 100).close(), lines),
        ):
            received.clear()
            if is_proved:
                read()
            else:
                with pytest.raises(EndUnknown, match="has no length and was closed"):
                    read()
            assert len(received) == (3 if not is_proved and read.__code__.co_names[0] != "receive_file" else 1)


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
            a_client(root).receive_file(f"{root}a", 100)


@pytest.mark.parametrize("status", [b"400 No", b"500 No"])
def test_the_body_of_an_error_only_words_it(status: bytes) -> None:
    raw = b"HTTP/1.1 " + status + b'\r\n\r\n{"code": "GenericError", "msg": "Because.'
    for body, told in ((raw, status.decode()), (raw + b'"}', "GenericError: Because.")):
        with answering(body) as (root, _), pytest.raises(ApiError, match=told.partition(" ")[0]) as caught:
            a_client(root).post_json("lists", {})
        assert ("Because" in str(caught.value)) == ("Because" in told)

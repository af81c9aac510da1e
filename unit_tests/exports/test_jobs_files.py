"""The files of export jobs: fetched without the key, from public hosts, and only complete."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import requests
import requests_mock
import urllib3
from requests_mock import Mocker
from urllib3.connection import HTTPConnection, HTTPSConnection

from source_iterable.api.client import IterableClient
from source_iterable.errors import (
    BrokenResponse,
    Unreachable,
)
from source_iterable.exports.file_host import FileHost
from unit_tests.contexts import GOOD, a_client, answering


def test_files_are_fetched_without_the_key_and_their_redirects_followed(
    client: IterableClient, requests_mock: Mocker
) -> None:
    requests_mock.get("https://files.example.com/a", status_code=302, headers={"Location": "https://cdn.example.com/b"})
    requests_mock.get("https://cdn.example.com/b", text="{}\n")
    part = FileHost(client).receive("https://files.example.com/a", 10)
    assert b"".join(part.chunks()) == b"{}\n"
    assert all("Api-Key" not in request.headers for request in requests_mock.request_history)


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
    with pytest.raises(Unreachable, match=r"^A link to a file was redirected 5 times\.$"):
        FileHost(client).receive(f"{FILES}0", 100)


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("https://files.example.com:port/", "A link to a file was redirected to an invalid URL."),
        ("ftp://files.example.com/a", "The link to an export file is not an https URL of a public host."),
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


@pytest.mark.parametrize(
    "url", ["http://files.example.com/a", "file:///etc/passwd", "ftp://x/y", "https://[broken", ""]
)
def test_links_to_files_are_https(url: str) -> None:
    with pytest.raises((BrokenResponse, Unreachable)):
        FileHost(a_client()).receive(url, 100)


def test_a_link_to_a_private_address_gets_no_request_whatever_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(GOOD) as (root, received):
        port = int(root.rstrip("/").rpartition(":")[2])

        def connected(self: HTTPConnection) -> socket.socket:
            # What a name server of somebody else's may answer for any name.
            return socket.create_connection(("127.0.0.1", port))

        monkeypatch.setattr(HTTPConnection, "_new_conn", connected)
        with pytest.raises(BrokenResponse, match="public host"):
            FileHost(a_client()).receive("https://files.example.com/a", 100)
        with pytest.raises(BrokenResponse, match="public host"):
            FileHost(a_client()).receive(f"https://localhost:{port}/a", 100)
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
            FileHost(a_client(root)).receive(f"{root}a", 100)
        server.shutdown()


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
        ("::ffff:10.0.0.1", False),
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
        FileHost(a_client()).receive("https://files.example.com/a", 100)
    for each in connected:
        each.close()


def test_a_loopback_api_may_link_to_private_addresses() -> None:
    with answering(GOOD) as (root, received), pytest.raises(Unreachable):  # it does not speak TLS
        FileHost(a_client(root)).receive(f"{root}a".replace("http:", "https:"), 100)
    assert any(received)

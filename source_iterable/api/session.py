"""HTTP sessions that accept only well-formed responses, and links to files only to public addresses."""

from __future__ import annotations

import http.client
import io
import ipaddress
import logging
import re
import socket
from http.cookiejar import DefaultCookiePolicy
from typing import Any, cast
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

from source_iterable.api.wire import MAX_INTERIM, Chunks, Head, Wire
from source_iterable.errors import BrokenResponse
from source_iterable.version import __version__

MAX_REDIRECTS = 5
# A value in a message of the logging module.
_VALUE = re.compile(r"%[-#0 +]*\d*(?:\.\d+)?[a-z]", re.I)


class _WithoutValues(logging.Filter):
    """Removes the values from messages of urllib3: URLs, which name people or give access to files, and headers."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = _VALUE.sub("…", str(record.msg)), None
        record.exc_info = record.exc_text = record.stack_info = None
        return True


_WITHOUT_VALUES = _WithoutValues()


class PrivateAddress(ValueError):
    """A link leads to an address that is not public."""


class _FinalResponse(http.client.HTTPResponse):
    """Skips interim responses (1xx). http.client itself returns all but 100 as the final one."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self._wire = Wire(cast(Any, self.fp).detach(), sock)
        self.fp = io.BufferedReader(self._wire)

    def begin(self) -> None:
        head = Head(self.fp, self._wire)
        self.fp = cast(Any, head)
        try:
            super().begin()
            for _ in range(MAX_INTERIM):
                if not 101 < self.status < 200:
                    break
                self.headers = self.msg = None  # type: ignore[assignment]  # without them begin() reads on
                super().begin()
        finally:
            if self.fp is not None:  # http.client closes it if there is no body
                self.fp = cast(Any, Chunks(head.file) if self._is_chunked() else head.file)
                self._wire.begin_body()

    def _is_chunked(self) -> bool:
        # As urllib3 reads it. http.client itself expects the word alone, without a space after it.
        coding = "" if self.headers is None else self.headers.get("Transfer-Encoding", "")
        return "chunked" in [each.strip() for each in coding.lower().split(",")]


class _Connection(HTTPConnection):
    response_class = _FinalResponse


class _SecureConnection(HTTPSConnection):
    response_class = _FinalResponse


class _PublicConnection(_SecureConnection):
    """Closes before it sends anything if its address is not public, whatever the host's name."""

    def _new_conn(self) -> socket.socket:
        connected = super()._new_conn()
        address = ipaddress.ip_address(connected.getpeername()[0].partition("%")[0])
        # With a proxy the peer is the proxy, which the user has chosen.
        if not address.is_global and self.proxy is None:
            connected.close()
            raise PrivateAddress(f"{self.host} is {address}, which is not a public address")
        return connected


class _Adapter(HTTPAdapter):
    """Opens its connections by our classes, `secure` for https."""

    def __init__(self, secure: type[HTTPSConnection]) -> None:
        self._classes = {"http": _Connection, "https": secure}
        super().__init__(pool_connections=4, pool_maxsize=32)

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        pool.ConnectionCls = self._classes[pool.scheme]
        return pool


class _Session(requests.Session):
    """Follows no redirect: requests itself would read the body of each, however long, even if told not to follow."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


def api_session(api_key: str, loopback: bool) -> requests.Session:
    """A session that sends the key. With a `loopback` API, it ignores the proxies of the environment."""
    session = _session(_Adapter(_SecureConnection), loopback)
    session.headers["Api-Key"] = api_key
    return session


def file_session(loopback: bool) -> requests.Session:
    """A session for the files of export jobs: https to public addresses; http and private ones with a `loopback` API."""
    return _session(_Adapter(_SecureConnection if loopback else _PublicConnection), loopback)


def redirect_of(response: requests.Response, url: str, what: str) -> str:
    """The URL that the response to `url` redirects to; closes it. Raises BrokenResponse; `what` begins its message."""
    response.close()
    try:
        target = urljoin(url, response.headers["Location"])
        _ = urlsplit(target).port  # raises for a port that is no number
    except ValueError:
        raise BrokenResponse(f"{what} was redirected to an invalid URL.") from None
    return target


def _session(adapter: HTTPAdapter, loopback: bool) -> requests.Session:
    for name in list(logging.root.manager.loggerDict):
        if name.split(".")[0] == "urllib3":
            logging.getLogger(name).addFilter(_WITHOUT_VALUES)
    session = _Session()
    session.trust_env = not loopback
    # requests itself would also speak http.
    session.adapters.clear()
    session.mount("https://", adapter)
    if loopback:
        session.mount("http://", adapter)  # ignore-https-check
    session.headers["User-Agent"] = f"source-iterable/{__version__}"
    # What body.py decodes.
    session.headers["Accept-Encoding"] = "gzip"
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return session

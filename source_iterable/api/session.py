"""HTTP sessions that accept only well-formed responses, and links to files only to public addresses."""

from __future__ import annotations

import http.client
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

from source_iterable.api.wire import MAX_INTERIM, Lines, Wire
from source_iterable.errors import BadRequest, BrokenResponse, Unreachable
from source_iterable.version import __version__

MAX_REDIRECTS = 5
# A value in a message of the logging module.
_VALUE = re.compile(r"%[-#0 +]*\d*(?:\.\d+)?[a-z]", re.I)
# All public IPv6 addresses but those of NAT64, and where the last 32 bits are an IPv4 address (RFC 6052).
_UNICAST, _NAT64 = ipaddress.IPv6Network("2000::/3"), ipaddress.IPv6Network("64:ff9b::/96")
# `.` or `..` as a whole segment of a path.
_DOTS = re.compile(r"(?<=/)\.{1,2}(?=/|$)")


class PrivateAddress(ValueError):
    """A link leads to an address that is not public."""


class _FinalResponse(http.client.HTTPResponse):
    """Skips interim responses (1xx). http.client itself returns all but 100 as the final one."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = Lines(Wire(cast(Any, self.fp).detach(), sock))

    def begin(self) -> None:
        super().begin()
        for _ in range(MAX_INTERIM):
            if not 101 < self.status < 200:
                break
            self.headers = self.msg = None  # type: ignore[assignment]  # without them begin() reads on
            super().begin()
        if self.fp is not None:  # http.client closes it if there is no body
            cast(Lines, self.fp).begin_body()


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
        if not is_public(address) and self.proxy is None:
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


class Session(requests.Session):
    """For the API, with its key, or else for files of export jobs: https only, files only from public addresses.

    Proxies and certificates are those of the environment; nothing of ~/.netrc is sent. With a `loopback` API: http and
    private addresses, too, and the proxies are ignored.
    """

    def __init__(self, loopback: bool, api_key: str = "") -> None:
        super().__init__()
        for name in list(logging.root.manager.loggerDict):
            if name.split(".")[0] == "urllib3":
                logging.getLogger(name).addFilter(_without_values)
        self.trust_env = not loopback
        # Without one of its own, requests takes a user and password for the host from ~/.netrc.
        self.auth = _no_auth
        adapter = _Adapter(_SecureConnection if loopback or api_key else _PublicConnection)
        # requests itself would also speak http.
        self.adapters.clear()
        self.mount("https://", adapter)
        if loopback:
            self.mount("http://", adapter)  # ignore-https-check
        self._api_key = api_key
        if api_key:
            self.headers["Api-Key"] = api_key
        # spooled.py decodes gzip and nothing else.
        self.headers.update({"User-Agent": f"source-iterable/{__version__}", "Accept-Encoding": "gzip"})
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        """As requests does, but %2E and %2E%2E stay encoded, which it would send as folders of the path."""
        prepared = super().prepare_request(request)
        parts = urlsplit(str(prepared.url))
        if _DOTS.search(parts.path):
            path = _DOTS.sub(lambda found: found[0].replace(".", "%2E"), parts.path)
            prepared.url = parts._replace(path=path).geturl()
        return prepared

    def get_redirect_target(self, resp: requests.Response) -> None:
        """None: requests itself would read the body of each redirect, however long, even if told not to follow."""

    def send_to(self, method: str, url: str, what: str, **options: Any) -> requests.Response:
        """The response to a request, its body still unread, after redirects. `what` begins messages about them.

        Args:
            options: more arguments of `requests.Session.request`.

        Raises:
            BrokenResponse, Unreachable: a redirect has an invalid URL, or there are too many.
            BadRequest: a redirect leads to a host that must not see the key.
            requests.RequestException, ValueError: there is no response.
        """
        for _ in range(MAX_REDIRECTS):
            response = self.request(method, url, stream=True, **options)
            if not response.is_redirect:
                return response
            response.close()
            try:
                following = urljoin(url, response.headers["Location"])
                target = urlsplit(following)
                _ = target.port  # raises for a port that is no number
            except ValueError:
                raise BrokenResponse(f"{what} was redirected to an invalid URL.") from None
            # requests would forward our Api-Key header to any host.
            if self._api_key and target[:2] != urlsplit(url)[:2]:
                host = str(target.hostname).replace(self._api_key, "****")
                message = f"{what} was redirected to another host ({host}); the API key is not sent there."
                raise BadRequest(f"{message} Check the API base URL.", response.status_code)
            url, options["params"] = following, {}
        raise Unreachable(f"{what} was redirected {MAX_REDIRECTS} times.")


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether an address is one host's on the internet. An IPv6 address that stands for an IPv4 address is what that is."""
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not address.is_multicast
    inner = address.ipv4_mapped or address.sixtofour
    if address in _NAT64:
        inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return is_public(inner) if inner else address.is_global and address in _UNICAST


def _no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _without_values(record: logging.LogRecord) -> bool:
    """Removes the values from a message of urllib3: URLs, which name people or give access to files, and headers."""
    record.msg, record.args = _VALUE.sub("…", str(record.msg)), None
    record.exc_info = record.exc_text = record.stack_info = None
    return True

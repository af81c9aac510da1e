"""A server that writes bytes itself, so that it can send what no HTTP library would."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

# The pieces of a response; None waits until the client has gone, a number waits that many seconds.
Pieces = Iterable["bytes | float | None"]
# What a client begins with that speaks TLS.
TLS_HANDSHAKE = b"\x16"


@dataclass(frozen=True)
class Request:
    """A request as it came; `path` is below the API root."""

    method: str
    path: str
    query: dict[str, list[str]]
    body: Any
    target: str = ""

    def value(self, name: str) -> str | None:
        """The first value of a query parameter."""
        return self.query.get(name, [None])[0]  # type: ignore[list-item]


Answer = Callable[[Request], Pieces]


class HostileServer:
    """Serves `answer` on loopback, one thread a connection and one request a connection, as a context manager."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.requests: list[Request] = []
        self.handshakes = 0
        self._closed = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/"

    def __enter__(self) -> HostileServer:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._closed.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        while not self._closed.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            if connection.recv(1, socket.MSG_PEEK) == TLS_HANDSHAKE:
                self.handshakes += 1
                return
            request = _received(connection)
            if request is None:
                return
            self.requests.append(request)
            for piece in self.answer(request):
                if isinstance(piece, bytes):
                    connection.sendall(piece)
                elif self._closed.wait(piece):
                    return
            # Everything was read before, so that closing resets nothing.
            connection.shutdown(socket.SHUT_WR)


def _received(connection: socket.socket) -> Request | None:
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return None
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        body += connection.recv(65536)
    method, target, _ = first.split(" ")
    parts = urlsplit(target)
    path = unquote(parts.path).removeprefix("/api/").lstrip("/")
    return Request(method, path, parse_qs(parts.query), json.loads(body) if body else None, target)

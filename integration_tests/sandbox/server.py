"""The server: HTTP/1.1 with a thread for each connection, and the place where bytes go out."""

import contextlib
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any, NamedTuple

from .messages import Response

SLOW_PIECE = 1024
REASONS = {status.value: status.phrase for status in HTTPStatus}


class Request(NamedTuple):
    """A request as it arrives."""

    method: str
    path: str
    query: str
    headers: Message
    body: bytes


class Connection(BaseHTTPRequestHandler):
    """One connection and its requests, one after the other."""

    server: "Server"
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # with it on, every response waits 40 ms

    def answer(self) -> None:
        """Read one request and send its response."""
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        response = self.server.respond(Request(self.command, path, query, self.headers, body))
        self.connection.settimeout(self.server.patience)
        self._send(response)
        self.connection.settimeout(None)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

    def log_message(self, *_: object) -> None:
        """Print nothing."""

    def _send(self, response: Response) -> None:
        """Send a response; where it breaks off, the connection closes without its end."""
        body, (kind, delay) = response.body, response.pace
        self.close_connection |= kind in ("hang", "drop") or response.cut_after is not None
        if kind in ("hang", "drop"):
            self._pause(delay if kind == "hang" else 0)
            return
        headers = {"content-type": ("Content-Type", response.media_type)}
        length = ("Content-Length", str(len(body))) if isinstance(body, bytes) else ("Transfer-Encoding", "chunked")
        if kind != "no_end":
            headers["content-length"] = length
        for name, _ in response.headers:
            headers.pop(name.lower(), None)
        chunked = ("Transfer-Encoding", "chunked") in headers.values()
        self._send_head(response, [*headers.values(), *response.headers])
        pieces = up_to((body,) if isinstance(body, bytes) else body, response.cut_after)
        for place, piece in enumerate(in_pieces(pieces, SLOW_PIECE if kind else 2**62)):
            if kind == "slow" or (kind == "stall" and place == 1):
                self._pause(delay)
            self.connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        if chunked and response.cut_after is None:
            self.connection.sendall(b"0\r\n\r\n")

    def _send_head(self, response: Response, headers: list[tuple[str, str]]) -> None:
        """The only place that writes a status line and headers."""
        lines = [f"HTTP/1.1 {response.status} {REASONS.get(response.status, '')}"]
        lines += [f"{name}: {value}" for name, value in headers]
        self.connection.sendall(response.interim + "\r\n".join([*lines, "", ""]).encode("latin-1", "replace"))

    def _pause(self, seconds: float | None) -> None:
        """Wait so long, or until the client is gone."""
        self.connection.settimeout(seconds)
        with contextlib.suppress(OSError):
            self.connection.recv(1, socket.MSG_PEEK)
        self.connection.settimeout(self.server.patience)


def up_to(pieces: Iterable[bytes], end: int | None) -> Iterator[bytes]:
    """The pieces up to this byte."""
    for piece in pieces:
        if end is not None and len(piece) > end:
            yield piece[:end]
            return
        end = None if end is None else end - len(piece)
        yield piece


def in_pieces(pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Pieces no larger than this; none is empty, which would end a chunked body."""
    return (piece[start : start + size] for piece in pieces for start in range(0, len(piece), size))


class Server(ThreadingTCPServer):
    """Serves on a port of this host from now on until closed.

    `patience`: how many seconds a piece of a response may take; Iterable gives up on slow readers (seen).
    """

    allow_reuse_address = True
    request_queue_size = 256

    def __init__(self, respond: Callable[[Request], Response], port: int, host: str, patience: float | None) -> None:
        self.respond, self.patience = respond, patience
        self._closing = False
        self._open: dict[threading.Thread, Any] = {}
        super().__init__((host, port), Connection)
        self._address = (host, self.socket.getsockname()[1])
        self.url = f"http://{host}:{self._address[1]}/"
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def _accept(self) -> None:
        while not self._closing:
            self.handle_request()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a new connection in a thread."""
        thread = threading.Thread(target=self._serve, args=(request, client_address), daemon=True)
        self._open[thread] = request
        thread.start()

    def _serve(self, request: Any, client_address: Any) -> None:
        self.process_request_thread(request, client_address)
        del self._open[threading.current_thread()]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print what a handler raised; a client that goes away is no error."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def close(self) -> None:
        """Stop serving, and cut connections that are still open."""
        self._closing = True
        with contextlib.suppress(OSError):
            socket.create_connection(self._address, timeout=1).close()  # wakes the acceptor
        self._acceptor.join(timeout=1)
        self.server_close()
        threads = dict(self._open)
        for connection in threads.values():
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(timeout=1)

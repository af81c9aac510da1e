"""The server: HTTP/1.1 with a thread for each connection, and the place where bytes go out."""

import contextlib
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any

from .messages import Response

SLOW_PIECE = 1024
REASONS = {status.value: status.phrase for status in HTTPStatus}


@dataclass
class Request:
    """A request as it arrives."""

    method: str
    path: str
    query: str
    headers: Message
    body: bytes


class CutConnection(Exception):
    """Raised to close the connection without an end of the response."""


class Connection(BaseHTTPRequestHandler):
    """One connection and its requests, one after the other."""

    server: "Server"
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # with it on, every response waits 40 ms

    def answer(self) -> None:
        """Read one request and send its response."""
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.connection.settimeout(self.server.patience)
        try:
            self._send(self.server.respond(Request(self.command, path, query, self.headers, body)))
        except (CutConnection, OSError):
            self.close_connection = True
        self.connection.settimeout(None)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = answer

    def log_message(self, *_: object) -> None:
        """Print nothing."""

    def _send(self, response: Response) -> None:
        fault, kind = response.fault, response.fault.kind if response.fault is not None else ""
        if kind == "hang":
            self._pause(response)
        if kind in ("hang", "drop"):
            raise CutConnection
        body, names = response.body, {name.lower() for name, _ in response.headers}
        own = {"Content-Type": response.media_type}
        own |= {"Content-Length": str(len(body))} if isinstance(body, bytes) else {"Transfer-Encoding": "chunked"}
        chunked = "Transfer-Encoding" in own and "content-length" not in names
        if not chunked:
            own.pop("Transfer-Encoding", None)
        own = {name: value for name, value in own.items() if name.lower() not in names}
        self._send_head(response, [*own.items(), *response.headers])
        pieces = (body,) if isinstance(body, bytes) else body
        for place, piece in enumerate(in_pieces(up_to(pieces, response.cut_after), SLOW_PIECE if fault else None)):
            if kind == "slow" or (kind == "stall" and place == 1):
                self._pause(response)
            self.connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        if response.cut_after is not None:
            raise CutConnection
        if chunked:
            self.connection.sendall(b"0\r\n\r\n")

    def _send_head(self, response: Response, headers: list[tuple[str, str]]) -> None:
        """The only place that writes a status line and headers."""
        lines = [f"HTTP/1.1 {response.status} {REASONS.get(response.status, '')}"]
        lines += [f"{name}: {value}" for name, value in headers]
        self.connection.sendall(response.interim + "\r\n".join([*lines, "", ""]).encode("latin-1", "replace"))

    def _pause(self, response: Response) -> None:
        """Wait as long as the fault says, or until the client is gone."""
        self.connection.settimeout(response.fault.delay if response.fault is not None else 0)
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


def in_pieces(pieces: Iterable[bytes], size: int | None) -> Iterator[bytes]:
    """Pieces no larger than this; none is empty, which would end a chunked body."""
    for piece in filter(None, pieces):
        yield from (piece[start : start + size] for start in range(0, len(piece), size)) if size else (piece,)


class Server(ThreadingTCPServer):
    """Serves on a port of this host from now on until closed.

    `patience`: how many seconds a piece of a response may take; Iterable gives up on slow readers (seen).
    """

    allow_reuse_address = True
    request_queue_size = 256

    def __init__(self, host: str, port: int, respond: Callable[[Request], Response], patience: float | None) -> None:
        self.respond = respond
        self.patience = patience
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._closing = False
        self._open: dict[threading.Thread, Any] = {}
        super().__init__((host, port), Connection)
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self.server_address[1]}/"
        self._acceptor = threading.Thread(target=self._accept, daemon=True, name="sandbox-server")
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
        self._open.pop(threading.current_thread(), None)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print what a handler raised; a client that goes away is no error."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def close(self) -> None:
        """Stop serving; connections that are still open are cut."""
        self._closing = True
        with contextlib.suppress(OSError):
            socket.create_connection(self.server_address[:2], timeout=1).close()  # wakes the acceptor
        self._acceptor.join(timeout=1)
        self.server_close()
        threads = dict(self._open)
        for request in threads.values():
            with contextlib.suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(timeout=1)

"""HTTP/1.1 with a thread for each connection, and the only place that sends bytes."""

import contextlib
import socket
import sys
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any

from .messages import Request, Response, up_to

_SLOW_PIECE = 1024
_REASONS = {status.value: status.phrase for status in HTTPStatus}


class Connection(BaseHTTPRequestHandler):
    """One connection and its requests, one after the other."""

    server: "Server"
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # with it on, every response waits 40 ms

    def answer(self) -> None:
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
        """Send a response; if it is cut, the connection closes without its end."""
        body, pace = response.body, response.pace
        self.close_connection |= pace in ("hang", "drop") or response.cut_after is not None
        if pace in ("hang", "drop"):
            self._pause(response.delay if pace == "hang" else 0)
            return
        named = {name.lower() for name in response.headers}
        own = {"Content-Type": response.media_type}
        if pace != "no_end" and "content-length" not in named:
            own |= {"Content-Length": str(len(body))} if isinstance(body, bytes) else {"Transfer-Encoding": "chunked"}
        chunked = "Transfer-Encoding" in own
        headers = {name: value for name, value in own.items() if name.lower() not in named} | response.headers
        lines = [f"HTTP/1.1 {response.status} {_REASONS.get(response.status, '')}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1", "replace"))
        size = _SLOW_PIECE if pace else 2**62
        pieces = up_to((body,) if isinstance(body, bytes) else body, response.cut_after)
        # No piece is empty: that would end a chunked body.
        parts = (piece[start : start + size] for piece in pieces for start in range(0, len(piece), size))
        for place, part in enumerate(parts):
            if pace == "slow" or (pace == "stall" and place == 1):
                self._pause(response.delay)
            self.connection.sendall(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
        if chunked and response.cut_after is None:
            self.connection.sendall(b"0\r\n\r\n")

    def _pause(self, seconds: float | None) -> None:
        """Wait so long, or until the client is gone."""
        self.connection.settimeout(seconds)
        with contextlib.suppress(OSError):
            self.connection.recv(1, socket.MSG_PEEK)
        self.connection.settimeout(self.server.patience)


class Server(ThreadingTCPServer):
    """Serves on a port of this host until closed.

    `patience`: seconds that sending a piece of a response may take; Iterable gives up on slow readers (seen).
    """

    allow_reuse_address = daemon_threads = True
    request_queue_size = 256

    def __init__(self, respond: Callable[[Request], Response], port: int, host: str, patience: float | None) -> None:
        self.respond, self.patience = respond, patience
        self._closing = False
        self._connections: set[Any] = set()
        super().__init__((host, port), Connection)
        self.url = f"http://{host}:{self.socket.getsockname()[1]}/"
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def _accept(self) -> None:
        """Unlike serve_forever, without waking up again and again to see whether it should stop."""
        while not self._closing:
            with contextlib.suppress(OSError):
                self.process_request(*self.get_request())

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print what a handler raised; a client that goes away is no error."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def close(self) -> None:
        """Stop serving, and cut connections that are still open."""
        self._closing = True
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)  # wakes the acceptor
        self._acceptor.join(timeout=1)
        self.server_close()
        for connection in tuple(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

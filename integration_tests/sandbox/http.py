"""HTTP/1.1: requests as they are logged, responses, refusals, and the server, with a thread for each connection."""

import contextlib
import csv
import io
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any

import orjson

from .fixtures import fixture

JSON, JSON_LINES = "application/json", "application/x-json-stream"
TEXT, CSV = "text/plain; charset=utf-8", "text/csv; charset=utf-8"
_CHUNK, _PIECE, _SLOW_PIECE = 65_536, 262_144, 1024


@dataclass
class RequestLogEntry:
    """One request, noted when it arrives, with the names of its headers, never their values."""

    host: str  # "api" or "files"
    method: str
    path: str
    endpoint: str  # the template: "export/{jobId}/files"; "" if no endpoint matches
    query: dict[str, list[str]]
    body: Any  # parsed JSON, or None
    header_names: set[str]  # lower case
    status: int = 0  # until there is a response


class Refusal(Exception):
    """A request that Iterable refuses; by default with 400, for a missing or wrong parameter."""

    def __init__(self, msg: str | None = None, status: int = 400, headers: dict[str, str] | None = None) -> None:
        super().__init__(msg)
        self.status, self.msg, self.headers = status, msg, headers or {}


def error_body(status: int, msg: str | None = None) -> dict[str, Any]:
    """The body that goes with a status."""
    code, default = fixture("errors").get(str(status), fixture("errors")["any"])
    return {"code": code, "msg": msg or default, "params": None}


@dataclass
class Response:
    """A response: its body is bytes, sent with their length, or an iterator, sent in chunks."""

    status: int = 200
    body: bytes | Iterator[bytes] = b""
    media_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)  # each replaces the server's own
    cut_after: int | None = None  # bytes of the body after which the connection breaks
    pace: str = ""  # "hang", "drop", "slow", "stall" or "no_end": see faults.py
    delay: float | None = 0  # seconds, of the pace


def json_response(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(status, orjson.dumps(value), headers=headers or {})


def parse_json(text: bytes) -> Any:
    """The value; None for what is not JSON."""
    try:
        return orjson.loads(text)
    except ValueError:
        return None


def csv_lines(columns: list[str], rows: Iterable[dict[str, str]]) -> Iterator[str]:
    """CSV, a row at a time, each with its end, the header first; a cell that a row lacks is empty."""
    for row in (dict(zip(columns, columns, strict=True)), *rows):
        line = io.StringIO()
        csv.DictWriter(line, columns, restval="", lineterminator="\n").writerow(row)
        yield line.getvalue()


def records_response(records: Iterable[Any], media_type: str = JSON_LINES) -> Response:
    """Records, or their lines with their ends, gathered into chunks."""

    def chunks() -> Iterator[bytes]:
        gathered = bytearray()
        for each in records:
            gathered += each if isinstance(each, bytes) else orjson.dumps(each, option=orjson.OPT_APPEND_NEWLINE)
            if len(gathered) >= _CHUNK:
                yield bytes(gathered)
                gathered.clear()
        yield bytes(gathered)

    return Response(body=chunks(), media_type=media_type)


def up_to(pieces: Iterable[bytes], end: int | None) -> Iterator[bytes]:
    """The pieces up to this byte."""
    for piece in pieces:
        if end is not None and len(piece) > end:
            yield piece[:end]
            return
        end = None if end is None else end - len(piece)
        yield piece


class Connection(BaseHTTPRequestHandler):
    server: "Server"
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # with it on, every response waits 40 ms

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        response = self.server.respond(self.command, self.path, self.headers, body)
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
        own = {"Content-Type": response.media_type}
        if pace != "no_end" and "Content-Length" not in response.headers:
            own |= {"Content-Length": str(len(body))} if isinstance(body, bytes) else {"Transfer-Encoding": "chunked"}
        chunked = "Transfer-Encoding" in own
        headers = {name: value for name, value in own.items() if name not in response.headers} | response.headers
        self.send_response_only(response.status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        size = _SLOW_PIECE if pace else _PIECE
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
    """Serves until closed. `patience`: seconds that a piece of a response may take; Iterable cuts slow readers off."""

    allow_reuse_address = daemon_threads = True
    request_queue_size = 256

    def __init__(self, respond: Callable[..., Response], port: int, host: str, patience: float | None) -> None:
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

"""Requests and responses: what arrives and is logged, what handlers return, refusals."""

import csv
import io
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from email.message import Message
from typing import Any, NamedTuple

import orjson

JSON, JSON_LINES = "application/json", "application/x-json-stream"
TEXT, CSV = "text/plain; charset=utf-8", "text/csv; charset=utf-8"
_CHUNK = 65_536
_LATER = "An error occurred. Please try again later."
_ERRORS = {
    400: ("BadParams", "Invalid parameters"),
    401: ("BadApiKey", "Invalid API key"),
    403: ("Forbidden", "This API key is not permitted to use this endpoint"),
    404: ("NotFound", "Not found"),
    405: ("BadParams", "Method not allowed"),
    429: ("RateLimitExceeded", "API rate limit exceeded"),
    500: ("GenericError", f"{_LATER} If problem persists, please contact your CSM"),
    503: ("GenericError", "Request timeout.  Try again later."),
}


class Request(NamedTuple):
    method: str
    path: str
    query: str
    headers: Message
    body: bytes


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
    time: float = field(default_factory=time.monotonic)


class Refusal(Exception):
    """A request that Iterable refuses; by default with 400, for a missing or wrong parameter."""

    def __init__(self, msg: str | None = None, status: int = 400, headers: dict[str, str] | None = None) -> None:
        super().__init__(msg)
        self.status, self.msg, self.headers = status, msg, headers or {}


def error_body(status: int, msg: str | None = None) -> dict[str, Any]:
    """The body that goes with a status."""
    code, default = _ERRORS.get(status, ("GenericError", _LATER))
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


def text_response(text: str, media_type: str = TEXT) -> Response:
    return Response(body=text.encode(), media_type=media_type)


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

"""Requests and responses: the log, parameters, refusals, and what a handler returns."""

from __future__ import annotations

import csv
import io
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from .times import parse_date, to_ms

if TYPE_CHECKING:
    from .faults import Fault

JSON, JSON_LINES = "application/json", "application/x-json-stream"
TEXT, CSV = "text/plain; charset=utf-8", "text/csv; charset=utf-8"
CODE_OF_STATUS = {
    400: ("BadParams", "Invalid parameters"),
    401: ("BadApiKey", "Invalid API key"),
    403: ("Forbidden", "This API key is not permitted to use this endpoint"),
    404: ("NotFound", "Not found"),
    405: ("BadParams", "Method not allowed"),
    429: ("RateLimitExceeded", "API rate limit exceeded"),
    500: ("GenericError", "An error occurred. Please try again later. If problem persists, please contact your CSM"),
    503: ("GenericError", "Request timeout.  Try again later."),
}


@dataclass
class RequestLogEntry:
    """One request, noted when it arrives, with the names of its headers, never their values."""

    host: str  # "api" or "files"
    method: str
    path: str
    endpoint: str  # the template: "export/{jobId}/files"; "" where no endpoint matches
    query: dict[str, list[str]]
    body: Any  # parsed JSON, or None
    header_names: set[str]  # lower case
    status: int = 0  # until there is a response
    time: float = field(default_factory=time.monotonic)

    def as_dict(self) -> dict[str, Any]:
        """The entry as JSON can hold it."""
        return {**asdict(self), "header_names": sorted(self.header_names)}


class RequestLog(list[RequestLogEntry]):
    """All requests in order of arrival."""

    def count_of(self, endpoint: str | None = None, method: str | None = None, status: int | None = None) -> int:
        """The number of requests with this endpoint, method and status."""
        each = [(entry.endpoint, entry.method, entry.status) for entry in self]
        return sum(endpoint in (None, e) and method in (None, m) and status in (None, s) for e, m, s in each)

    def counts(self) -> dict[str, dict[str, int]]:
        """Requests by endpoint and status."""
        counted: dict[str, Counter[str]] = {}
        for entry in list(self):
            counted.setdefault(entry.endpoint or entry.path, Counter())[str(entry.status)] += 1
        return {endpoint: dict(statuses) for endpoint, statuses in counted.items()}


class Refusal(Exception):
    """A request that Iterable refuses; by default with 400, for a missing or wrong parameter."""

    def __init__(self, msg: str | None = None, status: int = 400, headers: dict[str, str] | None = None) -> None:
        super().__init__(msg)
        self.status, self.msg, self.headers = status, msg, headers or {}


def error_body(status: int, msg: str | None = None) -> dict[str, Any]:
    """The body that goes with a status."""
    code, default = CODE_OF_STATUS.get(status, ("GenericError", "An error occurred. Please try again later."))
    return {"code": code, "msg": msg or default, "params": None}


@dataclass
class Response:
    """A response: its body is bytes, sent with their length, or an iterator, sent in chunks."""

    status: int = 200
    body: bytes | Iterator[bytes] = b""
    media_type: str = JSON
    headers: list[tuple[str, str]] = field(
        default_factory=list
    )  # each replaces the server's own; a name may come twice
    interim: bytes = b""  # sent before the status line, as it is
    cut_after: int | None = None  # bytes of the body after which the connection breaks
    pace: tuple[str, float | None] = ("", 0)  # "hang", "drop", "slow", "stall" or "no_end", and the seconds


def json_response(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON response."""
    return Response(status, orjson.dumps(value), headers=list((headers or {}).items()))


def text_response(text: str, media_type: str = TEXT) -> Response:
    """A response of plain text."""
    return Response(body=text.encode(), media_type=media_type)


def csv_lines(columns: list[str], rows: Iterable[dict[str, str]]) -> Iterator[str]:
    """CSV, a row at a time, each with its end, the header first; a cell that a row lacks is empty."""
    for row in (dict(zip(columns, columns, strict=True)), *rows):
        line = io.StringIO()
        csv.DictWriter(line, columns, restval="", lineterminator="\n").writerow(row)
        yield line.getvalue()


def records_response(records: Iterable[Any], media_type: str = JSON_LINES, size: int = 65_536) -> Response:
    """Records, or their lines with their ends: gathered into chunks of about this size."""

    def chunks() -> Iterator[bytes]:
        gathered = bytearray()
        for each in records:
            gathered += each if isinstance(each, bytes) else orjson.dumps(each, option=orjson.OPT_APPEND_NEWLINE)
            if len(gathered) >= size:
                yield bytes(gathered)
                gathered.clear()
        yield bytes(gathered)

    return Response(body=chunks(), media_type=media_type)


@dataclass
class Params:
    """A request's parameters. The methods raise Refusal for those that are missing or wrong."""

    path: dict[str, str]
    query: dict[str, list[str]]
    body: Any = None
    fault: Fault | None = None  # for the handler: expired, and those of jobs
    url_path: str = ""  # below the root

    def one(self, name: str) -> str | None:
        """A parameter of the query; the last where it comes more than once."""
        return self.query.get(name, [None])[-1]

    def required(self, name: str) -> str:
        """A parameter of the query that must be there."""
        value = self.one(name)
        if not value:
            raise Refusal(f"Missing required parameter: {name}")
        return value

    def number(self, name: str, default: int | None = None) -> int:
        """A whole number, of the path or the query; required where there is no default."""
        if name in self.path:
            return self.numbers(name, [self.path[name]])[0]
        return default if default is not None and not self.one(name) else self.numbers(name, [self.required(name)])[0]

    def numbers(self, name: str, texts: list[str] | None = None) -> list[int]:
        """Any number of whole numbers, of the query or these texts."""
        texts = self.query.get(name, []) if texts is None else texts
        if not all(text.isascii() and text.lstrip("-").isdigit() for text in texts):
            raise Refusal(f"Invalid value for {name}: {texts}")
        return [int(text) for text in texts]

    def flag(self, name: str) -> bool:
        """True or false; false where it is missing."""
        return self.choice(name, ("true", "false")) == "true"

    def choice(self, name: str, choices: Collection[str]) -> str | None:
        """One of these values, or None where it is missing."""
        for value in self.query.get(name, []):
            if value not in choices:
                raise Refusal(f"Invalid value for {name}: {value}")
        return self.one(name)

    def date(self, name: str) -> int | None:
        """A date in epoch milliseconds, or None where it is missing."""
        if not (text := self.one(name)):
            return None
        if (moment := parse_date(text)) is None:
            raise Refusal(f"Invalid date for {name}: {text}")
        return to_ms(moment)

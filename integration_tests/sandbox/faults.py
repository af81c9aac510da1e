"""Faults on demand: what goes wrong, where, and how often."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import orjson

from .http import JSON, RequestLogEntry, Response, error_body, json_response, up_to

_GARBAGE = b'{"createdAt": "2026-01-01 00:00:00 +00:00", "email": '
# Of responses, and of export jobs (see exports.py).
ANSWER_KINDS = (
    "status",  # this status and body instead of the response
    "cut",  # the connection closes in the middle: a chunked body without its end, a short body with Content-Length
    "no_end",  # the same, but with neither length nor chunks, so that the connection closes as it would behind a whole body
    "clean_cut",  # the body ends properly, in the middle of a line
    "slow",  # pieces of the body with a pause of `delay` seconds before each
    "hang",  # headers never come; the connection closes after `delay` seconds
    "stall",  # the body begins and then nothing more comes for `delay` seconds
    "drop",  # the connection closes without a response
    "garbage",  # a line that is not JSON in the body; for whole JSON responses a page of HTML with status 200
    "redirect",  # 302 to `location`; by default to another host
    "next_elsewhere",  # nextPageUrl leads to another host
    "expired",  # for file downloads: the link has expired
)
JOB_KINDS = (
    "job_failed",  # for export/start: the job fails, after `after_files` files have appeared
    "job_cancelled",  # the same with state Cancelled
    "job_truncated",  # exportTruncated, with `after_files` files
    "job_requeue",  # running, then enqueued again, then running to its end
    "job_stuck",  # enqueued for ever
    "job_endless",  # running for ever
)
WITHOUT_HANDLER = ("status", "redirect", "hang", "drop")  # these leave nothing to do for a handler


@dataclass
class Fault:
    """One fault: it strikes the first `times` matching requests after letting `after` of them pass."""

    endpoint: str | None  # the template; "files" is the file host; None = any
    kind: str
    times: int | None = 1  # None = always
    status: int = 500
    body: Any = None  # str or bytes as they are, anything else as JSON
    headers: dict[str, str] = field(default_factory=dict)
    after: int = 0
    when: Callable[[RequestLogEntry], bool] | None = None
    at_bytes: int | None = None  # where a body is cut; None = in the middle of its first piece
    delay: float | None = None  # seconds; None = 0.02 for "slow", an hour otherwise
    after_files: int = 0
    location: str | None = None  # of a redirect
    struck: int = 0  # how often it has struck so far

    def __post_init__(self) -> None:
        if self.kind not in ANSWER_KINDS + JOB_KINDS:
            raise ValueError(f"no fault of kind {self.kind!r}; there are {ANSWER_KINDS + JOB_KINDS}")
        if self.delay is None:
            self.delay = 0.02 if self.kind == "slow" else 3600.0
        if self.body is not None and not isinstance(self.body, bytes):
            self.body = self.body.encode() if isinstance(self.body, str) else orjson.dumps(self.body)


def strike(faults: list[Fault], entry: RequestLogEntry) -> Fault | None:
    """The first fault that strikes this request, if any."""
    for fault in list(faults):
        if fault.endpoint not in (None, entry.endpoint) or (fault.when is not None and not fault.when(entry)):
            continue
        if fault.after > 0:
            fault.after -= 1
        elif fault.times is None or fault.struck < fault.times:
            fault.struck += 1
            return fault
    return None


def changed_by(fault: Fault, response: Response, elsewhere: str) -> Response:
    """The response with its fault; `elsewhere` is a URL of another host."""
    body, kind, location = response.body, fault.kind, elsewhere if fault.location is None else fault.location
    if kind == "status":
        error = orjson.dumps(error_body(fault.status)) if fault.body is None else fault.body
        return Response(fault.status, error, headers={**fault.headers})
    if kind == "redirect":
        return Response(302, headers={"Location": location, **fault.headers})
    if kind in ("hang", "drop", "slow", "stall"):
        return replace(response, pace=kind, delay=fault.delay)
    if kind == "next_elsewhere" and isinstance(body, bytes):
        return json_response({**orjson.loads(body), "nextPageUrl": location})
    if kind == "garbage" and isinstance(body, bytes) and response.media_type == JSON:
        return Response(body=fault.body or b"<html><body>Hello</body></html>")
    pieces = iter((body,)) if isinstance(body, bytes) else body
    if kind == "garbage":
        line = (fault.body or _GARBAGE).removesuffix(b"\n") + b"\n"
        return Response(body=chain((line,), pieces), media_type=response.media_type)
    if kind not in ("cut", "no_end", "clean_cut"):
        return response
    first = next(pieces, b"")
    end = _middle_of_line(first) if fault.at_bytes is None else fault.at_bytes
    pieces = chain((first,), pieces)
    if kind == "clean_cut":
        return Response(response.status, up_to(pieces, end), response.media_type)
    pace = kind if kind == "no_end" else ""
    return replace(response, body=body if isinstance(body, bytes) else pieces, cut_after=end, pace=pace)


def _middle_of_line(piece: bytes) -> int:
    """A place near the middle that is not the end of a line."""
    middle = max(len(piece) // 2, 1)
    if piece[middle : middle + 1] == b"\n":  # all of a line but its newline
        middle -= 1
    return middle + 1 if piece[middle - 1 : middle] == b"\n" and middle + 1 < len(piece) else middle

"""Responses on their way out, whole or as a fault wants them."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import orjson
from starlette.types import Receive, Scope, Send

from .errors import error_body
from .faults import Fault
from .log import RequestLogEntry

SEVER = "sandbox.sever"  # in a request's scope: closes its connection at once
GARBAGE = b'{"createdAt": "2026-01-01 00:00:00 +00:00", "email": '
SLOW_PIECE = 1024
JSON, JSON_LINES = "application/json", "application/x-json-stream"
TEXT, CSV = "text/plain; charset=utf-8", "text/csv; charset=utf-8"


class CutConnection(Exception):
    """Raised to make the server close the connection without ending the response."""


@dataclass
class Response:
    """A response: a whole body, or pieces that are sent as they are made."""

    status: int = 200
    body: bytes | Iterator[bytes] = b""
    media_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)
    cut_after: int | None = None  # bytes after which the connection breaks, fault or not


def json_response(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON response."""
    return Response(status, orjson.dumps(value), headers=headers or {})


def text_response(text: str, media_type: str = TEXT) -> Response:
    """A response of plain text."""
    return Response(body=text.encode(), media_type=media_type)


def changed_by(fault: Fault | None, response: Response, elsewhere: str) -> Response:
    """What a fault puts in place of the proper response, where it does that."""
    kind = fault.kind if fault is not None else ""
    if fault is None or kind not in ("status", "redirect", "next_elsewhere", "garbage"):
        return response
    body, location = response.body, elsewhere if fault.location is None else fault.location
    if kind == "status":
        error = error_body(fault.status) if fault.body is None else fault.body
        return Response(fault.status, error if isinstance(error, bytes) else orjson.dumps(error), headers=fault.headers)
    if kind == "redirect":
        return Response(302, headers={"Location": location, **fault.headers})
    if kind == "next_elsewhere":
        return json_response({**orjson.loads(body), "nextPageUrl": location}) if isinstance(body, bytes) else response
    if isinstance(body, bytes) and response.media_type == JSON:
        return Response(body=fault.body or b"<html><body>Hello</body></html>")
    line = (fault.body or GARBAGE).removesuffix(b"\n") + b"\n"
    return Response(body=chain((line,), (body,) if isinstance(body, bytes) else body), media_type=response.media_type)


@dataclass
class Sender:
    """Sends one response, with what its fault does to the way. Raises CutConnection where it is to break off."""

    response: Response
    fault: Fault | None
    entry: RequestLogEntry
    patience: float | None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._send, self._kind = send, self.fault.kind if self.fault is not None else ""
        self._gone = asyncio.ensure_future(_until_gone(receive))
        try:
            if self._kind in ("hang", "drop"):
                if self._kind == "hang":
                    await self._pause()
                scope.get(SEVER, lambda: None)()
                await asyncio.wait({self._gone}, timeout=1)
                raise CutConnection
            self.entry.status = self.response.status
            await self._send_body(self.response.body)
        finally:
            self._gone.cancel()

    async def _pause(self) -> None:
        await asyncio.wait({self._gone}, timeout=self.fault.delay if self.fault is not None else 0)

    async def _send_body(self, body: bytes | Iterator[bytes]) -> None:
        cutting, cut_at = self._kind in ("cut", "clean_cut"), self.response.cut_after
        headers = {"content-type": self.response.media_type}
        headers |= {name.lower(): value for name, value in self.response.headers.items()}
        if cutting and self.fault is not None:
            cut_at = self.fault.at_bytes
            if cut_at is None and isinstance(body, bytes):
                cut_at = _middle_of_line(body)
        if self._kind == "clean_cut":
            headers.pop("content-length", None)
        if isinstance(body, bytes):
            clean_end = cut_at if self._kind == "clean_cut" else None
            headers["content-length"] = str(len(body[:clean_end]))
        raw = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": self.response.status, "headers": raw})
        sent = 0
        async for piece in self._pieces(body):
            if cutting and cut_at is None:
                cut_at = _middle_of_line(piece)
            part = piece if cut_at is None else piece[: cut_at - sent]
            # Iterable gives up on slow readers (seen); the server's send() returns when its buffer has room again.
            message = {"type": "http.response.body", "body": part, "more_body": True}
            try:
                await asyncio.wait_for(self._send(message), self.patience)
            except asyncio.TimeoutError:
                raise CutConnection from None
            sent += len(piece)
            if cut_at is not None and sent > cut_at:
                break
        if self._kind == "cut" or self.response.cut_after is not None:
            raise CutConnection
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pieces(self, body: bytes | Iterator[bytes]) -> AsyncIterator[bytes]:
        """The body's pieces, made in a thread so that other requests are answered meanwhile."""
        made, whole = (iter((body,) if body else ()), True) if isinstance(body, bytes) else (body, False)
        begun = False
        while not self._gone.done():
            piece = next(made, None) if whole else await asyncio.to_thread(next, made, None)
            if piece is None:
                return
            for start in range(0, len(piece), SLOW_PIECE) if self._kind in ("slow", "stall") else (None,):
                if start is not None and (begun or self._kind == "slow"):
                    await self._pause()
                begun = True
                if not self._gone.done():
                    yield piece if start is None else piece[start : start + SLOW_PIECE]


def _middle_of_line(piece: bytes) -> int:
    """A place near the middle that is not the end of a line."""
    middle = max(len(piece) // 2, 1)
    if piece[middle : middle + 1] == b"\n":  # all of a line but its newline
        middle -= 1
    return middle + 1 if piece[middle - 1 : middle] == b"\n" and middle + 1 < len(piece) else middle


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass

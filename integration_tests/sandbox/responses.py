"""Responses on their way out, whole or as a fault wants them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import orjson
from starlette.types import Receive, Scope, Send

from .errors import error_body
from .faults import Fault
from .log import RequestLogEntry

SEVER = "sandbox.sever"  # in a request's scope: closes its connection at once
GARBAGE = b'{"createdAt": "2026-01-01 00:00:00 +00:00", "email": \n'
SLOW_PIECE = 1024
JSON_LINES = "application/x-json-stream"
JSON, TEXT, CSV = "application/json", "text/plain; charset=utf-8", "text/csv; charset=utf-8"


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
    if fault is None:
        return response
    whole = isinstance(response.body, bytes)
    location = elsewhere if fault.location is None else fault.location
    if fault.kind == "status":
        body = error_body(fault.status) if fault.body is None else fault.body
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        return Response(fault.status, raw, headers=dict(fault.headers))
    if fault.kind == "redirect":
        return Response(302, b"", headers={"Location": location, **fault.headers})
    if fault.kind == "next_elsewhere" and isinstance(response.body, bytes):
        return json_response({**orjson.loads(response.body), "nextPageUrl": location})
    if fault.kind == "garbage" and whole and response.media_type == JSON:
        return Response(body=fault.body or b"<html><body>Hello</body></html>")
    if fault.kind == "garbage":
        rest = iter((response.body,)) if isinstance(response.body, bytes) else response.body
        line: bytes = (fault.body or GARBAGE).removesuffix(b"\n") + b"\n"
        headers = {name: value for name, value in response.headers.items() if name.lower() != "content-length"}
        return Response(response.status, chain((line,), rest), response.media_type, headers)
    return response


class Sender:
    """Sends one response, with what its fault does to the way."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, patience: float | None) -> None:
        self._sever: Callable[[], None] = scope.get(SEVER, lambda: None)
        self._receive = receive
        self._send = send
        self._patience = patience

    async def send(self, response: Response, fault: Fault | None, entry: RequestLogEntry) -> None:
        """Send it, and note its status. Raises CutConnection where the connection is to break."""
        gone = asyncio.ensure_future(self._until_gone())
        try:
            if fault is not None and fault.kind in ("hang", "drop"):
                if fault.kind == "hang":
                    await asyncio.wait({gone}, timeout=fault.delay)
                self._sever()
                await asyncio.wait({gone}, timeout=1)
                raise CutConnection
            entry.status = response.status
            await self._send_body(response, fault, gone)
        finally:
            gone.cancel()

    async def _until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _send_body(self, response: Response, fault: Fault | None, gone: asyncio.Future[None]) -> None:
        kind = fault.kind if fault is not None else ""
        cut_at = response.cut_after
        if fault is not None and kind in ("cut", "clean_cut"):
            cut_at = fault.at_bytes
            if cut_at is None and isinstance(response.body, bytes):
                cut_at = _middle_of_line(response.body)
        headers = {"content-type": response.media_type, **{n.lower(): value for n, value in response.headers.items()}}
        if isinstance(response.body, bytes):
            length = len(response.body)
            headers["content-length"] = str(length if kind != "clean_cut" or cut_at is None else min(cut_at, length))
        elif kind == "clean_cut":
            headers.pop("content-length", None)
        raw = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": response.status, "headers": raw})
        sent = 0
        async for piece in self._pieces(response.body, fault, gone):
            if cut_at is None and kind in ("cut", "clean_cut"):
                cut_at = _middle_of_line(piece)
            if cut_at is not None and sent + len(piece) > cut_at:
                await self._pass(piece[: cut_at - sent])
                if kind == "clean_cut":
                    break
                raise CutConnection
            await self._pass(piece)
            sent += len(piece)
        else:
            if kind == "cut" or response.cut_after is not None:
                raise CutConnection
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pass(self, piece: bytes) -> None:
        # Iterable gives up on slow readers (seen); the server's send() returns when its buffer has room again.
        message = {"type": "http.response.body", "body": piece, "more_body": True}
        try:
            await asyncio.wait_for(self._send(message), self._patience)
        except asyncio.TimeoutError:
            raise CutConnection from None

    async def _pieces(
        self, body: bytes | Iterator[bytes], fault: Fault | None, gone: asyncio.Future[None]
    ) -> AsyncIterator[bytes]:
        """The body's pieces, made in a thread so that other requests are answered meanwhile."""
        made, whole = (iter((body,) if body else ()), True) if isinstance(body, bytes) else (body, False)
        loop = asyncio.get_running_loop()
        begun = False
        while not gone.done():
            piece = next(made, None) if whole else await loop.run_in_executor(None, next, made, None)
            if piece is None:
                return
            if fault is None or fault.kind not in ("slow", "stall"):
                yield piece
                continue
            for start in range(0, len(piece), SLOW_PIECE):
                if fault.kind == "slow" or begun:
                    await asyncio.wait({gone}, timeout=fault.delay)
                begun = True
                if gone.done():
                    return
                yield piece[start : start + SLOW_PIECE]


def _middle_of_line(piece: bytes) -> int:
    """A place near the middle that is not the end of a line."""
    middle = max(len(piece) // 2, 1)
    return middle + 1 if piece[middle - 1 : middle] == b"\n" and middle + 1 < len(piece) else middle

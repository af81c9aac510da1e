"""Answers on their way out, whole or as a fault wants them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.types import Receive, Scope, Send

from .errors import error_body
from .faults import Fault
from .log import RequestLogEntry

SEVER = "sandbox.sever"  # in a request's scope: closes its connection at once
GARBAGE = b'{"createdAt": "2026-01-01 00:00:00 +00:00", "email": \n'
SLOW_PIECE = 1024


class CutConnection(Exception):
    """Raised to make the server close the connection without ending the answer."""


@dataclass
class Reply:
    """An answer: a whole body, or pieces that are sent as they are made."""

    status: int = 200
    body: bytes = b""
    media_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    pieces: Iterator[bytes] | None = None
    cut_after: int | None = None  # bytes after which the connection breaks, fault or not


def json_reply(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Reply:
    """A JSON answer."""
    return Reply(status, orjson.dumps(value), headers=headers or {})


def text_reply(text: str) -> Reply:
    """A plain text answer."""
    return Reply(body=text.encode(), media_type="text/plain; charset=utf-8")


def changed_by(fault: Fault | None, reply: Reply, elsewhere: str) -> Reply:
    """The reply that a fault puts in place of the proper one, where it does that."""
    if fault is None:
        return reply
    if fault.kind == "status":
        body = error_body(fault.status) if fault.body is None else fault.body
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        return Reply(fault.status, raw, headers=dict(fault.headers))
    if fault.kind == "redirect":
        location = fault.location if fault.location is not None else elsewhere
        return Reply(302, b"", headers={"Location": location, **fault.headers})
    if fault.kind == "next_elsewhere" and reply.pieces is None:
        answer = orjson.loads(reply.body)
        answer["nextPageUrl"] = fault.location if fault.location is not None else elsewhere
        return json_reply(answer)
    if fault.kind == "garbage":
        return _with_garbage(fault, reply)
    return reply


def _with_garbage(fault: Fault, reply: Reply) -> Reply:
    garbage = fault.body if isinstance(fault.body, bytes) else GARBAGE
    if reply.pieces is None and reply.media_type == "application/json":
        return Reply(200, fault.body if isinstance(fault.body, bytes) else b"<html><body>Hello</body></html>")
    line = garbage if garbage.endswith(b"\n") else garbage + b"\n"
    if reply.pieces is None:
        return Reply(reply.status, line + reply.body, reply.media_type, reply.headers)
    pieces = reply.pieces

    def woven() -> Iterator[bytes]:
        yield line
        yield from pieces

    headers = {name: value for name, value in reply.headers.items() if name.lower() != "content-length"}
    return Reply(reply.status, b"", reply.media_type, headers, woven())


class Sender:
    """Sends one reply, with what its fault does to the way."""

    def __init__(self, entry: RequestLogEntry, fault: Fault | None, patience: float | None, scope: Scope) -> None:
        self._sever: Callable[[], None] = scope.get(SEVER, lambda: None)
        self._entry = entry
        self._kind = fault.kind if fault is not None else ""
        self._fault = fault
        self._patience = patience

    async def __call__(self, reply: Reply, receive: Receive, send: Send) -> None:
        fault = self._fault
        gone = asyncio.ensure_future(_until_gone(receive))
        try:
            if fault is not None and self._kind in ("hang", "drop"):
                if self._kind == "hang":
                    await asyncio.wait({gone}, timeout=fault.delay)
                self._sever()
                await asyncio.wait({gone}, timeout=1)
                raise CutConnection
            self._entry.status = reply.status
            await self._send(reply, send, gone)
        finally:
            gone.cancel()

    async def _send(self, reply: Reply, send: Send, gone: asyncio.Future[None]) -> None:
        cut_at = self._cut_at(reply)
        headers = {"content-type": reply.media_type, **{name.lower(): value for name, value in reply.headers.items()}}
        if reply.pieces is None:
            length = len(reply.body)
            if self._kind == "clean_cut" and cut_at is not None:
                length = min(cut_at, length)
            headers["content-length"] = str(length)
        elif self._kind == "clean_cut":
            headers.pop("content-length", None)
        await send(
            {
                "type": "http.response.start",
                "status": reply.status,
                "headers": [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()],
            }
        )
        sent = 0
        async for piece in self._pieces(reply, gone):
            if cut_at is None and self._kind in ("cut", "clean_cut") and sent == 0:
                cut_at = _middle_of_line(piece)
            if cut_at is not None and sent + len(piece) > cut_at:
                await self._pass(send, piece[: cut_at - sent])
                if self._kind == "clean_cut":
                    break
                raise CutConnection
            await self._pass(send, piece)
            sent += len(piece)
        else:
            if self._kind == "cut" or reply.cut_after is not None:
                raise CutConnection
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _cut_at(self, reply: Reply) -> int | None:
        if reply.cut_after is not None:
            return reply.cut_after
        if self._fault is None or self._kind not in ("cut", "clean_cut"):
            return None
        if self._fault.at_bytes is not None:
            return self._fault.at_bytes
        return None if reply.pieces is not None else _middle_of_line(reply.body)

    async def _pass(self, send: Send, piece: bytes) -> None:
        # Iterable gives up on slow readers (seen); the server's send() returns when its buffer has room again.
        message = {"type": "http.response.body", "body": piece, "more_body": True}
        try:
            await asyncio.wait_for(send(message), self._patience)
        except asyncio.TimeoutError:
            raise CutConnection from None

    async def _pieces(self, reply: Reply, gone: asyncio.Future[None]) -> AsyncIterator[bytes]:
        """The body's pieces, made in a thread so that other requests are answered meanwhile."""
        fault = self._fault
        source = reply.pieces if reply.pieces is not None else iter((reply.body,) if reply.body else ())
        loop = asyncio.get_running_loop()
        first = True
        while not gone.done():
            piece = next(source, None) if reply.pieces is None else await loop.run_in_executor(None, next, source, None)
            if piece is None:
                return
            if fault is None or self._kind not in ("slow", "stall"):
                yield piece
                continue
            for start in range(0, len(piece), SLOW_PIECE):
                if self._kind == "slow" or not first:
                    await asyncio.wait({gone}, timeout=fault.delay)
                first = False
                if gone.done():
                    return
                yield piece[start : start + SLOW_PIECE]


def _middle_of_line(piece: bytes) -> int:
    """A place near the middle that is not the end of a line."""
    middle = max(len(piece) // 2, 1)
    if piece[middle - 1 : middle] == b"\n" and middle + 1 < len(piece):
        middle += 1
    return middle


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass

"""The storage host of exported files, on a port of its own: presigned links, no API key."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from .app import _note
from .core import Core
from .errors import Refusal
from .exporting import signature
from .jobs import ExportFile
from .replies import Reply, Sender, changed_by

PIECE = 262_144


def _storage_error(status: int, code: str, message: str) -> Reply:
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return Reply(status, body.encode(), "application/xml")


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece


class FileHost:
    """Answers for every path of the storage host."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        body = await request.body()
        entry = _note("files", request, "files", body)
        self._core.log.add(entry)
        fault = None
        reply = self._refused(request)
        if reply is None:
            fault = self._core.faults.strike(entry)
            if fault is not None and fault.kind == "expired":
                reply = _storage_error(403, "AccessDenied", "Request has expired")
            else:
                reply = await asyncio.get_running_loop().run_in_executor(None, self._file, request)
        reply = changed_by(fault, reply, f"{self._core.base_url}elsewhere")
        await Sender(entry, fault, self._core.settings.reader_patience, scope)(reply, receive, send)

    def _refused(self, request: Request) -> Reply | None:
        if "api-key" in request.headers:
            return _storage_error(400, "InvalidArgument", "Only one auth mechanism allowed")
        if request.method != "GET":
            return _storage_error(405, "MethodNotAllowed", "The specified method is not allowed")
        return None

    def _file(self, request: Request) -> Reply:
        path = request.url.path.lstrip("/")
        query = dict(request.query_params)
        issued, expires = query.get("X-Amz-Date", ""), query.get("X-Amz-Expires", "")
        if query.get("X-Amz-Signature") != signature(self._core, path, issued):
            return _storage_error(403, "SignatureDoesNotMatch", "The request signature does not match")
        if self._core.clock.elapsed() > float(issued) + float(expires):
            return _storage_error(403, "AccessDenied", "Request has expired")
        _, job_id, name = path.split("/")
        try:
            job = self._core.jobs.get(int(job_id))
        except Refusal:
            return _storage_error(404, "NoSuchKey", "The specified key does not exist.")
        file: ExportFile | None = next((file for file in job.files if file.name == name), None)
        if file is None or job.cancelled:
            return _storage_error(404, "NoSuchKey", "The specified key does not exist.")
        # Small files go out whole, so that a fault can cut them in the middle; the length is known for all.
        headers = {"ETag": f'"{file.etag}"', "Content-Length": str(file.size)}
        if file.size <= PIECE:
            return Reply(body=file.path.read_bytes(), media_type="binary/octet-stream", headers=headers)
        return Reply(media_type="binary/octet-stream", headers=headers, pieces=_pieces(file.path))


def files_app(core: Core) -> ASGIApp:
    """The storage host."""
    return Starlette(routes=[Route("/{rest:path}", FileHost(core))])

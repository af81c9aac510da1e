"""The storage host of exported files, on a port of its own: presigned links, no API key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp

from .app import Guard
from .core import Core
from .errors import Refusal
from .exporting import signature
from .log import RequestLogEntry
from .params import Params
from .responses import Response

PIECE = 262_144
ERRORS = {400: "InvalidArgument", 403: "AccessDenied", 404: "NoSuchKey", 405: "MethodNotAllowed"}


class FileGuard(Guard):
    """What the storage host refuses, and how: a second way to authorize, with an error in XML."""

    host = "files"

    def admit(self, request: Request, entry: RequestLogEntry) -> None:
        """Raise Refusal for a request with a key."""
        entry.endpoint = "files"
        if "api-key" in request.headers:
            raise Refusal("Only one auth mechanism allowed")

    def refuse(self, refusal: Refusal) -> Response:
        """An error as storage hosts send it."""
        error = f"<Error><Code>{ERRORS[refusal.status]}</Code><Message>{refusal.msg}</Message></Error>"
        return Response(refusal.status, f'<?xml version="1.0" encoding="UTF-8"?>\n{error}'.encode(), "application/xml")


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece


def _file(core: Core, params: Params) -> Response:
    path, issued = params.path["path"], params.one("X-Amz-Date") or ""
    if params.one("X-Amz-Signature") != signature(core, path, issued):
        raise Refusal("The request signature does not match", 403)
    expired = core.clock.elapsed() > float(issued) + float(params.one("X-Amz-Expires") or 0)
    if expired or (params.fault is not None and params.fault.kind == "expired"):
        raise Refusal("Request has expired", 403)
    _, job_id, name = path.split("/")
    file = core.jobs.file(int(job_id), name)
    # Small files go out whole, so that a fault can cut them in the middle; the length is known for all.
    size = file.stat().st_size
    body = file.read_bytes() if size <= PIECE else _pieces(file)
    return Response(body=body, media_type="binary/octet-stream", headers={"Content-Length": str(size)})


def files_app(core: Core) -> ASGIApp:
    """The storage host."""
    return Starlette(routes=[Route("/{path:path}", FileGuard(core, "files", {"GET": _file}))])

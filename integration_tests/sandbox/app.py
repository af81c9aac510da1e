"""The API and the storage host as ASGI applications: routes, and the guard that every request passes."""

import asyncio
from collections.abc import Callable, Mapping
from urllib.parse import parse_qs

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from . import endpoints
from .core import Core
from .errors import Refusal, error_body
from .exporting import EXPORT_HANDLERS, file_of_job
from .log import RequestLogEntry
from .params import Params
from .responses import Response, Sender, changed_by, json_response

Handler = Callable[[Core, Params], Response]
# The host counts too in what 414 comes over (seen).
URL_LIMIT = 2048
HOST_LENGTH = {"US": len("https://api.iterable.com"), "EU": len("https://api.eu.iterable.com")}
# Faults that leave nothing to do for a handler.
WITHOUT_HANDLER = ("status", "redirect", "hang", "drop")


class Guard:
    """The handlers of one path by method, behind URL length, key, permission, rate limit and faults."""

    host = "api"

    def __init__(self, core: Core, path: str, handlers: Mapping[str, Handler]) -> None:
        self._core = core
        self._path = path
        self._handlers = handlers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        core, request = self._core, Request(scope, receive)
        entry = self._entry(request, await request.body())
        core.log.append(entry)
        fault = None
        try:
            self.admit(request, entry)
            handler = self._handlers.get(request.method)
            if handler is None:
                raise Refusal(status=405 if self._handlers else 404)
            fault = core.faults.strike(entry)
            response = Response()
            if fault is None or fault.kind not in WITHOUT_HANDLER:
                params = Params(scope.get("path_params", {}), entry.query, entry.body, fault, entry.path[5:])
                response = await asyncio.get_running_loop().run_in_executor(None, handler, core, params)
        except Refusal as refusal:
            response = self.refuse(refusal)
        other_host = core.files_url if self.host == "api" else core.base_url
        response = changed_by(fault, response, f"{other_host}elsewhere")
        await Sender(response, fault, entry, core.settings.reader_patience)(scope, receive, send)

    def _entry(self, request: Request, body: bytes) -> RequestLogEntry:
        try:
            parsed = orjson.loads(body)
        except ValueError:
            parsed = None
        query = parse_qs(request.url.query, keep_blank_values=True)
        endpoint = self._path if request.method in self._handlers else ""
        names = {name.lower() for name in request.headers}
        return RequestLogEntry(self.host, request.method, request.url.path, endpoint, query, parsed, names)

    def admit(self, request: Request, entry: RequestLogEntry) -> None:
        """Raise Refusal where a request may not pass."""
        settings, scope = self._core.settings, request.scope
        length = len(scope.get("raw_path") or b"") + 1 + len(scope.get("query_string") or b"")
        if HOST_LENGTH.get(settings.region, 0) + length > URL_LIMIT:
            raise Refusal("Request-URI Too Long", 414)
        if not entry.endpoint:
            return
        if request.headers.get("api-key") != settings.api_key:
            raise Refusal(status=401)
        if entry.endpoint in settings.forbidden:
            raise Refusal(status=403)
        wait = self._core.limits.wait(entry.endpoint, self._core.clock.elapsed())
        if wait > 0:
            raise Refusal(status=429, headers={"Retry-After": str(int(wait) + 1)} if settings.retry_after else {})

    def refuse(self, refusal: Refusal) -> Response:
        """The response to a request that may not pass."""
        return json_response(error_body(refusal.status, refusal.msg), refusal.status, refusal.headers)


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
        code = {400: "InvalidArgument", 403: "AccessDenied", 404: "NoSuchKey"}.get(refusal.status, "MethodNotAllowed")
        error = f"<Error><Code>{code}</Code><Message>{refusal.msg}</Message></Error>"
        return Response(refusal.status, f'<?xml version="1.0" encoding="UTF-8"?>\n{error}'.encode(), "application/xml")


def files_app(core: Core) -> ASGIApp:
    """The storage host of exported files: presigned links, no API key."""
    return Starlette(routes=[Route("/{path:path}", FileGuard(core, "files", {"GET": file_of_job}))])


def api_app(core: Core, more: list[BaseRoute] | None = None) -> ASGIApp:
    """The API; `more` are routes beside it."""
    handlers: dict[str, dict[str, Handler]] = {}
    for name, handler in {**{f"GET {row.path}": row.respond for row in endpoints.ROWS}, **EXPORT_HANDLERS}.items():
        method, path = name.split(" ")
        handlers.setdefault(path, {})[method] = handler
    routes: list[BaseRoute] = [Route(f"/api/{path}", Guard(core, path, handlers[path])) for path in handlers]
    app = Starlette(routes=[*routes, *(more or []), Route("/{rest:path}", Guard(core, "", {}))])
    # A trailing slash is another path to Iterable, not a redirect.
    app.router.redirect_slashes = False
    return app

"""The two hosts, the API and the storage of exported files: their routes, and the checks every request passes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote

import orjson

from . import endpoints
from .control import control
from .core import Core
from .exporting import EXPORT_HANDLERS, file_of_job
from .faults import changed_by
from .log import RequestLogEntry
from .messages import Params, Refusal, Response, error_body, json_response
from .server import Request

if TYPE_CHECKING:
    from .sandbox import Sandbox

Handler = Callable[[Core, Params], Response]
# The length of the host counts too (seen).
URL_LIMIT = 2048
HOST_LENGTH = {"US": len("https://api.iterable.com"), "EU": len("https://api.eu.iterable.com")}
# Faults that leave nothing to do for a handler.
WITHOUT_HANDLER = ("status", "redirect", "hang", "drop")


def api_handlers() -> dict[str, dict[str, Handler]]:
    """The handlers of the API by path and method."""
    handlers: dict[str, dict[str, Handler]] = {}
    for name, handler in {**{f"GET {row.path}": row.respond for row in endpoints.ROWS}, **EXPORT_HANDLERS}.items():
        method, path = name.split(" ")
        handlers.setdefault(path, {})[method] = handler
    return handlers


class Api:
    """The API: URL length, key, permission, rate limit and faults come before a handler; the control API beside it."""

    host, root = "api", "/api/"

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._core = sandbox.core
        self._routes = [
            (re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)), path, handlers)
            for path, handlers in self.handlers().items()
        ]

    def handlers(self) -> dict[str, dict[str, Handler]]:
        """The handlers by path and method."""
        return api_handlers()

    def respond(self, request: Request) -> Response:
        """The response to a request, noted in the log."""
        core, path = self._core, request.path.removeprefix(self.root)
        if self.host == "api" and request.path.startswith("/sandbox/"):
            return control(self._sandbox, request)
        found = [(match, *rest) for route, *rest in self._routes if (match := route.fullmatch(path))]
        match, template, handlers = found[0] if found and path != request.path else (None, "", {})
        entry = self._entry(request, template if request.method in handlers else "")
        fault = None
        try:
            with core.lock:
                core.log.append(entry)
                self.admit(request, entry)
                if request.method not in handlers or match is None:
                    raise Refusal(status=405 if handlers else 404)
                fault = core.faults.strike(entry)
            response = Response()
            if fault is None or fault.kind not in WITHOUT_HANDLER:
                named = {name: unquote(value) for name, value in match.groupdict().items()}
                response = handlers[request.method](core, Params(named, entry.query, entry.body, fault, path))
        except Refusal as refusal:
            response = self.refuse(refusal)
        other_host = core.files_url if self.host == "api" else core.base_url
        response = changed_by(fault, response, f"{other_host}elsewhere")
        if fault is None or fault.kind not in ("hang", "drop"):
            entry.status = response.status
        return response

    def _entry(self, request: Request, endpoint: str) -> RequestLogEntry:
        try:
            body = orjson.loads(request.body)
        except ValueError:
            body = None
        query, names = parse_qs(request.query, keep_blank_values=True), {name.lower() for name in request.headers}
        return RequestLogEntry(self.host, request.method, unquote(request.path), endpoint, query, body, names)

    def admit(self, request: Request, entry: RequestLogEntry) -> None:
        """Raise Refusal where a request may not pass."""
        settings = self._core.settings
        if HOST_LENGTH.get(settings.region, 0) + len(f"{request.path}?{request.query}") > URL_LIMIT:
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


class Files(Api):
    """The storage host of exported files: presigned links, no API key, errors in XML."""

    host, root = "files", "/"

    def handlers(self) -> dict[str, dict[str, Handler]]:
        """One for all paths."""
        return {"(?P<path>.*)": {"GET": file_of_job}}

    def admit(self, request: Request, entry: RequestLogEntry) -> None:
        """Raise Refusal for a request with a key: a second way to authorize."""
        entry.endpoint = "files"
        if "api-key" in request.headers:
            raise Refusal("Only one auth mechanism allowed")

    def refuse(self, refusal: Refusal) -> Response:
        """An error as storage hosts send it."""
        code = {400: "InvalidArgument", 403: "AccessDenied", 404: "NoSuchKey"}.get(refusal.status, "MethodNotAllowed")
        error = f"<Error><Code>{code}</Code><Message>{refusal.msg}</Message></Error>"
        return Response(refusal.status, f'<?xml version="1.0" encoding="UTF-8"?>\n{error}'.encode(), "application/xml")

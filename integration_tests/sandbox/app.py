"""The two hosts, the API and the storage of exported files: their routes, and the checks every request passes."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, parse_qsl, unquote

import orjson

from . import endpoints
from .core import Core
from .exporting import EXPORT_HANDLERS, file_of_job
from .faults import Fault, changed_by
from .messages import Params, Refusal, RequestLogEntry, Response, error_body, json_response, records_response
from .server import Request

if TYPE_CHECKING:
    from .sandbox import Sandbox

Handler = Callable[[Core, Params], Response]
# The length of the host counts too (seen).
URL_LIMIT = 2048
HOST_LENGTH = {"US": len("https://api.iterable.com"), "EU": len("https://api.eu.iterable.com")}
NO_HANDLERS: dict[str, Handler] = {}
# Faults that leave nothing to do for a handler.
WITHOUT_HANDLER = ("status", "redirect", "hang", "drop")


def api_handlers() -> dict[str, dict[str, Handler]]:
    """The handlers of the API by path and method."""
    handlers: dict[str, dict[str, Handler]] = {}
    for name, handler in {**{f"GET {row.path}": row.respond for row in endpoints.ROWS}, **EXPORT_HANDLERS}.items():
        method, path = name.split(" ")
        handlers.setdefault(path, {})[method] = handler
    return handlers


class Host:
    """The API, or the storage of exported files: presigned links, no API key, errors in XML."""

    def __init__(self, sandbox: Sandbox, name: str) -> None:
        self._sandbox, self._core, self._name = sandbox, sandbox.core, name
        self._root = "/api/" if name == "api" else "/"
        handlers: dict[str, dict[str, Handler]] = {"(?P<path>.*)": {"GET": file_of_job}}
        handlers = api_handlers() if name == "api" else handlers
        patterns = [re.compile(self._root + re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)) for path in handlers]
        self._routes = list(zip(patterns, handlers, handlers.values(), strict=True))

    def respond(self, request: Request) -> Response:
        """The response to a request, which goes into the log unless it is the control API's."""
        core, path = self._core, request.path
        if self._name == "api" and path.startswith("/sandbox/"):
            return control(self._sandbox, request)
        found = ((match, name, row) for regex, name, row in self._routes if (match := regex.fullmatch(path)))
        match, template, handlers = next(found, (None, "", NO_HANDLERS))
        entry, fault, response = self._entry(request, template if request.method in handlers else ""), None, Response()
        try:
            with core.lock:
                core.log.append(entry)
                self._check(request, entry)
                if match is None or request.method not in handlers:
                    raise Refusal(status=405 if handlers else 404)
                fault = core.faults.strike(entry)
            if fault is None or fault.kind not in WITHOUT_HANDLER:
                named = {name: unquote(value) for name, value in match.groupdict().items()}
                params = Params(named, entry.query, entry.body, fault, path.removeprefix(self._root))
                response = handlers[request.method](core, params)
        except Refusal as refusal:
            response = self._refuse(refusal)
        response = changed_by(fault, response, f"{core.files_url if self._name == 'api' else core.base_url}elsewhere")
        if "date" not in {name.lower() for name, _ in response.headers}:
            response.headers.append(("Date", format_datetime(core.clock.now(), usegmt=True)))
        entry.status = 0 if fault is not None and fault.kind in ("hang", "drop") else response.status
        return response

    def _entry(self, request: Request, endpoint: str) -> RequestLogEntry:
        try:
            body = orjson.loads(request.body)
        except ValueError:
            body = None
        query, names = parse_qs(request.query, keep_blank_values=True), {name.lower() for name in request.headers}
        endpoint = endpoint if self._name == "api" else "files"
        return RequestLogEntry(self._name, request.method, unquote(request.path), endpoint, query, body, names)

    def _check(self, request: Request, entry: RequestLogEntry) -> None:
        """Raise Refusal where a request may not pass."""
        settings, core = self._core.settings, self._core
        key = request.headers.get("api-key", request.headers.get("api_key"))  # clients send either
        if self._name == "files":
            if key is not None:
                raise Refusal("Only one auth mechanism allowed")
        elif HOST_LENGTH.get(settings.region, 0) + len(f"{request.path}?{request.query}") > URL_LIMIT:
            raise Refusal("Request-URI Too Long", 414)
        elif entry.endpoint and key != settings.api_key:
            raise Refusal(status=401)
        elif entry.endpoint in settings.forbidden:
            raise Refusal(status=403)
        elif entry.endpoint and (wait := core.limits.wait(entry.endpoint, core.clock.elapsed())) > 0:
            raise Refusal(status=429, headers={"Retry-After": str(int(wait) + 1)} if settings.retry_after else {})

    def _refuse(self, refusal: Refusal) -> Response:
        if self._name == "api":
            return json_response(error_body(refusal.status, refusal.msg), refusal.status, refusal.headers)
        code = {400: "InvalidArgument", 403: "AccessDenied", 404: "NoSuchKey"}.get(refusal.status, "MethodNotAllowed")
        error = f"<Error><Code>{code}</Code><Message>{refusal.msg}</Message></Error>"
        return Response(refusal.status, f'<?xml version="1.0" encoding="UTF-8"?>\n{error}'.encode(), "application/xml")


def _truth(sandbox: Sandbox, query: dict[str, Any]) -> list[Any]:
    if "stream" in query:
        return sandbox.truth_list(query["stream"])
    as_of = datetime.fromisoformat(query["asOf"]) if query.get("asOf") else None
    return sandbox.truth(query["dataTypeName"], query["start"], query["end"], as_of)


def _now(sandbox: Sandbox, query: dict[str, Any]) -> dict[str, str]:
    sandbox.advance(float(query.get("seconds", 0)))
    return {"now": sandbox.now().isoformat()}


# The control API, for programs in other processes: /sandbox/{name}, without checks or log.
COMMANDS: dict[str, Callable[[Sandbox, dict[str, Any]], Any]] = {
    "GET requests": lambda sandbox, query: [entry.as_dict() for entry in sandbox.requests],
    "DELETE requests": lambda sandbox, query: sandbox.clear_requests(),
    "GET counts": lambda sandbox, query: sandbox.core.log.counts(),
    "GET truth": _truth,  # as JSON lines
    "POST faults": lambda sandbox, query: vars(sandbox.add_fault(Fault(**{"endpoint": None, **query, "when": None}))),
    "DELETE faults": lambda sandbox, query: sandbox.clear_faults(),
    "POST advance": _now,
    "GET now": _now,
}


def control(sandbox: Sandbox, request: Request) -> Response:
    """The response to a command: its parameters are the query and the fields of the body."""
    name = f"{request.method} {request.path.rpartition('/')[2]}"
    try:
        query = orjson.loads(request.body or b"{}") | dict(parse_qsl(request.query, keep_blank_values=True))
        done = COMMANDS[name](sandbox, query)
    except (KeyError, TypeError, ValueError) as error:
        return json_response({"error": str(error)}, 400)
    return records_response(done) if name == "GET truth" else json_response(done or {})

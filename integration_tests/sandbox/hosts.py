"""The two hosts, the API and the storage of exported files: their routes, and the checks every request passes."""

import re
from email.utils import format_datetime
from urllib.parse import parse_qs, unquote

import orjson

from . import endpoints
from .core import Core, Handler, Params
from .export_endpoints import HANDLERS, STORAGE_HANDLERS
from .faults import WITHOUT_HANDLER, changed_by, strike
from .messages import Refusal, Request, RequestLogEntry, Response, error_body, json_response

# The length of the host counts too (seen).
_URL_LIMIT = 2048
_HOST_LENGTH = {"US": len("https://api.iterable.com"), "EU": len("https://api.eu.iterable.com")}
_STORAGE_CODES = {400: "InvalidArgument", 403: "AccessDenied", 404: "NoSuchKey"}


def api_handlers() -> dict[str, Handler]:
    """The handlers of the API by method and path."""
    return {**{f"GET {row.path}": row.respond for row in endpoints.ROWS}, **HANDLERS}


class Host:
    """The API, or the storage of exported files: presigned links, no API key, errors in XML."""

    def __init__(self, core: Core, name: str) -> None:
        self._core, self._name = core, name
        self._root = "/api/" if name == "api" else "/"
        self._methods: dict[str, dict[str, Handler]] = {}  # by path
        for route, handler in (api_handlers() if name == "api" else STORAGE_HANDLERS).items():
            method, path = route.split(" ")
            self._methods.setdefault(path, {})[method] = handler
        patterns = (self._root + re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path) for path in self._methods)
        self._routes = list(zip(map(re.compile, patterns), self._methods, strict=True))

    def respond(self, request: Request) -> Response:
        core, fault, response = self._core, None, Response()
        found = ((match, path) for pattern, path in self._routes if (match := pattern.fullmatch(request.path)))
        match, template = next(found, (None, ""))
        handler = self._methods.get(template, {}).get(request.method)
        entry = self._entry(request, template if handler else "")
        try:
            with core.lock:
                core.log.append(entry)
                self._check(request, entry)
                if match is None or handler is None:
                    raise Refusal(status=404 if match is None else 405)
                fault = strike(core.faults, entry)
            if fault is None or fault.kind not in WITHOUT_HANDLER:
                named = {name: unquote(value) for name, value in match.groupdict().items()}
                url_path = request.path.removeprefix(self._root)
                response = handler(core, Params(named, entry.query, entry.body, fault, url_path))
        except Refusal as refusal:
            response = self._refuse(refusal)
        if fault is not None:
            other = core.files_url if self._name == "api" else core.base_url
            response = changed_by(fault, response, f"{other}elsewhere")
        if "date" not in map(str.lower, response.headers):
            response.headers["Date"] = format_datetime(core.clock.now(), usegmt=True)
        entry.status = 0 if response.pace in ("hang", "drop") else response.status
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
        settings, core = self._core.settings, self._core
        key = request.headers.get("api-key", request.headers.get("api_key"))  # clients send either
        if self._name == "files":
            if key is not None:
                raise Refusal("Only one auth mechanism allowed")
        elif _HOST_LENGTH[settings.region] + len(f"{request.path}?{request.query}") > _URL_LIMIT:
            raise Refusal("Request-URI Too Long", 414)
        elif not entry.endpoint:
            return
        elif key != settings.api_key:
            raise Refusal(status=401)
        elif entry.endpoint in settings.forbidden:
            raise Refusal(status=403)
        elif (wait := core.limits.wait(entry.endpoint, core.clock.elapsed())) > 0:
            raise Refusal(status=429, headers={"Retry-After": str(int(wait) + 1)} if settings.retry_after else {})

    def _refuse(self, refusal: Refusal) -> Response:
        if self._name == "api":
            return json_response(error_body(refusal.status, refusal.msg), refusal.status, refusal.headers)
        code = _STORAGE_CODES.get(refusal.status, "MethodNotAllowed")
        error = f"<Error><Code>{code}</Code><Message>{refusal.msg}</Message></Error>"
        return Response(refusal.status, f'<?xml version="1.0" encoding="UTF-8"?>\n{error}'.encode(), "application/xml")

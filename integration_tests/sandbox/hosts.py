"""The two hosts, the API and the storage of exported files: their routes, and the checks every request passes."""

import re
from email.message import Message
from email.utils import format_datetime
from urllib.parse import parse_qs, unquote

from . import endpoints
from .core import Core, Handler, Params
from .export_endpoints import HANDLERS, STORAGE_HANDLERS
from .faults import WITHOUT_HANDLER, changed_by, strike
from .fixtures import fixture
from .http import Refusal, RequestLogEntry, Response, error_body, json_response, parse_json

_URL_LIMIT = 2048  # the length of the host counts too (seen)
_HOST_LENGTH = {"US": len("https://api.iterable.com"), "EU": len("https://api.eu.iterable.com")}
_STORAGE_CODES = {400: "InvalidArgument", 403: "AccessDenied", 404: "NoSuchKey"}


def api_handlers() -> dict[str, dict[str, Handler]]:
    """The handlers of the API by path and method."""
    return {**{row.path: {"GET": row.respond} for row in endpoints.ROWS}, **HANDLERS}


class Limits:
    """Iterable's rate limits, each a leaky bucket, `factor` times as fast; 0 or None turns them off.

    The first row of limits.json that names an endpoint or its first segment applies: that many requests in that many
    seconds, which its endpoints share. The reference states these; all else stays at or under ten a second.
    """

    def __init__(self, factor: float | None) -> None:
        self._factor = factor
        self._levels: dict[str, tuple[float, float]] = {}  # of each bucket, and at which time

    def wait(self, endpoint: str, at: float) -> float:
        """Pour a request into its bucket at this time: 0.0 if it fits, otherwise the seconds until it would."""
        if not self._factor:
            return 0.0
        names = {endpoint, endpoint.partition("/")[0], "any"}
        requests, period, (bucket, *_) = next(row for row in fixture("limits") if names.intersection(row[2]))
        leak = requests / (period / self._factor)
        level, since = self._levels.get(bucket, (0.0, at))
        level = max(0.0, level - (at - since) * leak)
        over = level + 1.0 - requests
        fits = over <= 1e-6  # a clock's rounding must not refuse a request that comes exactly in time
        self._levels[bucket] = (level + 1.0 if fits else level, at)
        return 0.0 if fits else over / leak


class Host:
    """The API, or the storage of exported files: presigned links, no API key, errors in XML."""

    def __init__(self, core: Core, name: str) -> None:
        self._core, self._name = core, name
        self._root = "/api/" if name == "api" else "/"
        self._limits = Limits(core.settings.rate_limit_factor)
        self._handlers = api_handlers() if name == "api" else STORAGE_HANDLERS
        patterns = (self._root + re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path) for path in self._handlers)
        self._routes = list(zip(map(re.compile, patterns), self._handlers, strict=True))

    def respond(self, method: str, target: str, headers: Message, body: bytes) -> Response:
        """The response to a request, which is logged before anything is checked."""
        core, fault, response = self._core, None, Response()
        path, _, query = target.partition("?")
        found = ((match, template) for pattern, template in self._routes if (match := pattern.fullmatch(path)))
        match, template = next(found, (None, ""))
        handler = self._handlers.get(template, {}).get(method)
        endpoint = "files" if self._name == "files" else template if handler else ""
        sent, names = parse_qs(query, keep_blank_values=True), {name.lower() for name in headers}
        entry = RequestLogEntry(self._name, method, unquote(path), endpoint, sent, parse_json(body), names)
        try:
            with core.lock:
                core.log.append(entry)
                self._check(f"{path}?{query}", headers, endpoint)
                if match is None or handler is None:
                    raise Refusal(status=404 if match is None else 405)
                fault = strike(core.faults, entry)
            if fault is None or fault.kind not in WITHOUT_HANDLER:
                named = {name: unquote(value) for name, value in match.groupdict().items()}
                response = handler(core, Params(named, sent, entry.body, fault, path.removeprefix(self._root)))
        except Refusal as refusal:
            response = self._refuse(refusal)
        if fault is not None:
            other = core.files_url if self._name == "api" else core.base_url
            response = changed_by(fault, response, f"{other}elsewhere")
        response.headers.setdefault("Date", format_datetime(core.clock.now(), usegmt=True))
        entry.status = 0 if response.pace in ("hang", "drop") else response.status
        return response

    def _check(self, target: str, headers: Message, endpoint: str) -> None:
        settings, core = self._core.settings, self._core
        key = headers.get("api-key", headers.get("api_key"))  # clients send either
        if self._name == "files":
            if key is not None:
                raise Refusal("Only one auth mechanism allowed")
        elif _HOST_LENGTH[settings.region] + len(target) > _URL_LIMIT:
            raise Refusal("Request-URI Too Long", 414)
        elif not endpoint:
            return
        elif key != settings.api_key:
            raise Refusal(status=401)
        elif endpoint in settings.forbidden:
            raise Refusal(status=403)
        elif (wait := self._limits.wait(endpoint, core.clock.elapsed())) > 0:
            raise Refusal(status=429, headers={"Retry-After": str(int(wait) + 1)} if settings.retry_after else {})

    def _refuse(self, refusal: Refusal) -> Response:
        if self._name == "api":
            return json_response(error_body(refusal.status, refusal.msg), refusal.status, refusal.headers)
        code = _STORAGE_CODES.get(refusal.status, "MethodNotAllowed")
        error = f"<Error><Code>{code}</Code><Message>{refusal.msg}</Message></Error>"
        return Response(refusal.status, f'<?xml version="1.0" encoding="UTF-8"?>\n{error}'.encode(), "application/xml")

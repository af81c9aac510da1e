"""The API as an ASGI application: routes, and the guard that every request passes before its handler."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from .control import control_routes
from .core import Core
from .details import Details
from .errors import Refusal, error_body
from .exporting import Exporting
from .faults import JOB_KINDS, Fault
from .listings import Asked, Listings
from .log import RequestLogEntry
from .replies import Reply, Sender, changed_by, json_reply

Handler = Callable[[Asked], Reply]
# A URL is counted as it would be at Iterable: 414 comes over 2,048 characters (seen).
URL_LIMIT = 2048
PUBLIC_HOST = {"US": "https://api.iterable.com", "EU": "https://api.eu.iterable.com"}
WITHOUT_HANDLER = ("status", "redirect", "hang", "drop")


def _note(host: str, request: Request, endpoint: str, body: bytes) -> RequestLogEntry:
    try:
        parsed: Any = orjson.loads(body) if body else None
    except ValueError:
        parsed = None
    return RequestLogEntry(
        host=host,
        method=request.method,
        path=request.url.path,
        endpoint=endpoint,
        query=parse_qs(request.url.query, keep_blank_values=True),
        body=parsed,
        header_names={name.lower() for name in request.headers},
    )


def _fate(fault: Fault | None) -> Fault | None:
    """The part of a fault that befalls an export job and not the answer."""
    return fault if fault is not None and fault.kind in JOB_KINDS else None


class Guarded:
    """One endpoint behind the guard: URL length, key, permission, rate limit, faults; then the handler."""

    def __init__(self, core: Core, methods: dict[str, tuple[str, Callable[..., Reply]]]) -> None:
        self._core = core
        self._methods = methods

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        body = await request.body()
        endpoint, handler = self._methods.get(request.method, ("", None))
        entry = _note("api", request, endpoint, body)
        self._core.log.add(entry)
        fault: Fault | None = None
        try:
            if handler is None:
                raise Refusal(405 if self._methods else 404)
            self._admit(request, entry)
            fault = self._core.faults.strike(entry)
            if fault is not None and fault.kind in WITHOUT_HANDLER:
                reply = Reply()
            else:
                asked = Asked({**scope.get("path_params", {})}, entry.query, entry.body)
                fates = (_fate(fault),) if endpoint == "export/start" else ()
                reply = await asyncio.get_running_loop().run_in_executor(None, handler, asked, *fates)
        except Refusal as refusal:
            reply = json_reply(error_body(refusal.status, refusal.msg), refusal.status, refusal.headers)
        reply = changed_by(fault, reply, f"{self._core.files_url}elsewhere")
        await Sender(entry, fault, self._core.settings.reader_patience, scope)(reply, receive, send)

    def _admit(self, request: Request, entry: RequestLogEntry) -> None:
        settings = self._core.settings
        path, query = request.scope.get("raw_path") or b"", request.scope.get("query_string") or b""
        if len(PUBLIC_HOST.get(settings.region, "")) + len(path) + 1 + len(query) > URL_LIMIT:
            raise Refusal(414, "Request-URI Too Long")
        if request.headers.get("api-key") != settings.api_key:
            raise Refusal(401)
        if entry.endpoint in settings.forbidden:
            raise Refusal(403)
        wait = self._core.limits.wait(entry.endpoint, self._core.clock.elapsed())
        if wait > 0:
            headers = {"Retry-After": str(int(wait) + 1)} if settings.retry_after else {}
            raise Refusal(429, headers=headers)


def api_app(core: Core) -> ASGIApp:
    """The API, with the control API beside it under /sandbox."""
    lists, details, export = Listings(core), Details(core), Exporting(core)
    gets: dict[str, Handler] = {
        "lists": lists.lists,
        "lists/getUsers": lists.list_users,
        "lists/previewUsers": lists.preview_users,
        "lists/{listId}/size": lists.list_size,
        "channels": lists.channels,
        "messageTypes": lists.message_types,
        "campaigns": lists.campaigns,
        "campaigns/metrics": lists.campaign_metrics,
        "campaigns/recurring/{id}/childCampaigns": lists.child_campaigns,
        "templates": lists.templates,
        "templates/email/get": lists.template_content("Email"),
        "templates/push/get": lists.template_content("Push"),
        "templates/inapp/get": lists.template_content("InApp"),
        "templates/sms/get": lists.template_content("SMS"),
        "journeys": lists.journeys,
        "experiments/metrics": lists.experiment_metrics,
        "catalogs": details.catalogs,
        "catalogs/{catalogName}/items": details.catalog_items,
        "catalogs/{catalogName}/items/{itemId}": details.catalog_item,
        "catalogs/{catalogName}/fieldMappings": details.field_mappings,
        "snippets": details.snippets,
        "webhooks": details.webhooks,
        "metadata": details.tables,
        "metadata/{table}": details.entries,
        "metadata/{table}/{key}": details.entry,
        "users/getFields": details.user_fields,
        "users/forgotten": details.forgotten,
        "users/forgottenUserIds": details.forgotten_user_ids,
        "export/data.json": export.data_json,
        "export/data.csv": export.data_csv,
        "export/jobs": export.jobs,
        "export/userEvents": export.user_events,
        "export/{jobId}/files": export.files,
    }
    routes: list[BaseRoute] = [
        Route(f"/api/{endpoint}", Guarded(core, {"GET": (endpoint, handler)})) for endpoint, handler in gets.items()
    ]
    routes.append(Route("/api/export/start", Guarded(core, {"POST": ("export/start", export.start)})))
    routes.append(Route("/api/export/{jobId}", Guarded(core, {"DELETE": ("export/{jobId}", export.cancel)})))
    routes += control_routes(core)
    routes.append(Route("/{rest:path}", Guarded(core, {})))
    app = Starlette(routes=routes)
    # A trailing slash is another path to Iterable, not a redirect.
    app.router.redirect_slashes = False
    return app

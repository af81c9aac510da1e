"""The control API, for programs in other processes: beside the API, under /sandbox, without key or limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from .faults import Fault

if TYPE_CHECKING:
    from .sandbox import Sandbox

FAULT_FIELDS = {field.name for field in fields(Fault)} - {"when", "struck"}


def _truth(sandbox: Sandbox, asked: dict[str, Any]) -> list[Any]:
    if "stream" in asked:
        return sandbox.truth_list(asked["stream"])
    as_of = datetime.fromisoformat(asked["asOf"]) if asked.get("asOf") else None
    return sandbox.truth(asked["dataTypeName"], asked["start"], asked["end"], as_of)


def _add_fault(sandbox: Sandbox, asked: dict[str, Any]) -> None:
    if unknown := set(asked) - FAULT_FIELDS:
        raise ValueError(f"unknown: {sorted(unknown)}")
    sandbox.add_fault(Fault(**{"endpoint": None, **asked}))


def _now(sandbox: Sandbox, asked: dict[str, Any]) -> dict[str, str]:
    sandbox.advance(float(asked.get("seconds", 0)))
    return {"now": sandbox.now().isoformat()}


COMMANDS: dict[str, Callable[[Sandbox, dict[str, Any]], Any]] = {
    "GET requests": lambda sandbox, asked: [entry.as_dict() for entry in sandbox.requests],
    "DELETE requests": lambda sandbox, asked: sandbox.clear_requests(),
    "GET counts": lambda sandbox, asked: sandbox.core.log.counts(),
    "GET truth": _truth,  # as JSON lines
    "POST faults": _add_fault,
    "DELETE faults": lambda sandbox, asked: sandbox.clear_faults(),
    "POST advance": _now,
    "GET now": _now,
}


def control_routes(sandbox: Sandbox) -> list[BaseRoute]:
    """The routes of the control API."""

    async def run(request: Request) -> Response:
        name = f"{request.method} {request.path_params['name']}"
        asked = orjson.loads(await request.body() or b"{}") | dict(request.query_params)
        try:
            done = await run_in_threadpool(COMMANDS[name], sandbox, asked)
        except (KeyError, TypeError, ValueError) as error:
            return JSONResponse({"error": str(error)}, 400)
        if name == "GET truth":
            return Response(b"".join(orjson.dumps(record) + b"\n" for record in done))
        return JSONResponse(done or {})

    return [Route("/sandbox/{name}", run, methods=["GET", "POST", "DELETE"])]

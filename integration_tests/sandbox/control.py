"""The control API, for programs in other processes: beside the API, under /sandbox, without key or limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import orjson

from .faults import Fault
from .messages import JSON_LINES, Response, json_response
from .server import Request

if TYPE_CHECKING:
    from .sandbox import Sandbox

FAULT_FIELDS = {field.name for field in fields(Fault)} - {"when", "struck"}


def _truth(sandbox: Sandbox, query: dict[str, Any]) -> list[Any]:
    if "stream" in query:
        return sandbox.truth_list(query["stream"])
    as_of = datetime.fromisoformat(query["asOf"]) if query.get("asOf") else None
    return sandbox.truth(query["dataTypeName"], query["start"], query["end"], as_of)


def _add_fault(sandbox: Sandbox, query: dict[str, Any]) -> None:
    if unknown := set(query) - FAULT_FIELDS:
        raise ValueError(f"unknown: {sorted(unknown)}")
    sandbox.add_fault(Fault(**{"endpoint": None, **query}))


def _now(sandbox: Sandbox, query: dict[str, Any]) -> dict[str, str]:
    sandbox.advance(float(query.get("seconds", 0)))
    return {"now": sandbox.now().isoformat()}


COMMANDS: dict[str, Callable[[Sandbox, dict[str, Any]], Any]] = {
    "GET requests": lambda sandbox, query: [entry.as_dict() for entry in sandbox.requests],
    "DELETE requests": lambda sandbox, query: sandbox.clear_requests(),
    "GET counts": lambda sandbox, query: sandbox.core.log.counts(),
    "GET truth": _truth,  # as JSON lines
    "POST faults": _add_fault,
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
    if name == "GET truth":
        return Response(body=b"".join(orjson.dumps(record) + b"\n" for record in done), media_type=JSON_LINES)
    return json_response(done or {})

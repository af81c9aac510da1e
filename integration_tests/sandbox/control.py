"""The control API, for programs in other processes: beside the API, under /sandbox, without key or limits."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from .core import Core
from .exports import chunks
from .faults import Fault
from .shapes import encode
from .truth import Truth

FAULT_FIELDS = (
    "endpoint",
    "kind",
    "times",
    "status",
    "body",
    "headers",
    "after",
    "at_bytes",
    "delay",
    "after_files",
    "location",
)


def _answer(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")


def control_routes(core: Core) -> list[BaseRoute]:
    """The routes of the control API."""
    truth = Truth(core)

    def requests(request: Request) -> Response:
        return _answer([entry.as_dict() for entry in core.log.entries()])

    def clear(request: Request) -> Response:
        core.log.clear()
        return _answer({})

    def counts(request: Request) -> Response:
        return _answer(core.log.counts())

    def records(request: Request) -> Response:
        query = request.query_params
        as_of = query.get("asOf")
        try:
            if "stream" in query:
                found = truth.listing(query["stream"])
            else:
                moment = datetime.fromisoformat(as_of) if as_of else None
                found = truth.export(query["dataTypeName"], query["start"], query["end"], moment)
        except (KeyError, ValueError) as error:
            return _answer({"error": str(error)}, 400)
        lines = b"".join(chunks(encode(record) + b"\n" for record in found))
        return Response(lines, media_type="application/x-json-stream")

    async def faults(request: Request) -> Response:
        asked = orjson.loads(await request.body())
        unknown = set(asked) - set(FAULT_FIELDS)
        if unknown:
            return _answer({"error": f"unknown: {sorted(unknown)}"}, 400)
        try:
            core.faults.add(Fault(**{"endpoint": None, **asked}))
        except (TypeError, ValueError) as error:
            return _answer({"error": str(error)}, 400)
        return _answer({})

    def clear_faults(request: Request) -> Response:
        core.faults.clear()
        return _answer({})

    async def advance(request: Request) -> Response:
        core.clock.advance(float(orjson.loads(await request.body())["seconds"]))
        return _answer({"now": core.clock.now().isoformat()})

    def now(request: Request) -> Response:
        return _answer({"now": core.clock.now().isoformat()})

    return [
        Route("/sandbox/requests", requests, methods=["GET"]),
        Route("/sandbox/requests", clear, methods=["DELETE"]),
        Route("/sandbox/counts", counts, methods=["GET"]),
        Route("/sandbox/truth", records, methods=["GET"]),
        Route("/sandbox/faults", faults, methods=["POST"]),
        Route("/sandbox/faults", clear_faults, methods=["DELETE"]),
        Route("/sandbox/advance", advance, methods=["POST"]),
        Route("/sandbox/now", now, methods=["GET"]),
    ]

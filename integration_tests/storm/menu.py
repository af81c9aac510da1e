"""The menu of faults: which endpoints a stream requests, and what may go wrong at each."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Any

from integration_tests.sandbox import Fault
from integration_tests.sandbox.endpoints import ROWS
from source_iterable.reading.export_stream import ExportStream
from source_iterable.reading.lists import ChildStream
from source_iterable.reading.stream import Stream
from source_iterable.streams.table import STREAMS

HTML = "<html><body>Please log in</body></html>"
ERROR_OBJECT = {"code": "InternalError", "msg": "An error occurred", "params": None}
CONTENTS = tuple(f"templates/{medium}/get" for medium in ("email", "push", "inapp", "sms"))
EXPERIMENT = ("experiments/{experimentId}", "experiments/{experimentId}/variants", "experiments/{experimentId}/totals")
EMBEDDED = "templates/embedded/get"
TRENDS = "experiments/{experimentId}/trends"
SIZE = "lists/{listId}/size"
# What a stream requests, unless it is all that the sandbox serves for it and for its parent.
ENDPOINTS = {
    "campaigns_metrics": ("campaigns", "campaigns/metrics"),
    "experiments_metrics": ("campaigns", "experiments/metrics"),
    "campaigns_metrics_daily": ("campaigns", "campaigns/metrics"),
    "experiments": ("experiments", "experiments/{experimentId}"),
    "experiment_variants": ("experiments", *EXPERIMENT),
    "experiment_trends": ("experiments", EXPERIMENT[0], TRENDS),
    "template_contents": ("templates", "campaigns", *CONTENTS, EMBEDDED),
    "template_locales": ("templates", "templates/getByClientTemplateId", *CONTENTS),
    "list_sizes": ("lists", SIZE),
    "catalog_items": ("catalogs", "catalogs/{catalogName}/items"),
    "list_users": ("lists", "lists/getUsers"),
    "events": ("lists", "lists/getUsers", "export/userEvents"),
}
STREAMING = ("export/data.json",)
JOBS = ("export/start", "export/{jobId}/files", "files", "export/{jobId}")
TRANSPORTS = {"streaming": STREAMING, "jobs": JOBS, "auto": STREAMING + JOBS}

# Bodies by shape; all others are one JSON object.
LINES = ("export/data.json", "export/userEvents", "files")
TEXT = ("lists/getUsers", SIZE)
SLICES = ("export/userEvents", "lists/getUsers", SIZE)
PAGED = ("campaigns", "templates", "journeys", "catalogs", "catalogs/{catalogName}/items")
# Requested more often than others.
BUSY = (
    *("export/data.json", "export/{jobId}/files", "files", "export/userEvents", "metadata/{table}/{key}", SIZE),
    *(*CONTENTS, *EXPERIMENT, TRENDS, "campaigns/metrics", "templates/getByClientTemplateId"),
)
# What no connector can tell from an answer: CSV that ends properly in the middle of a row's last cell, and a refusal of the
# endpoint of forgotten_users, experiments or embedded templates that is taken for one that the project does not have.
GAPS: dict[str, set[tuple[str, int | None]]] = {
    "campaigns/metrics": {("clean_cut", None)},
    "experiments/metrics": {("clean_cut", None)},
    "users/forgotten": {("status", 400), ("status", 404)},
    "users/forgottenUserIds": {("status", 400), ("status", 404)},
    "experiments": {("status", 403), ("status", 404)},
    **{endpoint: {("status", 403), ("status", 404)} for endpoint in (*EXPERIMENT[1:], TRENDS, EMBEDDED)},
}
# A job that never ends: only for syncs that are killed.
NEVER_ENDING = ("job_stuck", "job_endless")

Draw = Callable[[random.Random], dict[str, Any]]


def _status(status: int, body: Any = None, **more: Any) -> Draw:
    return lambda dice: {"kind": "status", "status": status, "body": body, **more}


def _kind(kind: str, **more: Any) -> Draw:
    return lambda dice: {"kind": kind, **more}


def _cut(dice: random.Random) -> dict[str, Any]:
    return {"kind": "cut", "at_bytes": dice.choice([None, 0, 1, int(2 ** dice.uniform(0, 14))])}


def _limited(dice: random.Random) -> dict[str, Any]:
    """A 429. Without a number of seconds in it, the connector waits a real second or more: few of these."""
    if dice.random() < 0.85:
        return {"kind": "status", "status": 429, "headers": {"Retry-After": "0"}}
    return {"kind": "status", "status": 429, "times": 1, "headers": dice.choice([{}, {"Retry-After": "soon"}])}


def _job(kind: str) -> Draw:
    return lambda dice: {"kind": kind, "after_files": dice.randint(0, 4)}


# 500 in Iterable's own words means "never" for slices: those that the connector skips are named in its warnings.
ANYWHERE: list[Draw] = [
    _status(500, ERROR_OBJECT),
    _status(502, HTML),
    _status(503, {"code": "Unavailable", "msg": "Unavailable"}),
    _status(504, ""),
    _limited,
    _status(204, ""),
    _status(202, "{}"),
    _status(200, HTML),
    _status(200, ERROR_OBJECT),
    _cut,
    _cut,
    _kind("slow", delay=0.002),
    _kind("stall", delay=0.005),
    _kind("hang", delay=0.05),
    _kind("drop"),
    _kind("garbage"),
]
# What ends the stream's sync at once.
REFUSALS: list[Draw] = [_status(400), _status(401), _status(403), _status(404), _kind("redirect")]
JOB_FATES: list[Draw] = [_job(kind) for kind in ("job_failed", "job_cancelled", "job_truncated", "job_requeue")]


def endpoints_of(names: Iterable[str], method: str) -> list[str]:
    """The endpoints that a sync of the streams may request."""
    found: dict[str, None] = {}
    for name in names:
        stream = STREAMS[name]
        found |= dict.fromkeys(TRANSPORTS[method] if isinstance(stream, ExportStream) else _endpoints_of(stream))
    return list(found)


def _endpoints_of(stream: Stream) -> Iterable[str]:
    served = {stream.name, *([stream.parent.name] if isinstance(stream, ChildStream) else [])}
    return ENDPOINTS.get(stream.name) or [row.path for row in ROWS if row.stream in served]


def menu_of(endpoint: str, killed: bool) -> list[Draw]:
    """What may go wrong at an endpoint; `killed`: also what only a kill ends."""
    menu = [*ANYWHERE]
    if endpoint not in TEXT:
        menu.append(_kind("clean_cut"))  # text has no end to miss
    if endpoint not in (*LINES, *TEXT):
        menu.append(_status(200, ""))  # for those, an empty response is a proper one
    if endpoint in PAGED:
        menu.append(_kind("next_elsewhere"))
    if endpoint in SLICES:
        menu.append(_status(500))
    if endpoint in LINES:
        menu.append(_kind("garbage", body="\n".join(["{broken"] * 15)))
    if endpoint == "files":
        return [*menu, _kind("expired"), _status(403, "<Error/>")]
    if endpoint == "export/start":
        menu += JOB_FATES * 3 + [_kind(kind) for kind in NEVER_ENDING if killed]
    return menu


def draw_faults(dice: random.Random, endpoints: list[str], count: int, killed: bool) -> list[Fault]:
    """`count` faults at any of the endpoints; few of them refusals, each of which ends its stream's sync."""
    weights = [4 if endpoint in BUSY else 1 for endpoint in endpoints]
    faults = []
    for endpoint in dice.choices(endpoints, weights, k=count):
        menu = REFUSALS if endpoint != "files" and dice.random() < 0.02 else menu_of(endpoint, killed)
        drawn = dice.choice(menu)(dice)
        if (drawn["kind"], drawn.get("status")) in GAPS.get(endpoint, ()):
            drawn = {"kind": "drop"}
        patterns = {"times": dice.choice([1, 1, 1, 2, 2, 3, 6]), "after": int(2 ** dice.uniform(0, 5)) - 1}
        faults.append(Fault(endpoint, **{**patterns, **drawn}))
    return faults

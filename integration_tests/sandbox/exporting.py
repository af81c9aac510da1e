"""Handlers of the export endpoints: streaming, jobs, and the events of one user."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import timedelta
from hashlib import blake2b
from typing import Any

from .core import Core
from .errors import Refusal
from .exports import Selection, chunks
from .faults import JOB_KINDS
from .params import Params
from .responses import CSV, JSON_LINES, Response, json_response, text_response
from .shapes import csv_text
from .times import parse_request_date, to_ms

LONG_AGO_MS = 0
FAR_AHEAD_MS = 4_102_444_800_000  # the year 2100
DAY = timedelta(days=1)


def _data_json(core: Core, params: Params) -> Response:
    """Lines, streamed as they are made."""
    return Response(body=chunks(core.exports.lines(_selection(core, params))), media_type=JSON_LINES)


def _data_csv(core: Core, params: Params) -> Response:
    """Its columns are all fields that occur, so it is gathered first."""
    records = core.exports.records(_selection(core, params))
    rows = [{name: _cell(value) for name, value in record.items()} for record in records]
    return text_response(csv_text(list(dict.fromkeys(name for row in rows for name in row)), rows), CSV)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _start(core: Core, params: Params) -> Response:
    body, now = params.body, core.clock.now_ms()
    if not isinstance(body, dict):
        raise Refusal("Invalid JSON body")
    if body.get("outputFormat") != JSON_LINES:
        raise Refusal(f"Invalid outputFormat: this sandbox writes {JSON_LINES} only")
    data_type = _data_type(core, body.get("dataTypeName"))
    window = _window(body.get("startDateTime"), body.get("endDateTime"))
    only, omit = (_names([str(body.get(name) or "")]) for name in ("onlyFields", "omitFields"))
    fate = params.fault if params.fault is not None and params.fault.kind in JOB_KINDS else None
    job = core.jobs.start(data_type, Selection(data_type, *window, now, only, omit, body.get("campaignId")), fate)
    return json_response({"jobId": job.id})


def _files(core: Core, params: Params) -> Response:
    """The job's state and ten of its files, under links that expire."""
    job, state, files = core.jobs.poll(params.number("jobId"), params.one("startAfter") or "")
    listed = [{"file": file.name, "url": _presigned(core, job.id, file.name)} for file in files]
    truncated = job.truncated and state.lower() == "completed"
    return json_response({"jobId": job.id, "jobState": state, "exportTruncated": truncated, "files": listed})


def signature(core: Core, path: str, issued: str) -> str:
    """What a link carries so that nobody makes one up."""
    return blake2b(f"{core.settings.seed}|{path}|{issued}".encode(), digest_size=16).hexdigest()


def _presigned(core: Core, job_id: int, name: str) -> str:
    path, issued = f"iterable-exports/{job_id}/{name}", f"{core.clock.elapsed():.3f}"
    signed = f"X-Amz-Expires={core.settings.url_ttl:g}&X-Amz-Signature={signature(core, path, issued)}"
    return f"{core.files_url}{path}?X-Amz-Date={issued}&{signed}"


def _cancel(core: Core, params: Params) -> Response:
    job_id = params.number("jobId")
    core.jobs.cancel(job_id)
    return json_response({"code": "Success", "msg": f"Export job {job_id} cancelled", "params": None})


def _selection(core: Core, params: Params) -> Selection:
    data_type = _data_type(core, params.required("dataTypeName"))
    today, now = core.clock.now().replace(hour=0, minute=0, second=0, microsecond=0), core.clock.now_ms()
    ranges = {
        "Today": (to_ms(today), to_ms(today + DAY)),
        "Yesterday": (to_ms(today - DAY), to_ms(today)),
        "BeforeToday": (LONG_AGO_MS, to_ms(today)),
        "All": (LONG_AGO_MS, FAR_AHEAD_MS),
    }
    name, start, end = params.choice("range", ranges), params.one("startDateTime"), params.one("endDateTime")
    if (start is None) != (end is None) or (start is None and name is None):
        raise Refusal("Use of either range or startDateTime and endDateTime is required")
    window = ranges[name] if name is not None and start is None else _window(start, end)
    only, omit = (_names(params.query.get(name, [])) for name in ("onlyFields", "omitFields"))
    campaign = params.number("campaignId") if "campaignId" in params.query else None
    return Selection(data_type, *window, now, only, omit, campaign)


def _data_type(core: Core, name: object) -> str:
    if not isinstance(name, str) or name not in core.events.data_types:
        raise Refusal(f"Invalid dataTypeName: {name}")
    if name in core.settings.forbidden_data_types:
        raise Refusal(f"This API key is not permitted to export {name}", 403)
    return name


def _names(texts: Iterable[str]) -> frozenset[str]:
    return frozenset(name.strip() for text in texts for name in text.split(",") if name.strip())


def _window(start: object, end: object) -> tuple[int, int]:
    start_ms, end_ms = _edge(start, "startDateTime", LONG_AGO_MS), _edge(end, "endDateTime", FAR_AHEAD_MS)
    if start_ms > end_ms:
        raise Refusal("startDateTime must be before endDateTime")
    return start_ms, end_ms


def _edge(text: object, name: str, default: int) -> int:
    if text is None:
        return default
    moment = parse_request_date(text) if isinstance(text, str) else None
    if moment is None:
        raise Refusal(f"Invalid date for {name}, expected yyyy-MM-dd HH:mm:ss ZZ: {text}")
    return to_ms(moment)


EXPORT_HANDLERS = {
    "GET export/data.json": _data_json,
    "GET export/data.csv": _data_csv,
    "GET export/{jobId}/files": _files,
    "POST export/start": _start,
    "DELETE export/{jobId}": _cancel,
}

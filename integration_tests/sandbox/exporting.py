"""Handlers of the export endpoints: both doors, the list of jobs, and the events of one user."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

from .core import Core
from .errors import Refusal, bad_params
from .exports import Selection, chunks
from .faults import Fault
from .kinds import DATA_TYPES
from .library import csv_text
from .listings import Asked
from .paging import chosen, flag, number, one, required
from .replies import Reply, json_reply
from .shapes import encode
from .times import parse_request_date, to_ms

JSON_LINES = "application/x-json-stream"
RANGES = ("Today", "Yesterday", "BeforeToday", "All")
LONG_AGO_MS = 0
FAR_AHEAD_MS = 4_102_444_800_000  # the year 2100


def signature(core: Core, path: str, issued: str) -> str:
    """What a presigned link carries so that nobody makes one up."""
    return blake2b(f"{core.settings.seed}|{path}|{issued}".encode(), digest_size=16).hexdigest()


def _names(texts: Iterable[str]) -> frozenset[str]:
    return frozenset(name.strip() for text in texts for name in text.split(",") if name.strip())


class Exporting:
    """One method an endpoint."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def data_json(self, asked: Asked) -> Reply:
        """GET export/data.json: lines, streamed as they are made."""
        lines = self._core.exports.lines(self._selection(asked))
        return Reply(media_type=JSON_LINES, pieces=chunks(lines))

    def data_csv(self, asked: Asked) -> Reply:
        """GET export/data.csv. Its columns are all fields that occur, so it is gathered first."""
        selection = self._selection(asked)
        rows = []
        for record in self._core.exports.records(selection):
            wanted = selection.apply(record)
            if wanted is not None:
                rows.append({name: self._cell(value) for name, value in wanted.items()})
        columns = list(dict.fromkeys(name for row in rows for name in row))
        return Reply(body=csv_text(columns, rows).encode(), media_type="text/csv; charset=utf-8")

    @staticmethod
    def _cell(value: Any) -> str:
        if value is None:
            return ""
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

    def start(self, asked: Asked, fate: Fault | None) -> Reply:
        """POST export/start."""
        body = asked.body
        if not isinstance(body, dict):
            raise bad_params("Invalid JSON body")
        if body.get("outputFormat") != JSON_LINES:
            raise bad_params("Invalid outputFormat: this sandbox writes application/x-json-stream only")
        data_type = self._data_type(body.get("dataTypeName"))
        start_ms = self._edge(body.get("startDateTime"), "startDateTime", LONG_AGO_MS)
        end_ms = self._edge(body.get("endDateTime"), "endDateTime", FAR_AHEAD_MS)
        if start_ms > end_ms:
            raise bad_params("startDateTime must be before endDateTime")
        selection = Selection(
            data_type,
            start_ms,
            end_ms,
            self._core.clock.now_ms(),
            _names([str(body.get("onlyFields") or "")]),
            _names([str(body.get("omitFields") or "")]),
            body.get("campaignId"),
        )
        return json_reply({"jobId": self._core.jobs.start(data_type, selection, fate).id})

    def files(self, asked: Asked) -> Reply:
        """GET export/{jobId}/files: the job's state and ten of its files, under links that expire."""
        job, state, files = self._core.jobs.poll(self._job_id(asked), one(asked.query, "startAfter"))
        listed = [{"file": file.name, "url": self._presigned(job.id, file.name)} for file in files]
        truncated = job.truncated and state.lower() == "completed"
        return json_reply({"jobId": job.id, "jobState": state, "exportTruncated": truncated, "files": listed})

    def _presigned(self, job_id: int, name: str) -> str:
        path = f"iterable-exports/{job_id}/{name}"
        issued = f"{self._core.clock.elapsed():.3f}"
        expires = self._core.settings.url_ttl
        signed = signature(self._core, path, issued)
        return f"{self._core.files_url}{path}?X-Amz-Date={issued}&X-Amz-Expires={expires:g}&X-Amz-Signature={signed}"

    def cancel(self, asked: Asked) -> Reply:
        """DELETE export/{jobId}."""
        job_id = self._job_id(asked)
        self._core.jobs.cancel(job_id)
        return json_reply({"code": "Success", "msg": f"Export job {job_id} cancelled", "params": None})

    def jobs(self, asked: Asked) -> Reply:
        """GET export/jobs."""
        state = one(asked.query, "jobState")
        jobs = self._core.jobs.recent()
        return json_reply({"jobs": [job for job in jobs if state is None or job["jobState"].lower() == state.lower()]})

    @staticmethod
    def _job_id(asked: Asked) -> int:
        return number(asked.path["jobId"], "jobId")

    def user_events(self, asked: Asked) -> Reply:
        """GET export/userEvents: all events of one user; none for a user that nobody knows."""
        email, user_id = one(asked.query, "email"), one(asked.query, "userId")
        if not email and not user_id:
            raise bad_params("Either email or userId is required")
        with_custom = flag(asked.query, "includeCustomEvents")
        user = self._core.world.people.find(email or user_id or "")
        if user is None:
            return Reply(media_type=JSON_LINES, pieces=iter(()))
        records = self._core.exports.user_events(user, with_custom)
        return Reply(media_type=JSON_LINES, pieces=self._lines(records))

    @staticmethod
    def _lines(records: Iterator[dict[str, Any]]) -> Iterator[bytes]:
        return chunks(encode(record) + b"\n" for record in records)

    # the window asked for

    def _selection(self, asked: Asked) -> Selection:
        data_type = self._data_type(required(asked.query, "dataTypeName"))
        start_ms, end_ms = self._window(asked)
        campaign = one(asked.query, "campaignId")
        return Selection(
            data_type,
            start_ms,
            end_ms,
            self._core.clock.now_ms(),
            _names(asked.query.get("onlyFields", [])),
            _names(asked.query.get("omitFields", [])),
            None if campaign is None else number(campaign, "campaignId"),
        )

    def _data_type(self, name: object) -> str:
        if name not in DATA_TYPES or not isinstance(name, str):
            raise bad_params(f"Invalid dataTypeName: {name}")
        if name in self._core.settings.forbidden_data_types:
            raise Refusal(403, f"This API key is not permitted to export {name}")
        return name

    def _window(self, asked: Asked) -> tuple[int, int]:
        name = chosen(asked.query, "range", RANGES)
        start, end = one(asked.query, "startDateTime"), one(asked.query, "endDateTime")
        if start is not None or end is not None:
            if start is None or end is None:
                raise bad_params("Both startDateTime and endDateTime are required")
            start_ms = self._edge(start, "startDateTime", LONG_AGO_MS)
            end_ms = self._edge(end, "endDateTime", FAR_AHEAD_MS)
            if start_ms > end_ms:
                raise bad_params("startDateTime must be before endDateTime")
            return start_ms, end_ms
        if name is None:
            raise bad_params("Use of either range or startDateTime and endDateTime is required")
        today = self._core.clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
        day = timedelta(days=1)
        edges: dict[str, tuple[datetime | None, datetime | None]] = {
            "Today": (today, today + day),
            "Yesterday": (today - day, today),
            "BeforeToday": (None, today),
            "All": (None, None),
        }
        first, last = edges[name]
        return (LONG_AGO_MS if first is None else to_ms(first)), (FAR_AHEAD_MS if last is None else to_ms(last))

    @staticmethod
    def _edge(text: object, name: str, default: int) -> int:
        if text is None:
            return default
        instant = parse_request_date(text) if isinstance(text, str) else None
        if instant is None:
            raise bad_params(f"Invalid date for {name}, expected yyyy-MM-dd HH:mm:ss ZZ: {text}")
        return to_ms(instant)

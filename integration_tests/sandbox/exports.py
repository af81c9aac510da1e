"""What exports hold: seeded events, user profiles and what a test adds; and the jobs that write it to files."""

import threading
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import orjson

from .events import USER, Events, as_user_event
from .faults import Fault
from .fixtures import Record
from .http import Refusal, csv_lines, parse_json
from .people import People
from .settings import SandboxSettings
from .times import Clock, iso_time, parse_record_time, window_ms

When = datetime | None
_FINAL = ("completed", "failed", "cancelled")
_FIRST_JOB_ID, _FIRST_FILE = 3562, 1_679_086_247_925
_JOBS_AT_ONCE, _FILES_PAGE = 4, 10


class _Put(NamedTuple):
    """A line that a test adds; record is None if the line is not a JSON object."""

    data_type: str
    ms: int
    visible_ms: int
    line: bytes
    record: Record | None


class Selection(NamedTuple):
    """The records, and their fields, that a request selects."""

    data_type: str
    start_ms: int
    end_ms: int
    as_of_ms: int
    only: frozenset[str] = frozenset()
    omit: frozenset[str] = frozenset()
    campaign: int | None = None
    as_csv: bool = False

    def apply(self, record: Record) -> Record | None:
        """The record with its selected fields; None if it is not selected."""
        if self.campaign is not None and record.get("campaignId") != self.campaign:
            return None
        if not self.only and not self.omit:
            return record
        return {n: value for n, value in record.items() if (n in self.only or not self.only) and n not in self.omit}


class Exports:
    def __init__(self, people: People, events: Events, clock: Clock) -> None:
        self._people, self._events, self._clock = people, events, clock
        self._puts: list[_Put] = []

    def put(self, data_type: str, records: Iterable[Record | bytes], visible_at: When = None, at: When = None) -> None:
        """Add records, or their lines, in the window of `at`, or else of their createdAt or profileUpdatedAt."""
        field = "profileUpdatedAt" if data_type == USER else "createdAt"
        puts, visible_ms = [], 0 if visible_at is None else window_ms(visible_at)
        for each in records:
            line = each if isinstance(each, bytes) else orjson.dumps(each)
            parsed = parse_json(line)
            record = parsed if isinstance(parsed, dict) else None
            ms = parse_record_time((record or {}).get(field)) if at is None else window_ms(at)
            if ms is None:
                raise ValueError(f"a record needs a {field} that is a time: {each!r}")
            puts.append(_Put(data_type, ms, visible_ms, line, record))
        self._puts += puts

    def _found(self, selection: Selection) -> Iterator[tuple[Record | None, bytes]]:
        data_type, start_ms, end_ms, as_of_ms, *_ = selection
        make = self._people.profiles if data_type == USER else partial(self._events.records, data_type)
        yield from ((record, b"") for record in make(start_ms, end_ms, as_of_ms))
        for put in self._puts:
            if put.data_type == data_type and start_ms <= put.ms < end_ms and put.visible_ms <= as_of_ms:
                yield put.record, put.line

    def records(self, selection: Selection) -> Iterator[Record]:
        records = (selection.apply(record) for record, _ in self._found(selection) if record is not None)
        return (record for record in records if record is not None)

    def lines(self, selection: Selection) -> Iterator[bytes]:
        """The lines that the export sends, each with its end. U+2028 and its like stay unescaped, as JSON allows.

        CSV begins with the names of all fields that occur, so it is gathered first.
        """
        if selection.as_csv:
            rows = [{name: _cell(value) for name, value in record.items()} for record in self.records(selection)]
            columns = list(dict.fromkeys(name for row in rows for name in row))
            yield from (line.encode() for line in csv_lines(columns, rows) if columns)
            return
        for record, line in self._found(selection):
            wanted = None if record is None else selection.apply(record)
            if line and wanted is record:
                yield line + b"\n"
            elif wanted is not None:
                yield orjson.dumps(wanted, option=orjson.OPT_APPEND_NEWLINE)

    def user_events(
        self, identifier: str, include_custom: bool = True, kinds: Collection[str] = ("email", "userId", "itblUserId")
    ) -> list[Record]:
        """What export/userEvents sends now for an identifier of one of these kinds; nothing for an unknown one."""
        user, now = self._people.find(identifier, kinds), self._clock.now_ms()
        if user is None:
            return []
        found = list(self._events.of_user(user.index, include_custom, now))
        for data_type, _, visible_ms, _, record in self._puts:
            mine = record and any(record.get(name) == known for name, known in user.identifiers.items())
            hidden = data_type == USER or (data_type == "customEvent" and not include_custom) or visible_ms > now
            found += [as_user_event(data_type, record)] if record and mine and not hidden else []
        return found


@dataclass
class Job:
    """One export job; its state follows from when it began."""

    id: int
    data_type: str
    selection: Selection | None  # None: a job of another client, which leaves no files here
    fate: str  # the kind of its fault
    fate_files: int  # files that appear before that
    seconds: float
    requested_ms: int
    began: float | None = None
    ended_ms: int | None = None
    cancelled: bool = False
    polls: int = 0
    files: dict[str, bytes] = field(default_factory=dict)

    def _share(self, at: float) -> float:
        """How much of its time it has run, up to 1."""
        passed = 0.0 if self.began is None else at - self.began
        return 1.0 if passed >= self.seconds else passed / self.seconds

    def state(self, at: float) -> str:
        """Enqueued, running, completed, failed or cancelled."""
        if self.cancelled or self.began is None:
            return "cancelled" if self.cancelled else "enqueued"
        if self.fate == "job_requeue" and self.polls <= 3:
            return "enqueued" if self.polls == 2 else "running"
        if self.fate == "job_endless" or self._share(at) < 1:
            return "running"
        return {"job_failed": "failed", "job_cancelled": "cancelled"}.get(self.fate, "completed")

    def visible_files(self, at: float) -> list[str]:
        """The names of files that have appeared: one after the other while it runs."""
        bad = self.fate in ("job_failed", "job_cancelled", "job_endless", "job_truncated")
        count = self.fate_files if bad else int(self._share(at) * len(self.files))
        return [] if self.began is None or self.cancelled else list(self.files)[:count]


class Jobs:
    """All jobs of the organization: at most four run, the others wait."""

    def __init__(self, settings: SandboxSettings, exports: Exports, clock: Clock) -> None:
        self._settings, self._exports, self._clock = settings, exports, clock
        self._jobs: dict[int, Job] = {}
        self._lock = threading.RLock()

    def start(self, data_type: str, selection: Selection | None, fate: Fault | None = None, seconds: float = 0) -> int:
        """Add a job, which runs at once if fewer than four do; its id."""
        kind, files = ("", 0) if fate is None else (fate.kind, fate.after_files)
        seconds = seconds or self._settings.job_seconds
        with self._lock:
            number = _FIRST_JOB_ID + len(self._jobs)
            self._jobs[number] = Job(number, data_type, selection, kind, files, seconds, self._clock.now_ms())
            self._tick()
        return number

    def _tick(self) -> float:
        """Note which jobs have ended, begin waiting ones and write their files. Returns the stopwatch's time."""
        at, jobs = self._clock.elapsed(), self._jobs.values()
        for job in jobs:
            if job.ended_ms is None and job.state(at) in _FINAL:
                job.ended_ms = self._clock.now_ms()
        running = sum(job.began is not None and job.ended_ms is None for job in jobs)
        waiting = [job for job in jobs if job.began is None and not job.cancelled and job.fate != "job_stuck"]
        for job in waiting[: max(_JOBS_AT_ONCE - running, 0)]:
            job.began = at
            if job.selection is not None:
                lines = self._exports.lines(job.selection._replace(as_of_ms=self._clock.now_ms()))
                ending = "csv" if job.selection.as_csv else "json"
                contents = _in_files(lines, self._settings.file_bytes, job.selection.as_csv)
                job.files = {f"file-{_FIRST_FILE + place}.{ending}": each for place, each in enumerate(contents)}
        return at

    def _get(self, job_id: int) -> Job:
        if job_id not in self._jobs:
            raise Refusal(f"Export job {job_id} not found", 404)
        return self._jobs[job_id]

    def file(self, path: str) -> bytes:
        """The file of a job at this path: the job's id and the file's name."""
        job_id, _, name = path.partition("/")
        return self._jobs[int(job_id)].files[name]

    def poll(self, job_id: int, start_after: str) -> tuple[str, bool, list[str]]:
        """For `export/{jobId}/files`: the job's state, whether it is truncated, and the names of a page of its files."""
        with self._lock:
            at, job = self._tick(), self._get(job_id)
            job.polls += 1
            names = [name for name in job.visible_files(at) if name > start_after]
            truncated = job.fate == "job_truncated" and job.state(at) == "completed"
            return self._shown(job, at), truncated, names[:_FILES_PAGE]

    def _shown(self, job: Job, at: float) -> str:
        """The state as responses have it. Only as an oddity (seen) its case varies, here from one poll to the next."""
        state = job.state(at)
        forms = (state, state.capitalize(), state, state.upper()) if self._settings.odd else (state,)
        return forms[(job.id + job.polls) % len(forms)]

    def cancel(self, job_id: int) -> None:
        with self._lock:
            at, job = self._tick(), self._get(job_id)
            if job.state(at) in _FINAL:
                raise Refusal(f"Export job {job_id} is not queued or running")
            job.cancelled = True
            self._tick()

    def state(self, job_id: int) -> str:
        """The state of a job, in lower case; does not count as a poll."""
        with self._lock:
            at = self._tick()
            return self._get(job_id).state(at)

    def recent(self) -> list[dict[str, Any]]:
        """All jobs as `export/jobs` lists them, newest first."""
        with self._lock:
            at = self._tick()
            return [
                {
                    "id": job.id,
                    "dataTypeName": job.data_type,
                    "jobState": self._shown(job, at),
                    "bytesExported": sum(len(job.files[name]) for name in job.visible_files(at)),
                    "scheduledStartTime": iso_time(job.requested_ms),
                    **({} if job.ended_ms is None else {"endTime": iso_time(job.ended_ms)}),
                }
                for job in reversed(self._jobs.values())
            ]


def _in_files(lines: Iterable[bytes], size: int, as_csv: bool) -> Iterator[bytes]:
    """The contents of files of at most `size` bytes, none ending within a record, CSV each with its header."""
    lines = iter(lines)
    header = next(lines, b"") if as_csv else b""
    content = bytearray(header)
    for line in lines:
        if len(content) > len(header) and len(content) + len(line) > size:
            yield bytes(content)
            content = bytearray(header)
        content += line
    if content:
        yield bytes(content)


def _cell(value: object) -> str:
    return "" if value is None else value if isinstance(value, str) else orjson.dumps(value).decode()

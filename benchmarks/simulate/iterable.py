"""Iterable in virtual time: what a project holds, export jobs, and the answers to requests."""

from __future__ import annotations

import math
import re
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, NamedTuple

import orjson

from benchmarks.simulate.bulk import Bulk
from benchmarks.simulate.limits import Limiters

# The end of what a project holds, in seconds since the epoch, and where the clock of a simulation begins.
NOW = 1_790_000_000
# Jobs of an organization that run at once, the bytes of a file, and the files of a page (reference; seen).
JOBS_AT_ONCE, FILE_BYTES, FILES_A_PAGE = 4, 10_000_000, 10
FILE_HOST = "https://files.example/"
_JOB = re.compile(r"export/(\d+)(/files)?$")
_LIST_SIZE = re.compile(r"lists/(\d+)/size$")


@dataclass(frozen=True)
class Project:
    """What a project holds, and how fast Iterable is.

    Args:
        data: bytes by data type, evenly spread over the last `span` seconds.
        lists: how many lists of `users_a_list` users, each in one of them.
        campaigns: how many campaigns, sent one after the other in `span` (campaigns.py).
        job_seconds: that an export job takes, and more for each `job_bytes_a_second`, if any.
        latency: seconds from a request to its response; `search` more until a streamed export begins.
        jitter: up to so many more seconds, at random, each way.
        stream_rate, file_rate: bytes a second of a streamed response, and of a file.
        refuses: the kind of limiter that answers 429; without one, they are only counted.
    """

    data: Mapping[str, int] = field(default_factory=dict)
    span: int = 86_400
    lists: int = 0
    users_a_list: int = 0
    campaigns: int = 0
    job_seconds: float = 30.0
    job_bytes_a_second: float = math.inf
    latency: float = 0.15
    search: float = 0.85
    jitter: float = 0.0
    stream_rate: float = 20e6
    file_rate: float = 40e6
    refuses: str = ""

    def bulk(self, data_type: str, start: float, end: float) -> Bulk:
        """What a data type holds in [start, end)."""
        first = max(start, NOW - self.span)
        share = max(min(end, NOW) - first, 0.0) / self.span
        return Bulk(int(self.data.get(data_type, 0) * share), first, end)


class Answer(NamedTuple):
    """A response: its body, which comes `after` so many seconds at so many bytes a second."""

    body: bytes | Bulk = b""
    status: int = 200
    after: float = 0.0
    rate: float = math.inf


@dataclass(eq=False)
class _Job:
    bulk: Bulk
    seconds: float
    start: float | None = None
    is_cancelled: bool = False

    def end(self) -> float:
        return math.inf if self.start is None else self.start + self.seconds

    def files(self, now: float) -> tuple[str, int]:
        """Its state, and how many files it lists: more and more while it runs."""
        number = math.ceil(self.bulk.size / FILE_BYTES)
        if self.is_cancelled:
            return "cancelled", 0
        if self.start is None:
            return "enqueued", 0
        if now >= self.end():
            return "completed", number
        return "running", int(number * (now - self.start) / self.seconds)


class Jobs:
    """All export jobs: four at once, in the order in which they were started."""

    def __init__(self) -> None:
        self._jobs: list[_Job] = []
        self._waiting: deque[_Job] = deque()
        self._running: list[_Job] = []
        # Until when it is known what happened.
        self._until = 0.0

    def add(self, job: _Job, now: float) -> int:
        """Start a job. Returns its number."""
        self._advance(now)
        self._jobs.append(job)
        self._waiting.append(job)
        self._advance(now)
        return len(self._jobs) - 1

    def get(self, number: int, now: float) -> _Job:
        """A job as it is now."""
        self._advance(now)
        return self._jobs[number]

    def cancel(self, number: int, now: float) -> None:
        """Cancel a job that has not completed."""
        job = self.get(number, now)
        if job.files(now)[0] != "completed":
            job.is_cancelled = True
            for jobs in (self._running, self._waiting):
                if job in jobs:
                    jobs.remove(job)
            self._advance(now)

    def _advance(self, now: float) -> None:
        """End and begin what ends and begins until now."""
        while True:
            if self._waiting and len(self._running) < JOBS_AT_ONCE:
                job = self._waiting.popleft()
                job.start = self._until
                self._running.append(job)
            elif self._running and (first := min(self._running, key=_Job.end)).end() <= now:
                self._running.remove(first)
                self._until = first.end()
            else:
                break
        self._until = now


class Iterable:
    """Answers requests. `counts` is how many, by endpoint."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.limiters = Limiters()
        self.jobs = Jobs()
        self.counts: Counter[str] = Counter()

    def answer(self, method: str, path: str, query: Mapping[str, Any], body: Mapping[str, Any], now: float) -> Answer:
        """The answer to a request that arrives now."""
        if path.startswith(FILE_HOST):
            self.counts["file"] += 1
            number, index = map(int, path.removeprefix(FILE_HOST).split("/"))
            return Answer(self._file(self.jobs.get(number, now), index), rate=self.project.file_rate)
        refusing = self.limiters.refusing(f"{method} {path}", now)
        if self.project.refuses in refusing:
            self.counts["429"] += 1
            return Answer(as_json({"code": "RateLimitExceeded", "msg": "Too many requests"}), 429)
        return self.respond(method, path, query, body, now)

    def respond(self, method: str, path: str, query: Mapping[str, Any], body: Mapping[str, Any], now: float) -> Answer:
        """The answer to a request within the limits."""
        if path == "export/data.json":
            self.counts["stream"] += 1
            return Answer(self._window(query), after=self.project.search, rate=self.project.stream_rate)
        if path == "export/start":
            self.counts["start"] += 1
            bulk = self._window(body)
            seconds = self.project.job_seconds + bulk.size / self.project.job_bytes_a_second
            return Answer(as_json({"jobId": self.jobs.add(_Job(bulk, seconds), now)}))
        if path == "export/userEvents":
            self.counts["user"] += 1
            return Answer(as_json({"_type": "emailSend", "createdAt": "2026-01-02 03:04:05 +00:00", **query}) + b"\n")
        if job := _JOB.match(path):
            if method == "DELETE":
                self.counts["cancel"] += 1
                self.jobs.cancel(int(job[1]), now)
                return Answer(as_json({"code": "Success"}))
            self.counts["page"] += 1
            return Answer(self._page(int(job[1]), query.get("startAfter"), now))
        if path == "lists/getUsers":
            self.counts["list"] += 1
            number = int(query["listId"])
            users = range(number * self.project.users_a_list, (number + 1) * self.project.users_a_list)
            return Answer(b"".join(b"user%d@example.com\n" % user for user in users))
        if _LIST_SIZE.match(path):
            self.counts["size"] += 1
            return Answer(str(self.project.users_a_list).encode())
        self.counts["other"] += 1
        items = [
            {"id": number, "name": f"List {number}"} for number in range(self.project.lists if path == "lists" else 0)
        ]
        return Answer(as_json({path: items}))

    def _window(self, parameters: Mapping[str, Any]) -> Bulk:
        start, end = (_seconds(parameters[name]) for name in ("startDateTime", "endDateTime"))
        return self.project.bulk(parameters["dataTypeName"], start, end)

    def _page(self, number: int, start_after: str | None, now: float) -> bytes:
        state, listed = self.jobs.get(number, now).files(now)
        first = int(start_after) + 1 if start_after else 0
        names = range(first, min(listed, first + FILES_A_PAGE))
        files = [{"file": f"{index:07d}", "url": f"{FILE_HOST}{number}/{index}"} for index in names]
        return as_json({"jobId": number, "jobState": state, "exportTruncated": False, "files": files})

    @staticmethod
    def _file(job: _Job, index: int) -> Bulk:
        return job.bulk._replace(size=min(FILE_BYTES, job.bulk.size - index * FILE_BYTES))


def _seconds(text: str) -> int:
    return int(datetime.strptime(text[:19], "%Y-%m-%d %H:%M:%S").replace(tzinfo=timezone.utc).timestamp())


def as_json(value: Any) -> bytes:
    """The body of a response."""
    return orjson.dumps(value)

"""Export jobs: they run in the background and leave files."""

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from .exports import Exports, Selection
from .faults import Fault
from .messages import Refusal
from .settings import SandboxSettings
from .times import Clock, iso_time

_FINAL = ("completed", "failed", "cancelled")
_FIRST_JOB_ID = 3562
_FIRST_FILE = 1_679_086_247_925
_JOBS_AT_ONCE = 4
_FILES_PAGE = 10


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
    written: bool = False
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
        if self.fate == "job_requeue" and self.written and self.polls <= 3:
            return "enqueued" if self.polls == 2 else "running"
        if not self.written or self.fate == "job_endless" or self._share(at) < 1:
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
        self._closed = False

    def start(
        self, data_type: str, selection: Selection | None, fate: Fault | None = None, seconds: float | None = None
    ) -> int:
        """Add a job, which runs at once if fewer than four do; its id."""
        kind, files = ("", 0) if fate is None else (fate.kind, fate.after_files)
        seconds = self._settings.job_seconds if seconds is None else seconds
        with self._lock:
            number = _FIRST_JOB_ID + len(self._jobs)
            self._jobs[number] = Job(number, data_type, selection, kind, files, seconds, self._clock.now_ms())
        self._tick()
        return number

    def _tick(self) -> None:
        """Note which jobs have ended, and let waiting ones begin."""
        with self._lock:
            at, jobs = self._clock.elapsed(), list(self._jobs.values())
            for job in jobs:
                if job.ended_ms is None and job.state(at) in _FINAL:
                    job.ended_ms = self._clock.now_ms()
            running = sum(job.began is not None and job.ended_ms is None for job in jobs)
            waiting = [job for job in jobs if job.began is None and not job.cancelled and job.fate != "job_stuck"]
            writers = []
            for job in waiting[: max(_JOBS_AT_ONCE - running, 0)]:
                job.began = at
                writers.append(threading.Thread(target=self._write, args=(job,), daemon=True))
                writers[-1].start()
        for writer in writers:
            # Small jobs are written by the time the response goes out, so that tests meet no race.
            writer.join(timeout=30)

    def _write(self, job: Job) -> None:
        if job.selection is not None:
            lines = self._exports.lines(job.selection._replace(as_of_ms=self._clock.now_ms()))
            lines = takewhile(lambda _: not self._closed and not job.cancelled, lines)
            for content in _in_files(lines, self._settings.file_bytes, job.selection.as_csv):
                ending = "csv" if job.selection.as_csv else "json"
                job.files[f"file-{_FIRST_FILE + len(job.files)}.{ending}"] = content
        job.written = True

    def _get(self, job_id: int) -> Job:
        if job_id not in self._jobs:
            raise Refusal(f"Export job {job_id} not found", 404)
        return self._jobs[job_id]

    def file(self, path: str) -> bytes:
        """The file of a job at this path: the job's id and the file's name."""
        for job in list(self._jobs.values()):
            job_id, _, name = path.partition("/")
            if job_id == str(job.id) and name in job.files:
                return job.files[name]
        raise Refusal("The specified key does not exist.", 404)

    def poll(self, job_id: int, start_after: str) -> tuple[str, bool, list[str]]:
        """For `export/{jobId}/files`: the job's state, whether it is truncated, and the names of a page of its files."""
        self._tick()
        with self._lock:
            job, at = self._get(job_id), self._clock.elapsed()
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
        """End a job that is queued or running."""
        self._tick()
        with self._lock:
            job = self._get(job_id)
            if job.state(self._clock.elapsed()) in _FINAL:
                raise Refusal(f"Export job {job_id} is not queued or running")
            job.cancelled = True
        self._tick()

    def state(self, job_id: int) -> str:
        """The state of a job, in lower case; does not count as a poll."""
        self._tick()
        return self._get(job_id).state(self._clock.elapsed())

    def recent(self) -> list[dict[str, Any]]:
        """All jobs as `export/jobs` lists them, newest first."""
        self._tick()
        at = self._clock.elapsed()
        return [
            {
                "id": job.id,
                "dataTypeName": job.data_type,
                "jobState": self._shown(job, at),
                "bytesExported": sum(len(job.files[name]) for name in job.visible_files(at)),
                "scheduledStartTime": iso_time(job.requested_ms),
                **({} if job.ended_ms is None else {"endTime": iso_time(job.ended_ms)}),
            }
            for job in reversed(list(self._jobs.values()))
        ]

    def close(self) -> None:
        """Write no more."""
        self._closed = True


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

"""Export jobs: they run in the background and leave files."""

import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .exports import Exports, Selection
from .faults import Fault
from .messages import Refusal
from .settings import SandboxSettings
from .times import Clock, iso_time

FINAL = ("completed", "failed", "cancelled")
FIRST_JOB_ID = 3562
FIRST_FILE = 1_679_086_247_925
JOBS_AT_ONCE = 4
FILES_PAGE = 10


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
    truncated: bool = False
    polls: int = 0
    files: list[Path] = field(default_factory=list)

    def share(self, at: float) -> float:
        """How much of its time it has run, up to 1."""
        passed = 0.0 if self.began is None else at - self.began
        return 1.0 if passed >= self.seconds else passed / self.seconds

    def state(self, at: float) -> str:
        """Enqueued, running, completed, failed or cancelled."""
        if self.cancelled or self.began is None:
            return "cancelled" if self.cancelled else "enqueued"
        if self.fate == "job_requeue" and self.written and self.polls <= 3:
            return "enqueued" if self.polls == 2 else "running"
        if not self.written or self.fate == "job_endless" or self.share(at) < 1:
            return "running"
        return {"job_failed": "failed", "job_cancelled": "cancelled"}.get(self.fate, "completed")

    def visible_files(self, at: float) -> list[Path]:
        """The files that have appeared: one after the other while it runs."""
        bad = self.fate in ("job_failed", "job_cancelled", "job_endless", "job_truncated")
        count = self.fate_files if bad else int(self.share(at) * len(self.files))
        return [] if self.began is None or self.cancelled else self.files[:count]


class Jobs:
    """All jobs of the organization: at most four run, the others wait."""

    def __init__(self, settings: SandboxSettings, exports: Exports, clock: Clock) -> None:
        self._settings, self._exports, self._clock = settings, exports, clock
        self._jobs: dict[int, Job] = {}
        self._lock = threading.RLock()
        self._closed = False
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._writers: list[threading.Thread] = []

    def start(
        self, data_type: str, selection: Selection | None, fate: Fault | None = None, seconds: float | None = None
    ) -> int:
        """Take a job in, which runs at once where fewer than four do; its id."""
        kind, files = ("", 0) if fate is None else (fate.kind, fate.after_files)
        seconds = self._settings.job_seconds if seconds is None else seconds
        with self._lock:
            number = FIRST_JOB_ID + len(self._jobs)
            self._jobs[number] = Job(number, data_type, selection, kind, files, seconds, self._clock.now_ms())
        self._tick()
        return number

    def _tick(self) -> None:
        """Let waiting jobs begin where others have ended."""
        with self._lock:
            at, jobs = self._clock.elapsed(), list(self._jobs.values())
            for job in jobs:
                if job.ended_ms is None and job.state(at) in FINAL:
                    job.ended_ms = self._clock.now_ms()
            running = sum(job.began is not None and job.ended_ms is None for job in jobs)
            waiting = [job for job in jobs if job.began is None and not job.cancelled and job.fate != "job_stuck"]
            writers = []
            for job in waiting[: max(JOBS_AT_ONCE - running, 0)]:
                job.began = at
                writers.append(threading.Thread(target=self._write, args=(job,), daemon=True))
                writers[-1].start()
            self._writers = [each for each in self._writers if each.is_alive()] + writers
        for writer in writers:
            # Small jobs are written by the time the response goes out, so that tests meet no race.
            writer.join(timeout=30)

    def _write(self, job: Job) -> None:
        """Write the window into files, none over the bound, none ending within a record, CSV each with its header."""
        lines: list[bytes] = []
        header = b""
        size = total = 0
        selection = job.selection and job.selection._replace(as_of_ms=self._clock.now_ms())
        for line in self._exports.lines(selection) if selection else ():
            total += len(line)
            job.truncated = total > self._settings.truncate_bytes
            if self._closed or job.cancelled or job.truncated:
                break
            if size > len(header) and size + len(line) > self._settings.file_bytes:
                self._finish_file(job, lines)
                lines, size = [header], len(header)
            lines.append(line)
            size += len(line)
            header = header or (line if selection and selection.as_csv else b"")
        if lines and not self._closed:
            self._finish_file(job, lines)
        job.truncated |= job.fate == "job_truncated"
        job.written = True

    def _finish_file(self, job: Job, lines: list[bytes]) -> None:
        with self._lock:
            self._folder = self._folder or tempfile.TemporaryDirectory(
                prefix="sandbox-jobs-", ignore_cleanup_errors=True
            )
        ending = "csv" if job.selection and job.selection.as_csv else "json"
        path = Path(self._folder.name, str(job.id), f"file-{FIRST_FILE + len(job.files)}.{ending}")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"".join(lines))
        job.files.append(path)

    def _get(self, job_id: int) -> Job:
        if job_id not in self._jobs:
            raise Refusal(f"Export job {job_id} not found", 404)
        return self._jobs[job_id]

    def file(self, path: str) -> Path:
        """The file of a job at this path: the job's id and the file's name."""
        for file in [file for job in self._jobs.values() for file in job.files]:
            if path == f"{file.parent.name}/{file.name}":
                return file
        raise Refusal("The specified key does not exist.", 404)

    def poll(self, job_id: int, start_after: str) -> tuple[Job, str, list[str]]:
        """For `export/{jobId}/files`: the job, its state, and the names of a page of its files."""
        self._tick()
        with self._lock:
            job, at = self._get(job_id), self._clock.elapsed()
            job.polls += 1
            names = [file.name for file in job.visible_files(at) if file.name > start_after]
            return job, self._shown(job, at), names[:FILES_PAGE]

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
            if job.state(self._clock.elapsed()) in FINAL:
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
        at, listed = self._clock.elapsed(), []
        for job in reversed(list(self._jobs.values())):
            size = sum(file.stat().st_size for file in job.visible_files(at))
            listed.append({"id": job.id, "dataTypeName": job.data_type, "jobState": self._shown(job, at)})
            listed[-1] |= {"bytesExported": size, "scheduledStartTime": iso_time(job.requested_ms)}
            listed[-1] |= {} if job.ended_ms is None else {"endTime": iso_time(job.ended_ms)}
        return listed

    def close(self) -> None:
        """Stop writing and remove all files."""
        self._closed = True
        for writer in self._writers:
            writer.join(timeout=10)
        if self._folder is not None:
            self._folder.cleanup()

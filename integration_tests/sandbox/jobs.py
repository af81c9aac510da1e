"""Export jobs: they run in the background and leave files."""

from __future__ import annotations

import shutil
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from .errors import Refusal
from .exports import Exports, Selection
from .faults import Fault
from .settings import SandboxSettings
from .times import Clock, iso_time

FINAL = ("Completed", "Failed", "Cancelled")
FIRST_JOB_ID = 3562
FIRST_FILE = 1_679_086_247_925


class ExportFile(NamedTuple):
    """A finished file of a job."""

    name: str
    path: Path
    size: int


@dataclass
class Job:
    """One export job; what state it is in follows from when it began."""

    id: int
    data_type: str
    selection: Selection | None  # None: somebody else's job, which leaves no files here
    fate: str  # the kind of fault that befalls it
    fate_files: int  # files that appear before it does
    asked_ms: int
    seconds: float
    per_file: float
    began: float | None = None
    ended_ms: int | None = None
    cancelled: bool = False
    written: bool = False
    truncated: bool = False
    polls: int = 0
    files: list[ExportFile] = field(default_factory=list)

    @property
    def duration(self) -> float:
        """Seconds that it runs."""
        return self.seconds + self.per_file * len(self.files)

    def state(self, at: float) -> str:
        """Enqueued, Running, Completed, Failed or Cancelled."""
        if self.cancelled:
            return "Cancelled"
        if self.began is None:
            return "Enqueued"
        if not self.written or self.fate == "job_endless":
            return "Running"
        if self.fate == "job_requeue" and self.polls <= 3:
            return "Enqueued" if self.polls == 2 else "Running"
        if at - self.began < self.duration:
            return "Running"
        return {"job_failed": "Failed", "job_cancelled": "Cancelled"}.get(self.fate, "Completed")

    def visible_files(self, at: float) -> list[ExportFile]:
        """The files that have appeared: one after the other while it runs."""
        if self.began is None or self.cancelled:
            return []
        if self.fate in ("job_failed", "job_cancelled", "job_endless", "job_truncated"):
            return self.files[: self.fate_files]
        passed = at - self.began
        if self.written and passed >= self.duration:
            return list(self.files)
        return self.files[: int(passed / self.duration * len(self.files)) if self.duration > 0 else None]


class Jobs:
    """All jobs of the organization: at most four run, the others wait."""

    def __init__(self, settings: SandboxSettings, exports: Exports, clock: Clock) -> None:
        self._settings = settings
        self._exports = exports
        self._clock = clock
        self._jobs: dict[int, Job] = {}
        self._lock = threading.RLock()
        self._closed = False
        self._folder: Path | None = None
        self._writers: list[threading.Thread] = []

    def start(
        self, data_type: str, selection: Selection | None, fate: Fault | None = None, seconds: float | None = None
    ) -> Job:
        """Take a job in; it runs at once where fewer than four do."""
        settings = self._settings
        always = "job_requeue" if settings.job_requeue and selection is not None else ""
        kind, files = (fate.kind, fate.after_files) if fate is not None else (always, 0)
        seconds = settings.job_seconds if seconds is None else seconds
        asked_ms, per_file = self._clock.now_ms(), settings.job_seconds_per_file
        with self._lock:
            job = Job(FIRST_JOB_ID + len(self._jobs), data_type, selection, kind, files, asked_ms, seconds, per_file)
            self._jobs[job.id] = job
        self._tick()
        return job

    def _tick(self) -> None:
        """Let waiting jobs begin where others have ended."""
        begun: list[threading.Thread] = []
        with self._lock:
            at = self._clock.elapsed()
            running = 0
            for job in self._jobs.values():
                if job.began is not None and job.state(at) not in FINAL:
                    running += 1
                elif job.ended_ms is None and job.state(at) in FINAL:
                    job.ended_ms = self._clock.now_ms()
            for job in self._jobs.values():
                if job.began is None and not job.cancelled and job.fate != "job_stuck":
                    if running >= self._settings.jobs_at_once:
                        break
                    running += 1
                    job.began = at
                    begun.append(threading.Thread(target=self._write, args=(job,), daemon=True))
            self._writers = [thread for thread in self._writers if thread.is_alive()] + begun
            for writer in begun:
                writer.start()
        for writer in begun:
            # Small jobs are written by the time the response goes out, so that tests meet no race.
            writer.join(timeout=0.5)

    def _write(self, job: Job) -> None:
        """Write the window into files, none over the bound, none ending within a record."""
        lines: list[bytes] = []
        size = total = 0
        selection = job.selection and job.selection._replace(as_of_ms=self._clock.now_ms())
        for line in self._exports.lines(selection) if selection else ():
            if self._closed or job.cancelled:
                break
            if total + len(line) > self._settings.truncate_bytes:
                job.truncated = True
                break
            if lines and size + len(line) > self._settings.file_bytes:
                self._finish_file(job, lines)
                lines, size = [], 0
            lines.append(line)
            size += len(line)
            total += len(line)
        if lines and not self._closed:
            self._finish_file(job, lines)
        job.truncated |= job.fate == "job_truncated"
        job.written = True

    def _finish_file(self, job: Job, lines: list[bytes]) -> None:
        with self._lock:
            self._folder = self._folder or Path(tempfile.mkdtemp(prefix="sandbox-jobs-"))
        name = f"file-{FIRST_FILE + len(job.files)}.json"
        path = self._folder / f"{job.id}-{name}"
        job.files.append(ExportFile(name, path, path.write_bytes(b"".join(lines))))

    def _get(self, job_id: int) -> Job:
        if job_id not in self._jobs:
            raise Refusal(f"Export job {job_id} not found", 404)
        return self._jobs[job_id]

    def file(self, job_id: int, name: str) -> ExportFile:
        """A file of a job."""
        job = self._get(job_id)
        for file in job.files:
            if file.name == name and not job.cancelled:
                return file
        raise Refusal("The specified key does not exist.", 404)

    def poll(self, job_id: int, start_after: str) -> tuple[Job, str, list[ExportFile]]:
        """What `export/{jobId}/files` tells: the job, its state, and a page of its files."""
        self._tick()
        with self._lock:
            job = self._get(job_id)
            job.polls += 1
            at = self._clock.elapsed()
            state = job.state(at)
            files = [file for file in job.visible_files(at) if file.name > start_after]
            if self._settings.odd and self._settings.vary_state_case:
                # The case of states varies (seen); here from one poll to the next.
                state = (state, state.lower(), state, state.upper())[(job.id + job.polls) % 4]
            return job, state, files[: self._settings.files_page]

    def cancel(self, job_id: int) -> None:
        """End a job that is queued or running."""
        self._tick()
        with self._lock:
            job = self._get(job_id)
            if job.state(self._clock.elapsed()) in FINAL:
                raise Refusal(f"Export job {job_id} is not queued or running")
            job.cancelled = True
            job.ended_ms = self._clock.now_ms()
        self._tick()

    def state(self, job_id: int) -> str:
        """The state of a job, in its ordinary case."""
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
                "jobState": job.state(at),
                "scheduledStartTime": iso_time(job.asked_ms),
                "bytesExported": sum(file.size for file in job.visible_files(at)),
                **({} if job.ended_ms is None else {"endTime": iso_time(job.ended_ms)}),
            }
            for job in reversed(list(self._jobs.values()))
        ]

    def close(self) -> None:
        """Stop writing and remove all files."""
        self._closed = True
        for writer in self._writers:
            writer.join(timeout=10)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

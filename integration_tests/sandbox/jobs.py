"""The second door of the export: jobs that run in the background and leave files."""

from __future__ import annotations

import shutil
import tempfile
import threading
from dataclasses import dataclass, field
from hashlib import md5
from pathlib import Path
from typing import Any

from .errors import bad_params, not_found
from .exports import Exports, Selection
from .faults import Fault
from .settings import SandboxSettings
from .times import Clock, iso_time

FINAL = ("Completed", "Failed", "Cancelled")
FIRST_JOB_ID = 3562
FIRST_FILE = 1_679_086_247_925


@dataclass
class ExportFile:
    """A finished file of a job."""

    name: str
    path: Path
    size: int
    etag: str


@dataclass
class Job:
    """One export job; what state it is in follows from when it began."""

    id: int
    data_type: str
    selection: Selection | None  # None: somebody else's job, which leaves no files here
    fate: Fault | None
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

    def fated(self, kind: str) -> bool:
        """Whether this is to happen to it."""
        return self.fate is not None and self.fate.kind == kind

    def duration(self) -> float:
        """How long it runs."""
        return self.seconds + self.per_file * len(self.files)

    def state(self, at: float) -> str:
        """Enqueued, Running, Completed, Failed or Cancelled."""
        if self.cancelled:
            return "Cancelled"
        if self.began is None:
            return "Enqueued"
        if not self.written or self.fated("job_endless"):
            return "Running"
        if self.fated("job_requeue") and self.polls <= 3:
            return "Enqueued" if self.polls == 2 else "Running"
        if at - self.began < self.duration():
            return "Running"
        if self.fated("job_failed"):
            return "Failed"
        return "Cancelled" if self.fated("job_cancelled") else "Completed"

    def visible_files(self, at: float) -> list[ExportFile]:
        """The files that have appeared: one after the other while it runs."""
        if self.began is None or self.cancelled:
            return []
        if self.fate is not None and self.fate.kind in ("job_failed", "job_cancelled", "job_endless", "job_truncated"):
            return self.files[: self.fate.after_files]
        duration = self.duration()
        if self.written and at - self.began >= duration:
            return list(self.files)
        share = (at - self.began) / duration if duration > 0 else 1.0
        return self.files[: int(share * len(self.files))]


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
        self, data_type: str, selection: Selection | None, fate: Fault | None, seconds: float | None = None
    ) -> Job:
        """Take a job in; it runs at once where fewer than four do."""
        with self._lock:
            if fate is None and self._settings.job_requeue and selection is not None:
                fate = Fault(None, "job_requeue")
            job = Job(
                id=FIRST_JOB_ID + len(self._jobs),
                data_type=data_type,
                selection=selection,
                fate=fate,
                asked_ms=self._clock.now_ms(),
                seconds=self._settings.job_seconds if seconds is None else seconds,
                per_file=self._settings.job_seconds_per_file,
            )
            self._jobs[job.id] = job
        self.tick()
        return job

    def tick(self) -> None:
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
                if running >= self._settings.jobs_at_once:
                    break
                if job.began is None and not job.cancelled and not job.fated("job_stuck"):
                    running += 1
                    job.began = at
                    begun.append(self._begin(job))
        for writer in begun:
            # Small jobs are written by the time the answer goes out, so that tests meet no race.
            writer.join(timeout=0.5)

    def _begin(self, job: Job) -> threading.Thread:
        writer = threading.Thread(target=self._write, args=(job,), daemon=True, name=f"export-job-{job.id}")
        self._writers = [thread for thread in self._writers if thread.is_alive()] + [writer]
        writer.start()
        return writer

    def _write(self, job: Job) -> None:
        """Write the window into files, none over the bound, none ending within a record."""
        if job.selection is not None:
            folder = self._job_folder(job)
            selection = job.selection._replace(as_of_ms=self._clock.now_ms())
            lines: list[bytes] = []
            size = total = 0
            for line in self._exports.lines(selection):
                if self._closed or job.cancelled:
                    break
                if total + len(line) > self._settings.truncate_bytes:
                    job.truncated = True
                    break
                if lines and size + len(line) > self._settings.file_bytes:
                    self._finish_file(job, folder, lines)
                    lines, size = [], 0
                lines.append(line)
                size += len(line)
                total += len(line)
            if lines and not self._closed:
                self._finish_file(job, folder, lines)
        if job.fated("job_truncated"):
            job.truncated = True
        job.written = True

    def _job_folder(self, job: Job) -> Path:
        with self._lock:
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="sandbox-jobs-"))
            folder = self._folder / str(job.id)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _finish_file(self, job: Job, folder: Path, lines: list[bytes]) -> None:
        body = b"".join(lines)
        name = f"file-{FIRST_FILE + len(job.files)}.json"
        path = folder / name
        path.write_bytes(body)
        job.files.append(ExportFile(name, path, len(body), md5(body).hexdigest()))

    def get(self, job_id: int) -> Job:
        """The job of this id."""
        job = self._jobs.get(job_id)
        if job is None:
            raise not_found(f"Export job {job_id} not found")
        return job

    def poll(self, job_id: int, start_after: str | None) -> tuple[Job, str, list[ExportFile]]:
        """What `export/{jobId}/files` tells: the job, its state, and a page of its files."""
        self.tick()
        with self._lock:
            job = self.get(job_id)
            job.polls += 1
            at = self._clock.elapsed()
            state = job.state(at)
            files = [file for file in job.visible_files(at) if start_after is None or file.name > start_after]
            return job, self._in_some_case(state, job), files[: self._settings.files_page]

    def _in_some_case(self, state: str, job: Job) -> str:
        # The case of states varies (seen); here from one poll to the next.
        if not self._settings.vary_state_case:
            return state
        return (state, state.lower(), state, state.upper())[(job.id + job.polls) % 4]

    def cancel(self, job_id: int) -> None:
        """End a job that is queued or running."""
        self.tick()
        with self._lock:
            job = self.get(job_id)
            if job.state(self._clock.elapsed()) in FINAL:
                raise bad_params(f"Export job {job_id} is not queued or running")
            job.cancelled = True
            job.ended_ms = self._clock.now_ms()
        self.tick()

    def state(self, job_id: int) -> str:
        """The state of a job, in its ordinary case."""
        self.tick()
        return self.get(job_id).state(self._clock.elapsed())

    def recent(self) -> list[dict[str, Any]]:
        """All jobs as `export/jobs` lists them, newest first."""
        self.tick()
        at = self._clock.elapsed()
        listed = []
        for job in reversed(list(self._jobs.values())):
            entry: dict[str, Any] = {
                "id": job.id,
                "dataTypeName": job.data_type,
                "jobState": job.state(at),
                "scheduledStartTime": iso_time(job.asked_ms),
                "bytesExported": sum(file.size for file in job.visible_files(at)),
            }
            if job.ended_ms is not None:
                entry["endTime"] = iso_time(job.ended_ms)
            listed.append(entry)
        return listed

    def close(self) -> None:
        """Stop writing and remove all files."""
        self._closed = True
        for writer in self._writers:
            writer.join(timeout=10)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

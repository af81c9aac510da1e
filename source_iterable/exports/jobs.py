"""The jobs transport: `POST export/start`, then files of at most 10 MB; four jobs at a time, one request a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from source_iterable.api.ahead import read_ahead
from source_iterable.api.client import IterableClient
from source_iterable.api.rate_budget import NotYet, Permit
from source_iterable.api.retry import FILE
from source_iterable.api.spooled import SpooledResponse
from source_iterable.errors import (
    BrokenResponse,
    EndUnknown,
    JobFailed,
    ServerError,
    TooLarge,
    TransientError,
    Unreachable,
    WindowFailed,
)
from source_iterable.exports.export_job import ENDED, START, TRUNCATED, ExportFile, ExportJob, FilesPage, JobState
from source_iterable.exports.windows import Window

# Iterable runs this many jobs of an organization at once; more would queue there, where we cannot see why.
JOBS_AT_ONCE = 4
# Seconds until the retry while all slots are taken.
_FULL = NotYet(0.2)
# Files have up to 10 MB (reference); anything over this is not an export file.
FILE_BYTES = 512 * 2**20
# Bytes of files prefetched while their job still runs: they are used only once it has completed.
AHEAD_BYTES = 32 * 2**20
# Files fetched before they are needed: listing them takes a request per ten, at one request a second.
FILES_AHEAD = 3
# Seconds between polls of a job: the first, and the longest.
FIRST_POLL, LONGEST_POLL = 2.0, 30.0
# Seconds without progress after which a job is given up.
STUCK = 24 * 3600.0

# Seconds that cancelling may take at the end of a sync: Airbyte gives a source ten after SIGTERM.
CLOSING = 8.0


class JobsTransport:
    """Reads a window through its own export job, and cancels the job if it is no longer needed."""

    name = "jobs"
    max_bytes: int | None = None

    def __init__(self, client: IterableClient) -> None:
        self._client = client
        self._slots = threading.BoundedSemaphore(JOBS_AT_ONCE)
        self._changed = threading.Condition()
        self._running: set[ExportJob] = set()
        self._starting = 0
        self._cancelling = 0

    def prefers(self, window: Window) -> bool:
        """Every window: a job's files are fetched one at a time, and only a broken one is retried."""
        return True

    def try_acquire(self) -> Permit | NotYet:
        if not self._slots.acquire(blocking=False):
            return _FULL
        permit = self._client.budgets.for_path(START).try_acquire()
        if isinstance(permit, NotYet):
            self._slots.release()
        return permit

    def read(self, data_type: str, window: Window, permit: Permit) -> Iterator[SpooledResponse]:
        """Yield the window's files, one part each, once the job has completed.

        Raises WindowFailed or JobFailed before the first part, IterableError if a file of a completed job cannot be fetched.
        """
        held: dict[str, SpooledResponse] = {}
        try:
            job, files = self._run(data_type, window, permit, held)
            parts = (held.pop(file.name) if file.name in held else self._fetch(job, file) for file in files)
            # Fetches files while earlier ones are parsed into records.
            yield from read_ahead(parts, FILES_AHEAD)
        finally:
            for part in held.values():
                part.close()

    def close(self) -> None:
        """Cancel this sync's jobs, also one whose start is under way; no other job is touched. Takes at most CLOSING."""
        deadline = time.monotonic() + CLOSING
        with self._changed:
            self._changed.wait_for(lambda: not self._starting, CLOSING / 2)
            for job in self._running:
                threading.Thread(target=self._cancel, args=(job,), daemon=True).start()
            # Threads that wait for their jobs cancel them by themselves, as soon as the client is stopped.
            self._changed.wait_for(lambda: not self._running and not self._cancelling, deadline - time.monotonic())

    def _run(
        self, data_type: str, window: Window, permit: Permit, held: dict[str, SpooledResponse]
    ) -> tuple[ExportJob, list[ExportFile]]:
        """Start a job, wait until it completes, and list its files. Releases its slot."""
        try:
            job = self._start(data_type, window, permit)
            try:
                with self._client.progress.waiting(f"{job} ({data_type}, {window})"):
                    shown = self._wait_for(job, held)
            except ServerError as error:
                self._cancel(job)
                raise JobFailed(str(error)) from None
            except BaseException:
                self._cancel(job)
                raise
            with self._changed:
                self._running.discard(job)
        finally:
            self._slots.release()
        return job, job.files(shown)

    def _start(self, data_type: str, window: Window, permit: Permit) -> ExportJob:
        with self._changed:
            self._starting += 1
        try:
            job = ExportJob.start(self._client, data_type, window, permit)
            with self._changed:
                self._running.add(job)
        finally:
            with self._changed:
                self._starting -= 1
                self._changed.notify_all()
        return job

    def _cancel(self, job: ExportJob) -> None:
        """Cancel a job that still runs, once, whoever comes first."""
        with self._changed:
            if job not in self._running:
                return
            self._running.discard(job)
            self._cancelling += 1
        try:
            job.cancel()
        finally:
            with self._changed:
                self._cancelling -= 1
                self._changed.notify_all()

    def _wait_for(self, job: ExportJob, held: dict[str, SpooledResponse]) -> set[str]:
        """Wait until a job has completed. Returns the names of the files that were shown meanwhile."""
        pause, waited = FIRST_POLL, 0.0
        last: tuple[JobState, tuple[str, ...]] | None = None
        shown: set[str] = set()
        while True:
            self._client.wait(pause * self._client.pace)
            page = job.page()
            if page.truncated:
                raise WindowFailed(TRUNCATED)
            shown.update(page.names)
            if page.state is JobState.COMPLETED:
                return shown
            if page.state in ENDED:
                raise JobFailed(f"Iterable ended {job} as {page.state.value}.")
            if page.state is JobState.RUNNING:
                self._fetch_ahead(page, held)
            waited = waited + pause if last == (page.state, page.names) else 0.0
            last = (page.state, page.names)
            if waited > STUCK:
                raise JobFailed(f"Iterable kept {job} {page.state.value} for {STUCK / 3600:.0f} hours.")
            pause = min(pause * 1.5, LONGEST_POLL)

    def _fetch_ahead(self, page: FilesPage, held: dict[str, SpooledResponse]) -> None:
        """Fetch files while the job runs. A restarted job resumes where it was, so its files stay (reference)."""
        for listed in page.files:
            room = AHEAD_BYTES - sum(part.size for part in held.values())
            if listed.file not in held and room > 0:
                try:
                    held[listed.file] = self._client.receive_file(listed.url, room)
                except (BrokenResponse, EndUnknown, TooLarge, Unreachable):
                    return

    def _fetch(self, job: ExportJob, file: ExportFile) -> SpooledResponse:
        """Fetch a file, with a fresh link for every retry: links expire after half an hour (seen)."""
        current: ExportFile | None = None

        def attempt() -> SpooledResponse:
            nonlocal current
            current = file if current is None else job.fresh(current)
            return self._client.receive_file(current.url, FILE_BYTES)

        what = f"file {file.name} of {job}"
        try:
            return self._client.with_retries(FILE, what, attempt)
        except (BrokenResponse, EndUnknown, TooLarge, Unreachable) as error:
            raise TransientError(f"The {what} could not be fetched whole: {error}") from None

"""The jobs transport: `POST export/start`, then files of at most 10 MB; four jobs at a time, one request a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from source_iterable.api.ahead import in_order
from source_iterable.api.client import IterableClient
from source_iterable.api.rate_budget import NotYet, Permit
from source_iterable.api.retry import RESPONSE
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
from source_iterable.exports.files import FileHost
from source_iterable.exports.windows import Window

# Iterable runs this many jobs of an organization at once; more would queue there, where we cannot see why.
JOBS_AT_ONCE = 4
# Seconds until the retry while all slots are taken.
_FULL = NotYet(0.2)
# Files have up to 10 MB (reference); anything over this is not an export file.
FILE_BYTES = 512 * 2**20
# Files fetched at a time, and up to twice as many ahead, while earlier ones are parsed into records.
FILES_AT_ONCE = 2
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
        self._host = FileHost(client)
        self._slots = threading.BoundedSemaphore(JOBS_AT_ONCE)
        self._changed = threading.Condition()
        self._running: set[ExportJob] = set()
        # Jobs that are being started or cancelled.
        self._changing = 0

    def prefers(self, window: Window) -> bool:
        """Every window: of a job's files, only a broken one is retried."""
        return True

    def try_acquire(self) -> Permit | NotYet:
        if not self._slots.acquire(blocking=False):
            return _FULL
        permit = self._client.budgets.for_path(START).try_acquire()
        if isinstance(permit, NotYet):
            self._slots.release()
        return permit

    def read(self, data_type: str, window: Window, permit: Permit) -> Iterator[SpooledResponse]:
        """Yield the window's files once the job has completed.

        Raises WindowFailed or JobFailed before the first file, IterableError if a file of a completed job cannot be fetched.
        """
        job, files = self._run(data_type, window, permit)
        for _, file in in_order(partial(self._fetch, job), files, FILES_AT_ONCE):
            yield file

    def close(self) -> None:
        """Cancel this sync's jobs, also one whose start is under way; no other job is touched. Takes at most CLOSING."""
        deadline = time.monotonic() + CLOSING
        with self._changed:
            self._changed.wait_for(lambda: not self._changing, CLOSING / 2)
            for job in list(self._running):
                threading.Thread(target=self._cancel, args=(job,), daemon=True).start()
            # Threads that wait for their jobs cancel them by themselves, as soon as the client is stopped.
            self._changed.wait_for(lambda: not self._running and not self._changing, deadline - time.monotonic())

    def _run(self, data_type: str, window: Window, permit: Permit) -> tuple[ExportJob, list[ExportFile]]:
        """Start a job, wait until it completes, and list its files. Releases its slot."""
        try:
            with self._change():
                job = ExportJob.start(self._client, data_type, window, permit)
                self._running.add(job)
            try:
                with self._client.progress.waiting(f"{job} ({data_type}, {window})"):
                    listed = self._wait_for(job)
                self._running.discard(job)
            except ServerError as error:
                raise JobFailed(str(error)) from None
            finally:
                self._cancel(job)
        finally:
            self._slots.release()
        return job, job.files(listed)

    @contextmanager
    def _change(self) -> Iterator[None]:
        """Around the start or the end of a job, for which `close` waits."""
        with self._changed:
            self._changing += 1
        try:
            yield
        finally:
            with self._changed:
                self._changing -= 1
                self._changed.notify_all()

    def _cancel(self, job: ExportJob) -> None:
        """Cancel a job that still runs, once, whoever comes first."""
        with self._change():
            try:
                self._running.remove(job)
            except KeyError:
                return
            job.cancel()

    def _wait_for(self, job: ExportJob) -> set[str]:
        """Wait until a job has completed. Returns the names of the files that it listed meanwhile."""
        pause, waited = FIRST_POLL, 0.0
        last: FilesPage | None = None
        listed: set[str] = set()
        while True:
            self._client.wait(pause * self._client.pace)
            page = job.page()
            if page.truncated:
                raise WindowFailed(TRUNCATED)
            listed.update(page.names)
            if page.state is JobState.COMPLETED:
                return listed
            if page.state in ENDED:
                raise JobFailed(f"Iterable ended {job} as {page.state.value}.")
            waited = waited + pause if last and (last.state, last.names) == (page.state, page.names) else 0.0
            last = page
            if waited > STUCK:
                raise JobFailed(f"Iterable kept {job} {page.state.value} for {STUCK / 3600:.0f} hours.")
            pause = min(pause * 1.5, LONGEST_POLL)

    def _fetch(self, job: ExportJob, file: ExportFile) -> SpooledResponse:
        """Fetch a file, with a fresh link for every retry: links expire after half an hour (seen)."""
        was_tried = False

        def attempt() -> SpooledResponse:
            nonlocal was_tried
            current = job.fresh(file) if was_tried else file
            was_tried = True
            return self._host.receive(current.url, FILE_BYTES)

        what = f"file {file.name} of {job}"
        try:
            return self._client.with_retries(RESPONSE, what, attempt)
        except (BrokenResponse, EndUnknown, TooLarge, Unreachable) as error:
            raise TransientError(f"The {what} could not be fetched whole: {error}") from None

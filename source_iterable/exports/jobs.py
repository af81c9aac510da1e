"""The jobs transport: `POST export/start`, then files of at most 10 MB; four jobs at a time, one request a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain

import requests

from source_iterable.api.ahead import run_ahead
from source_iterable.api.client import IterableClient
from source_iterable.api.rate_budget import NotYet, Permit
from source_iterable.api.request import TIMEOUT
from source_iterable.api.retry import LISTING, RESPONSE
from source_iterable.api.session import PrivateAddress, Session
from source_iterable.api.spooled import SpooledResponse, receive
from source_iterable.api.wording import cause_before_the_server
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
from source_iterable.exports.export_job import COMPLETED, ENDED, START, TRUNCATED, ExportFile, ExportJob
from source_iterable.exports.windows import Window

# Iterable runs this many jobs of an organization at once; more would queue there, where we cannot see why.
JOBS_AT_ONCE = 4
# Iterable truncates a larger export (reference).
MAX_BYTES = 100 * 10**9
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


class FileHost:
    """Fetches files of export jobs behind presigned links, from a host that must not see the key. Thread-safe."""

    def __init__(self, client: IterableClient) -> None:
        self._client = client
        self._session = Session(client.is_local)

    def receive(self, url: str, max_bytes: int = FILE_BYTES) -> SpooledResponse:
        """GET a presigned URL, once.

        Raises Unreachable, BrokenResponse, EndUnknown, TooLarge, ConfigError if a proxy refuses, LocalError or Stopped.
        """
        self._client.wait(0)
        with self._client.progress.waiting("a file of an export job"):
            try:
                response = self._session.send_to("GET", url, "A link to a file", timeout=TIMEOUT)
            except (PrivateAddress, requests.exceptions.InvalidSchema, requests.exceptions.InvalidURL):
                raise BrokenResponse("The link to an export file is not an https URL of a public host.") from None
            except (requests.RequestException, ValueError) as error:
                cause = cause_before_the_server(self._session, error)
                raise cause or Unreachable("The storage host could not be reached.") from None
            if response.status_code != 200:
                response.close()
                raise BrokenResponse(f"The storage host answered {response.status_code}.")
            return receive(response, max_bytes)


class JobsTransport:
    """Reads a window through its own export job, and cancels the job if it is no longer needed."""

    name = "jobs"
    max_bytes = MAX_BYTES

    def __init__(self, client: IterableClient) -> None:
        self._client = client
        self._host = FileHost(client)
        self._slots = threading.BoundedSemaphore(JOBS_AT_ONCE)
        self._changed = threading.Condition()
        self._running: dict[int, ExportJob] = {}
        # Jobs that are being started or cancelled.
        self._changing = 0

    def prefers(self, window: Window) -> bool:
        """True for every window: when a file breaks off, only that file is fetched again."""
        return True

    def try_acquire(self) -> Permit | NotYet:
        if not self._slots.acquire(blocking=False):
            return NotYet(0.2)  # while all slots are taken
        permit = self._client.budgets.for_path(START).try_acquire()
        if isinstance(permit, NotYet):
            self._slots.release()
        return permit

    def read(self, data_type: str, window: Window, permit: Permit) -> Iterator[SpooledResponse]:
        """Yield the window's files once the job has completed.

        Raises WindowFailed or JobFailed before the first file, IterableError if a file of a completed job cannot be fetched.
        """
        try:
            with self._change():
                job = ExportJob.start(self._client, data_type, window, permit)
                self._running[job.id] = job
            try:
                with self._client.progress.waiting(f"{job} ({data_type}, {window})"):
                    listed = self._wait_for(job)
                self._running.pop(job.id, None)
            except ServerError as error:
                raise JobFailed(str(error)) from None
            finally:
                self._cancel(job)
        finally:
            self._slots.release()
        files = self._client.with_retries(LISTING, f"the files of {job}", partial(job.files, listed))
        for _, response in run_ahead(partial(self._fetch, job), files, FILES_AT_ONCE):
            yield response

    def close(self) -> None:
        """Cancel this sync's jobs, also one whose start is under way; no other job is touched. Takes at most CLOSING."""
        deadline = time.monotonic() + CLOSING
        with self._changed:
            self._changed.wait_for(lambda: not self._changing, CLOSING / 2)
            for job in list(self._running.values()):
                threading.Thread(target=self._cancel, args=(job,), daemon=True).start()
            # Threads that wait for their jobs cancel them by themselves, as soon as the client is stopped.
            self._changed.wait_for(lambda: not self._running and not self._changing, deadline - time.monotonic())

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
        """Cancel a job unless it is done: once, though its reader and `close` may both call this."""
        with self._change():
            if self._running.pop(job.id, None):
                job.cancel()

    def _wait_for(self, job: ExportJob) -> set[str]:
        """Wait until a job has completed. Returns the names of the files that it listed meanwhile."""
        pause, waited = FIRST_POLL, 0.0
        last = None
        listed: set[str] = set()
        while True:
            self._client.wait(pause * self._client.pace)
            page = job.page()
            if page.truncated:
                raise WindowFailed(TRUNCATED)
            names = {file.name for file in page.files}
            listed |= names
            if page.state == COMPLETED:
                return listed
            if page.state in ENDED:
                raise JobFailed(f"Iterable ended {job} as {page.state}.")
            waited = waited + pause if last == (page.state, names) else 0.0
            last = page.state, names
            if waited > STUCK:
                raise JobFailed(f"Iterable kept {job} {page.state} for {STUCK / 3600:.0f} hours.")
            pause = min(pause * 1.5, LONGEST_POLL)

    def _fetch(self, job: ExportJob, file: ExportFile) -> SpooledResponse:
        """Fetch a file, with a fresh link for every retry: links expire after half an hour (seen)."""
        what = f"file {file.name} of {job}"
        links = chain([file.url], iter(lambda: job.fresh(file).url, None))
        try:
            return self._client.with_retries(RESPONSE, what, lambda: self._host.receive(next(links)))
        except (BrokenResponse, EndUnknown, TooLarge, Unreachable) as error:
            raise TransientError(f"The {what} could not be fetched whole: {error}") from None

"""The jobs transport: `POST export/start`, then files of at most 10 MB; four jobs at a time, one request a second."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain

from source_iterable.api.ahead import run_ahead
from source_iterable.api.client import IterableClient
from source_iterable.api.rate_budget import NotYet
from source_iterable.api.retry import LISTING, RESPONSE
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
from source_iterable.exports.durations import Durations
from source_iterable.exports.export_job import COMPLETED, ENDED, ExportFile, ExportJob, FilesPage
from source_iterable.exports.file_host import FileHost
from source_iterable.exports.transport import Elsewhere, Read
from source_iterable.exports.windows import UNIT_BYTES, Window

# Iterable runs this many jobs of an organization at once; more would queue there, where we cannot see why.
JOBS_AT_ONCE = 4
# Iterable truncates a larger export (reference).
MAX_BYTES = 100 * 10**9
# Bytes of a window: a job takes its time and some requests whatever its size.
WINDOW_BYTES = 10**9
# Bytes of a file, at most (reference).
FILE_BYTES = 10 * 10**6
# Bytes that are expected of a window whose export should have a file.
_SOME_BYTES = 10**6
# Files fetched at a time, and up to twice as many ahead, while earlier ones are parsed into records.
FILES_AT_ONCE = 2
# Seconds that a job takes, as long as none has completed.
FIRST_GUESS = 30.0
# Seconds from the start of a job to the first look at it, and between two looks, at least and at most.
FIRST_LOOK, SHORTEST_POLL, LONGEST_POLL = 2.0, 1.0, 30.0
# Seconds without progress after which a job is given up, if no other transport can read its window.
STUCK = 24 * 3600.0
# A job with files is given up only if it takes so many times as long as others.
_FAR_BEHIND = 4
# Seconds that cancelling may take at the end of a sync: Airbyte gives a source ten after SIGTERM.
CLOSING = 8.0


class JobsTransport:
    """Reads a window through its own export job, and cancels the job if it is no longer needed.

    `freed` is called whenever another job may start.
    """

    name = "jobs"
    max_bytes = MAX_BYTES
    window_bytes = WINDOW_BYTES
    # The first file, until its turn comes; then a few more.
    spool_bytes = 2 * FILE_BYTES

    def __init__(self, client: IterableClient, freed: Callable[[], None] = lambda: None) -> None:
        self._client = client
        self._freed = freed
        self._host = FileHost(client)
        self.durations = Durations(FIRST_GUESS)
        self._changed = threading.Condition()
        self._free = JOBS_AT_ONCE
        # When each probably completes, by time.monotonic(); the oldest first.
        self._running: dict[ExportJob, float] = {}
        # Jobs that are being started or cancelled; how many were given up since the last one that completed.
        self._changing = self._given_up = 0

    def try_acquire(self) -> Read | NotYet:
        with self._changed:
            if not self._free:
                return NotYet(math.inf)  # until `freed`
            self._free -= 1
        return self._read

    def within(self, seconds: float) -> int:
        end = time.monotonic() + seconds
        # A copy: other threads start and end jobs meanwhile.
        return self._free + sum(completes <= end for completes in list(self._running.values())) if seconds >= 0 else 0

    def _read(self, data_type: str, window: Window, elsewhere: Elsewhere) -> Iterator[SpooledResponse]:
        """Yield the window's files once its job has completed.

        Raises JobFailed or WindowFailed before the first file, IterableError if a file of a completed job cannot be fetched.
        """
        try:
            with self._change():
                job = ExportJob.start(self._client, data_type, window)
                self._running[job] = time.monotonic() + self.durations.expected(window.expected_bytes)
            try:
                with self._client.progress.waiting(f"{job} ({data_type}, {window})"):
                    page, listed = self._wait_for(job, data_type, window, elsewhere)
                self._running.pop(job, None)
            except ServerError as error:
                raise JobFailed(str(error)) from None
            finally:
                self._cancel(job)
        finally:
            with self._changed:
                self._free += 1
            self._freed()
        # A list may be empty for a moment. Another look costs a request: where nothing is expected, it is believed.
        is_odd = not page.files and window.expected_bytes >= _SOME_BYTES
        pages = chain([] if is_odd else [page], iter(job.page, None))
        files = self._client.with_retries(LISTING, f"the files of {job}", lambda: job.files(next(pages), listed))
        # The first one alone: a window may have to wait until those before it have been read.
        yield from map(partial(self._fetch, job), files[:1])
        for _, response in run_ahead(partial(self._fetch, job), files[1:], FILES_AT_ONCE):
            yield response

    def close(self) -> None:
        """Cancel this sync's jobs, also one whose start is under way; no other job is touched. Takes at most CLOSING."""
        deadline = time.monotonic() + CLOSING
        with self._changed:
            self._changed.wait_for(lambda: not self._changing, CLOSING / 2)
            for job in list(self._running):
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
            if self._running.pop(job, None) is not None:
                job.cancel()

    def _wait_for(
        self, job: ExportJob, data_type: str, window: Window, elsewhere: Elsewhere
    ) -> tuple[FilesPage, set[str]]:
        """Wait until a job has completed. Returns the page that says so, and the files that were listed meanwhile."""
        began, looked = time.monotonic(), 0.0
        last, moved = None, 0.0
        listed: set[str] = set()
        while True:
            while (pause := began + self._next_look(job, window, looked) - time.monotonic()) > 0:
                # While nothing is known, another job may complete and show when this one probably will.
                self._client.wait(pause if self.durations.is_known else min(pause, SHORTEST_POLL * self._client.pace))
            page = job.page()
            before, looked = looked, time.monotonic() - began
            listed |= {file.name for file in page.files}
            if page.state == COMPLETED:
                # It did so since the last look; if there was none, lately.
                size = window.expected_bytes or FILE_BYTES * max(len(page.files) - 1, 0)
                self.durations.learn(data_type, size, (max(before, 0.9 * looked) + looked) / 2)
                self._given_up = 0
                return page, listed
            if page.state in ENDED:
                raise JobFailed(f"Iterable ended {job} as {page.state}.")
            if last != (page.state, len(listed)):
                last, moved = (page.state, len(listed)), looked
            if looked - moved > STUCK * self._client.pace:
                raise JobFailed(f"Iterable kept {job} {page.state} for {STUCK / 3600:.0f} hours.")
            if self._lingers(window, looked, bool(listed), elsewhere):
                # It may take any time. If none completes, soon none is started that anything else could read.
                self._given_up += 1
                self.durations.suppose(window.expected_bytes, looked * 2**self._given_up)
                # Smaller windows, if this one is too large to be read elsewhere.
                kind = JobFailed if window.expected_bytes <= UNIT_BYTES else WindowFailed
                raise kind(f"Iterable has not completed {job} within {looked:.0f} seconds.")

    def _lingers(self, window: Window, looked: float, has_files: bool, elsewhere: Elsewhere) -> bool:
        """Whether to cancel a job that has not completed after `looked` seconds: its window is read faster elsewhere."""
        expected = self.durations.expected(window.expected_bytes)
        # One that lists files is under way: what others took may not be what one of its size takes.
        if has_files and (not self.durations.is_known or looked < _FAR_BEHIND * expected):
            return False
        return elsewhere(expected - looked if looked < expected else looked / 2)

    def _next_look(self, job: ExportJob, window: Window, looked: float) -> float:
        """Seconds from its start until a job is looked at again: soon after it has probably completed, then ever less often.

        While it is unknown how long jobs take, it is the oldest one that shows it: looks at the others would take requests
        from it and from jobs that could start.
        """
        pace = self._client.pace
        if self.durations.is_known:
            wanted = max(0.95 * self.durations.expected(window.expected_bytes) - looked, looked / 16)
        else:
            wanted = looked / 8 if [job] == list(self._running)[:1] else LONGEST_POLL
        shortest = FIRST_LOOK if not looked else SHORTEST_POLL
        return looked + min(max(wanted, shortest * pace), LONGEST_POLL * pace)

    def _fetch(self, job: ExportJob, file: ExportFile) -> SpooledResponse:
        """Fetch a file, with a fresh link for every retry: links expire after half an hour (seen)."""
        what = f"file {file.name} of {job}"
        links = chain([file.url], iter(lambda: job.fresh(file).url, None))
        try:
            return self._client.with_retries(RESPONSE, what, lambda: self._host.receive(next(links)))
        except (BrokenResponse, EndUnknown, TooLarge, Unreachable) as error:
            raise TransientError(f"The {what} could not be fetched whole: {error}") from None

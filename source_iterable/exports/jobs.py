"""The jobs transport: `POST export/start`, then files of at most 10 MB; four jobs at a time, one request a second."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import orjson
import requests

from source_iterable.ahead import read_ahead
from source_iterable.api import IterableClient
from source_iterable.errors import IterableError, ServerError, Unreachable
from source_iterable.exports.parts import Broken, Part, TooLarge, receive
from source_iterable.exports.transport import Split, TryAgain
from source_iterable.exports.windows import Window
from source_iterable.rate_budget import Place

# Iterable works at so many jobs of an organization at once; further ones wait there, where we cannot see why.
JOBS_AT_ONCE = 4
# Files have up to 10 MB by the reference; more than this is not an export file.
FILE_BYTES = 512 * 2**20
# Bytes of files that are fetched while their job still runs: they count only once it has completed.
AHEAD_BYTES = 32 * 2**20
FILE_ATTEMPTS = 5
# Files that are fetched before they are needed: their list is a request a second, for ten of them.
FILES_AHEAD = 3
# Seconds between two looks at a job: the first, and the longest.
FIRST_LOOK, LONGEST_LOOK = 2.0, 30.0
# A job that has shown nothing new for so many seconds will not any more.
STUCK = 24 * 3600.0
_START = "export/start"


class JobsTransport:
    """Reads a window through an export job of its own, and cancels the job when it is not needed any more."""

    def __init__(self, client: IterableClient) -> None:
        self._client = client
        self._slots = threading.BoundedSemaphore(JOBS_AT_ONCE)
        self._lock = threading.Lock()
        self._running: set[int] = set()

    def try_enter(self) -> Place | float:
        """A place for one more job, or the seconds after which to ask again."""
        if not self._slots.acquire(blocking=False):
            return 0.2
        place = self._client.budgets.of(_START).try_place()
        if not isinstance(place, Place):
            self._slots.release()
        return place

    def read(self, data_type: str, window: Window, place: Place) -> Iterator[Part]:
        """The window's files, one part each, once the job has completed.

        Raises Split, or TryAgain, when nothing of the window could be read, an IterableError when a file of a completed
        job cannot be had.
        """
        held: dict[str, Part] = {}
        try:
            job = self._run(data_type, window, place, held)
            parts = (
                held.pop(name) if name in held else self._fetch_whole(job, name, url) for name, url in self._files(job)
            )
            # Files arrive, and the next ten are asked for, while the ones before them are made into records.
            yield from read_ahead(parts, FILES_AHEAD)
        finally:
            for part in held.values():
                part.close()

    def cancel_all(self) -> None:
        """Cancel the jobs that this sync has started and that still run; no other job is touched."""
        with self._lock:
            jobs, self._running = self._running, set()
        for job in jobs:
            self._cancel(job)

    def _run(self, data_type: str, window: Window, place: Place, held: dict[str, Part]) -> int:
        """Start a job and wait until it has completed. Its slot is free again when this returns."""
        try:
            job = self._start(data_type, window, place)
            with self._lock:
                self._running.add(job)
            try:
                with self._client.progress.waiting(f"export job {job} ({data_type}, {window})"):
                    self._wait_for(job, held)
            except ServerError as error:
                self._cancel(job)
                raise TryAgain(str(error)) from None
            except BaseException:
                self._cancel(job)
                raise
            finally:
                with self._lock:
                    self._running.discard(job)
            return job
        finally:
            self._slots.release()

    def _start(self, data_type: str, window: Window, place: Place) -> int:
        body = {"dataTypeName": data_type, "outputFormat": "application/x-json-stream", **window.parameters}
        try:
            return int(self._client.post_json(_START, body, place=place)["jobId"])
        except (ServerError, Unreachable) as error:
            raise TryAgain(str(error)) from None
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            raise TryAgain("Iterable's answer to POST export/start holds no jobId") from None

    def _wait_for(self, job: int, held: dict[str, Part]) -> None:
        pause = FIRST_LOOK
        waited, shown = 0.0, ""
        while True:
            self._client.wait(pause * self._client.pace)
            page = self._page(job)
            state = str(page.get("jobState")).lower()
            if page.get("exportTruncated"):
                raise Split("the export is over Iterable's size limit")
            if state == "completed":
                return
            if state in ("failed", "cancelled", "canceled", "cancelling"):
                raise TryAgain(f"export job {job} ended as {state}")
            if state == "running":
                self._fetch_ahead(page, held)
            waited, shown = (waited + pause, shown) if shown == _shown(page) else (0.0, _shown(page))
            if waited > STUCK:
                raise TryAgain(f"export job {job} has been {state} for {STUCK / 3600:.0f} hours")
            pause = min(pause * 1.5, LONGEST_LOOK)

    def _page(self, job: int, start_after: str | None = None) -> dict[str, Any]:
        page = self._client.get_json(f"export/{job}/files", {"startAfter": start_after} if start_after else None)
        if not isinstance(page, dict):
            raise Unreachable(f"Iterable's list of the files of export job {job} is not an object.")
        return page

    def _fetch_ahead(self, page: dict[str, Any], held: dict[str, Part]) -> None:
        """Fetch files while the job runs. A job that restarts goes on where it was, so its files stay (reference)."""
        for name, url in _files_of(page):
            room = AHEAD_BYTES - sum(part.size for part in held.values())
            if name not in held and room > 0:
                try:
                    held[name] = self._fetch(url, room)
                except (Broken, TooLarge, requests.RequestException):
                    return

    def _files(self, job: int) -> Iterator[tuple[str, str]]:
        """Names and links of all files, from the first page on: pages seen while the job ran may have been incomplete."""
        seen: set[str] = set()
        start_after = None
        while True:
            page = self._page(job, start_after)
            if page.get("exportTruncated") and not seen:
                raise Split("the export is over Iterable's size limit")
            new = [(name, url) for name, url in _files_of(page) if name not in seen]
            if not new:
                return
            yield from new
            seen.update(name for name, _ in new)
            start_after = new[-1][0]

    def _fetch_whole(self, job: int, name: str, url: str) -> Part:
        """Fetch a file, with a fresh link for every further attempt: links expire after half an hour."""
        for attempt in range(1, FILE_ATTEMPTS + 1):
            try:
                return self._fetch(url, FILE_BYTES)
            except (Broken, TooLarge, requests.RequestException) as error:
                why = _why(error)
            if attempt < FILE_ATTEMPTS:
                self._client.pause(attempt, f"file {name} of export job {job} again: {why}")
                url = self._fresh_link(job, name) or url
        raise Unreachable(f"File {name} of export job {job} could not be fetched whole, tried {attempt} times: {why}.")

    def _fetch(self, url: str, bound: int) -> Part:
        with self._client.progress.waiting("a file of an export job"):
            return receive(self._client.open_file(url), bound)

    def _fresh_link(self, job: int, name: str) -> str | None:
        return next((url for other, url in self._files(job) if other == name), None)

    def _cancel(self, job: int) -> None:
        # Best effort: a job that is done, gone or out of reach needs no cancelling.
        with contextlib.suppress(IterableError, requests.RequestException):
            self._client.cancel(f"export/{job}")


def _files_of(page: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for file in page.get("files") or []:
        yield str(file["file"]), str(file["url"])


def _shown(page: dict[str, Any]) -> str:
    return f"{page.get('jobState')} {[name for name, _ in _files_of(page)]}".lower()


def _why(error: Exception) -> str:
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"the storage host answered {error.response.status_code}"
    return str(error) if isinstance(error, Broken) else "the storage host could not be reached"

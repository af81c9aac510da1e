"""ExportJob: one export job at Iterable, its state and its files, as the API reports them."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from functools import partial
from typing import Any

import requests
from msgspec import Struct, field

from source_iterable.api.client import IterableClient
from source_iterable.api.request import Request, ShapeError, model_of
from source_iterable.api.retry import ONCE
from source_iterable.errors import (
    BrokenResponse,
    IterableError,
    JobFailed,
    ServerError,
    TimedOut,
    Unreachable,
    WindowFailed,
)
from source_iterable.exports.windows import Window

START = "export/start"
# Files of one job: an export of 100 GB, beyond which it is truncated, has about 10,000 (reference).
MAX_FILES = 100_000
TRUNCATED = "The export is over Iterable's size limit."


# The states of a job; from one of ENDED it never completes. Any other word is "unknown", and the job goes on.
COMPLETED = "completed"
ENDED = ("failed", "cancelled", "cancelling")
STATES = ("enqueued", "queued", "running", COMPLETED, *ENDED)


class ExportFile(Struct):
    """One file of a job, with a presigned link that expires. `after` is the `startAfter` of the page that lists it."""

    name: str = field(name="file")
    url: str
    after: str | None = None


class FilesPage(Struct):
    """A response of `export/{jobId}/files`: the job's state and a page of its files (ten, seen)."""

    state: str = field(name="jobState")
    files: list[ExportFile]
    truncated: bool = field(name="exportTruncated", default=False)
    # Bytes of the whole export, if Iterable tells them here, too (reference, JobModel).
    exported: Any = field(name="bytesExported", default=None)


def _job_id(response: Any) -> int:
    try:
        return int(str(response["jobId"]).removesuffix(".0"))
    except (KeyError, TypeError, ValueError):
        raise ShapeError("holds no jobId") from None


class ExportJob:
    """A started job, by its id."""

    def __init__(self, client: IterableClient, job_id: int) -> None:
        self._client = client
        self.id = job_id

    @classmethod
    def start(cls, client: IterableClient, data_type: str, window: Window) -> ExportJob:
        """Start a job for a window. Raises JobFailed if it is unknown whether it started, or an ApiError."""
        body = {"dataTypeName": data_type, "outputFormat": "application/x-json-stream", **window.parameters}
        request = Request(START, method="POST", body=body, retry=ONCE)
        try:
            return cls(client, client.json(request, _job_id))
        except (ServerError, Unreachable, TimedOut, BrokenResponse) as error:
            raise JobFailed(str(error)) from None

    def page(self, start_after: str | None = None) -> FilesPage:
        """Return the state of the job, and its files after `start_after`.

        Raises WindowFailed if the export is truncated, or another IterableError.
        """
        parameters = {"startAfter": start_after} if start_after else None
        page = self._client.get_json(f"export/{self.id}/files", parameters, partial(model_of, FilesPage))
        # Iterable varies the case (seen).
        page.state = page.state.lower() if page.state.lower() in STATES else "unknown"
        if page.truncated:
            raise WindowFailed(TRUNCATED)
        for file in page.files:
            file.after = start_after
        return page

    def files(self, page: FilesPage, listed: Collection[str]) -> list[ExportFile]:
        """List the files of a completed job, from the first `page` to the empty one, each file once.

        The list is complete before any file is read: only then it is known that the job stayed completed, that the export
        is not truncated, and that no file is missing that was `listed` while the job ran. An export without files has one
        page, which says all of that by itself.

        Raises:
            JobFailed: the pages contradict each other.
            WindowFailed: the export is truncated.
            IterableError: the pages cannot be read.
        """
        files: dict[str, ExportFile] = {}
        while page.files:
            new = {each.name: each for each in page.files if each.name not in files}
            if not new or len(files) > MAX_FILES:
                raise JobFailed(f"The list of files of {self} does not end.")
            files.update(new)
            page = self.page(list(new)[-1])
            if page.state != COMPLETED:
                raise JobFailed(f"Iterable completed {self}, and then called it {page.state}.")
        if missing := len(set(listed) - files.keys()):
            raise JobFailed(f"The list of files of {self} lacks {missing} that it had before.")
        if page.exported and not files:
            raise JobFailed(f"Iterable exported {page.exported} bytes by {self}, and lists no file.")
        # Listed under two names, it is one file.
        return list({file.url: file for file in files.values()}.values())

    def fresh(self, file: ExportFile) -> ExportFile:
        """The same file with a fresh link, from the page that lists it; unchanged if that page no longer lists it."""
        return next((listed for listed in self.page(file.after).files if listed.name == file.name), file)

    def cancel(self) -> None:
        """Cancel the job, ignoring failures: one that is done, gone or unreachable needs no cancelling."""
        with contextlib.suppress(IterableError, requests.RequestException):
            self._client.cancel(f"export/{self.id}")

    def __str__(self) -> str:
        return f"export job {self.id}"

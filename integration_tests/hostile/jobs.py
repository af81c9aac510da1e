"""Rows about export jobs: their ids, states and lists of files."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from integration_tests.hostile.api import GoodApi
from integration_tests.hostile.responses import plain_json
from integration_tests.hostile.rows import RECORDS, Row, Spoil, of_json, only


def files_of(page: Callable[[GoodApi, str | None], Any]) -> Spoil:
    """Pages of a list of files, by what comes after."""
    return lambda request, good, kind, api: [plain_json(page(api, request.value("startAfter")))]


def completed(api: GoodApi, after: str | None, **changes: Any) -> dict[str, Any]:
    """The list of a completed job: a page with a file, and the empty one."""
    files = [] if after else [api.file("f1")]
    return {"jobState": "completed", "exportTruncated": False, "files": files, **changes}


def with_files(*files: Any) -> Spoil:
    """A completed job with these files on every page."""
    return files_of(lambda api, after: completed(api, after, files=list(files)))


def state(word: Any) -> Spoil:
    """A job with a file, in this state."""
    return files_of(lambda api, after: completed(api, after, jobState=word))


def fewer(api: GoodApi, after: str | None) -> dict[str, Any]:
    """A list that has a second file until the job completes."""
    if api.listings == 1:
        return completed(api, after, files=[api.file("f1"), api.file("f2")], jobState="running")
    return completed(api, after)


def endless(api: GoodApi, after: str | None) -> dict[str, Any]:
    """A page with the next file, always."""
    return completed(api, after, files=[api.file(f"f{int((after or 'f0')[1:]) + 1}")])


NO_FILES, FILES_ONCE = only("incomplete: not as it should be", "files"), only(RECORDS, "files")
NO_JOB, START_ONCE = only("incomplete: holds no jobId|is not JSON", "start"), only(RECORDS, "start")
JOBS = [
    *(
        Row(
            f"files {json.dumps(value)}",
            files_of(lambda api, after, value=value: completed(api, after, files=value)),
            NO_FILES,
            FILES_ONCE,
        )
        for value in (
            None,
            {},
            5,
            "f1",
            ["f1"],
            [None],
            [{}],
            [{"file": "f1"}],
            [{"file": "f1", "url": None}],
            [{"file": 5, "url": "x"}],
        )
    ),
    Row(
        "files missing",
        files_of(lambda api, after: {"jobState": "completed", "exportTruncated": False}),
        NO_FILES,
        None,
    ),
    *(
        Row(
            f"a file at {url}",
            with_files({"file": "f1", "url": url}),
            only("incomplete: could not be fetched whole|does not end", "files"),
            None,
        )
        for url in (
            "",
            "f1",
            "file:///etc/hostname",
            "ftp://127.0.0.1/f1",
            "http://[::1",
            "http://127.0.0.1:port/",
            "data:,x",
            "//x",
        )
    ),
    Row(
        "a file twice on a page",
        files_of(lambda api, after: completed(api, after, files=[] if after else [api.file("f1")] * 2)),
        only(RECORDS, "files"),
        None,
    ),
    Row(
        "a file on every page",
        files_of(lambda api, after: completed(api, None)),
        only("incomplete: does not end", "files"),
        None,
    ),
    Row("fewer files after completion", files_of(fewer), only(RECORDS, "files"), None),
    Row(
        "exportTruncated on the second page",
        files_of(lambda api, after: completed(api, after, exportTruncated=bool(after))),
        only("incomplete: size limit", "files"),
        None,
    ),
    Row(
        "exportTruncated null",
        files_of(lambda api, after: completed(api, after, exportTruncated=None)),
        NO_FILES,
        FILES_ONCE,
    ),
    Row(
        "another state after completion",
        files_of(lambda api, after: completed(api, after, jobState="running" if after else "completed")),
        only("incomplete: completed .*, and then called it running", "files"),
        None,
    ),
    Row("an endless list", files_of(endless), only("incomplete: does not end", "files"), None),
    *(Row(f"job state {word}", state(word), only(RECORDS, "files"), None) for word in ("COMPLETED", "cOmPlEtEd")),
    *(
        Row(f"job state {json.dumps(word)}", state(word), only("incomplete: kept .* unknown", "files"), None)
        for word in ("Archived", "", " completed ")
    ),
    *(Row(f"job state {json.dumps(word)}", state(word), NO_FILES, FILES_ONCE) for word in (None, 5, {"a": 1})),
    *(
        Row(f"job state {word}", state(word), only(f"incomplete: ended .* as {word.lower()}", "files"), FILES_ONCE)
        for word in ("FAILED", "Cancelled", "cancelling")
    ),
    Row(
        "job state missing", files_of(lambda api, after: {"exportTruncated": False, "files": []}), NO_FILES, FILES_ONCE
    ),
    Row("jobId missing", of_json({"id": 7}), NO_JOB, START_ONCE),
    *(
        Row(f"jobId {json.dumps(value)}", of_json({"jobId": value}), NO_JOB, START_ONCE)
        for value in (None, "", "seven", [], {}, 7.9, True, float("nan"), 2**70)
    ),
    *(
        Row(f"jobId {json.dumps(value)}", of_json({"jobId": value}), only(RECORDS, "start"), None)
        for value in (7, "7", 7.0)
    ),
]

"""What this machine lacks is told as that, and not as a fault of Iterable's."""

from __future__ import annotations

import errno
import os
import sqlite3
import tempfile

import pytest
import requests
import urllib3
from requests_mock import Mocker

from source_iterable.errors import LocalError
from source_iterable.exports.file_host import FileHost
from source_iterable.process.machine import local_cause, local_errors, trouble
from unit_tests.contexts import ROOT, a_context

FREE = "Free space there, or set TMPDIR to another folder."


def an_os_error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(tempfile, "gettempdir", lambda: "/some/folder")
    return "This machine cannot use the temporary folder /some/folder: "


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (an_os_error(errno.ENOSPC), f"No space left on device. {FREE}"),
        (an_os_error(errno.EMFILE), "Too many open files. Raise the limit of open files (ulimit -n)."),
        (
            an_os_error(errno.ENFILE),
            "Too many open files in system. Raise the limit of open files of this machine.",
        ),
        (an_os_error(errno.ENOMEM), "Cannot allocate memory. Give it more memory."),
        (OSError("odd"), f"odd. {FREE}"),
        (sqlite3.OperationalError("database or disk is full"), f"database or disk is full. {FREE}"),
    ],
)
def test_trouble_with_temporary_files_says_where_why_and_what_to_do(folder: str, error: Exception, told: str) -> None:
    with pytest.raises(LocalError) as caught, local_errors():
        raise error
    assert str(caught.value) == folder + told
    assert str(trouble(error)) == folder + told


def test_trouble_elsewhere_is_told_of_that_place() -> None:
    told = str(trouble(an_os_error(errno.ENOSPC), "the folder of a file, /data", "name another"))
    assert (
        told
        == "This machine cannot use the folder of a file, /data: No space left on device. Free space there, or name another."
    )


def test_memory_and_a_missing_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LocalError) as caught, local_errors():
        raise MemoryError
    assert str(caught.value) == "This machine ran out of memory. Give it more, or sync fewer streams at a time."

    def no_folder() -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory")

    monkeypatch.setattr(tempfile, "gettempdir", no_folder)
    assert str(trouble(an_os_error(errno.ENOSPC))) == (
        f"This machine cannot use a temporary folder: No space left on device. {FREE}"
    )


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(KeyError), local_errors():
        raise KeyError("x")


def caused(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


def in_the_context_of(error: BaseException, context: BaseException) -> BaseException:
    error.__context__ = context
    return error


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.EMFILE, "Raise the limit of open files (ulimit -n)."),
        (errno.ENFILE, "Raise the limit of open files of this machine."),
        (errno.ENOMEM, "Give it more memory."),
        (errno.ENOBUFS, "Free some."),
        (errno.ENOSPC, "Free some."),
        (errno.EROFS, "Free some."),
        (errno.EDQUOT, "Free some."),
    ],
)
def test_a_connection_that_this_machine_cannot_open(number: int, advice: str) -> None:
    expected = f"This machine cannot open another connection: {os.strerror(number)}. {advice}"
    root = an_os_error(number)
    retries = caused(urllib3.exceptions.MaxRetryError(None, "/x"), root)  # type: ignore[arg-type]
    for error in (
        root,
        caused(ValueError("x"), root),
        in_the_context_of(ValueError("x"), root),
        retries,
        in_the_context_of(requests.ConnectionError("x"), caused(ValueError("y"), retries)),
    ):
        assert str(local_cause(error)) == expected


def test_the_network_is_not_this_machine() -> None:
    assert local_cause(an_os_error(errno.ECONNREFUSED)) is None
    assert local_cause(caused(ValueError("x"), an_os_error(errno.ETIMEDOUT))) is None
    assert local_cause(ValueError("x")) is None


def test_a_request_without_file_descriptors_is_no_fault_of_iterables(requests_mock: Mocker) -> None:
    error = caused(requests.ConnectionError("x"), an_os_error(errno.EMFILE))
    requests_mock.get(f"{ROOT}lists", exc=error)
    requests_mock.get("https://files.example.com/a", exc=error)
    with a_context() as context:
        with pytest.raises(LocalError, match="cannot open another connection: Too many open files"):
            context.client.get_json("lists")
        with pytest.raises(LocalError, match="cannot open another connection: Too many open files"):
            FileHost(context.client).receive("https://files.example.com/a", 100)
    assert requests_mock.call_count == 2, "not retried"

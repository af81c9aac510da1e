"""What this machine itself can lack: disk space, memory, file descriptors. Never blamed on Iterable."""

from __future__ import annotations

import errno
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from source_iterable.errors import LocalError

# Errors of a socket that are the machine's and not the network's.
_LOCAL_ERRORS = {errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.ENOMEM, errno.ENOBUFS, errno.EROFS, errno.EDQUOT}
_ADVICE = {
    errno.EMFILE: "Raise the limit of open files (ulimit -n).",
    errno.ENFILE: "Raise the limit of open files of this machine.",
    errno.ENOMEM: "Give it more memory.",
}


@contextmanager
def local_errors() -> Iterator[None]:
    """Raises LocalError for what goes wrong with temporary files in the block."""
    try:
        yield
    except (OSError, sqlite3.Error, MemoryError) as error:
        raise trouble(error) from error


def trouble(error: BaseException, place: str = "", instead: str = "set TMPDIR to another folder") -> LocalError:
    """The LocalError that says what this machine lacks, where, and what to do.

    Args:
        place: if not given, the error's file, or else the temporary folder.
        instead: what helps besides free space.
    """
    if isinstance(error, MemoryError):
        return LocalError("This machine ran out of memory. Give it more, or sync fewer streams at a time.")
    number, reason = (error.errno, error.strerror) if isinstance(error, OSError) else (None, None)
    try:
        place = place or getattr(error, "filename", "") or f"the temporary folder {tempfile.gettempdir()}"
    except OSError:
        place = "a temporary folder"
    advice = _ADVICE.get(number or 0, f"Free space there, or {instead}.")
    return LocalError(f"This machine cannot use {place}: {reason or error}. {advice}")


def local_cause(error: Exception) -> LocalError | None:
    """The LocalError behind a request's error; None if the network or the server is to blame."""
    for cause in causes(error):
        if isinstance(cause, OSError) and cause.errno in _LOCAL_ERRORS:
            why = f"{cause.strerror}. {_ADVICE.get(cause.errno, 'Free some.')}"
            return LocalError(f"This machine cannot open another connection: {why}")
    return None


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error, what caused it, what caused that, and so on."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__

"""What this machine itself can lack: room on its disk, memory, file descriptors. Never blamed on Iterable."""

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
    """Around the use of temporary files: what goes wrong with them raises LocalError."""
    try:
        yield
    except (OSError, sqlite3.Error, MemoryError) as error:
        raise trouble(error) from error


def trouble(error: BaseException, place: str = "", instead: str = "set TMPDIR to another folder") -> LocalError:
    """The LocalError that says what this machine lacks, where, and what to do.

    `place` is the temporary folder if not given; `instead` is what helps besides free space.
    """
    if isinstance(error, MemoryError):
        return LocalError("This machine ran out of memory. Give it more, or sync fewer streams at a time.")
    number = error.errno if isinstance(error, OSError) else None
    why = (error.strerror if isinstance(error, OSError) else None) or str(error)
    try:
        place = place or f"the temporary folder {tempfile.gettempdir()}"
    except OSError:
        place = "a temporary folder"
    advice = _ADVICE.get(number or 0, f"Free space there, or {instead}.")
    return LocalError(f"This machine cannot use {place}: {why}. {advice}")


def local_cause(error: BaseException) -> LocalError | None:
    """The LocalError behind an error of a request, None where the network or the server is behind it."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        if isinstance(current, OSError) and current.errno in _LOCAL_ERRORS:
            why = f"{current.strerror}. {_ADVICE.get(current.errno, 'Free some.')}"
            return LocalError(f"This machine cannot open another connection: {why}")
        reason = getattr(current, "reason", None)
        current = current.__cause__ or current.__context__ or (reason if isinstance(reason, BaseException) else None)
    return None

"""A folder for the files of one load. What a killed load left behind is removed by the next one."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from source_iterable.process.machine import local_errors

_PREFIX, _LOCK = "source-iterable-load-", ".lock"


@contextmanager
def work_folder() -> Iterator[Path]:
    """A temporary folder, removed in the end. Raises LocalError."""
    with local_errors():
        _remove_abandoned(Path(tempfile.gettempdir()))
        path = Path(tempfile.mkdtemp(prefix=_PREFIX))
        lock = open(path / _LOCK, "w")  # noqa: SIM115  held until the end
        fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        lock.close()


def _remove_abandoned(parent: Path) -> None:
    """The lock of a folder is free when the process that made it is gone."""
    for path in parent.glob(f"{_PREFIX}*"):
        try:
            with open(path / _LOCK) as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
        except OSError:
            continue

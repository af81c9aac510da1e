"""A Python whose imports are done: `python -m source_iterable` starts in 20 ms of CPU instead of 300.

`python()` is a command line in place of `python`. A server (server.py), started at the first use, has imported the
connector, and forks for each start. What a test sees is a process of its own (client.py) that hands its place to the fork
(files, folder, environment, limits, ignored signals), passes signals on, and ends as the fork ends.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

from integration_tests.preloaded.client import KILL

_FOLDER = Path(__file__).parent
_ROOT = _FOLDER.parents[1]
_lock = Lock()


def python() -> list[str]:
    """The command line of a Python with the connector imported; it takes `-m`, `-c` or a script, as any."""
    return python_with(sys.executable, "source_iterable.airbyte.entrypoint")


def python_for_load() -> list[str]:
    """With what `load` imports."""
    return python_with(sys.executable, "source_iterable.load.command", "duckdb", "psycopg2")


def python_with(executable: str | Path, *modules: str) -> list[str]:
    """The command line of this Python with these modules imported."""
    with _lock:
        folder = _server(executable, *modules).folder
    # Without site-packages, since the client needs none.
    return [sys.executable, "-I", "-S", str(_FOLDER / "client.py"), f"{folder}/socket"]


class Process(subprocess.Popen[Any]):
    """A process of a preloaded Python that can be killed: the client passes SIGKILL on, as a signal that it can catch."""

    def send_signal(self, sig: int) -> None:
        super().send_signal(KILL if sig == signal.SIGKILL else sig)


class _Server:
    """Ends when its stdin is closed, at the latest with this process. It removes its folder."""

    def __init__(self, executable: str | Path, *modules: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="preloaded-"))
        command = [executable, _FOLDER / "server.py", self.folder, *modules]
        # All three are pipes, as forks may find them: Python looks once whether a file can seek.
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=_ROOT
        )
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        assert said == b"ready\n", said + self._process.stdout.read()


_server = cache(_Server)

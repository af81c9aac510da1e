"""Measure: one run of a program as a process: wall and CPU seconds, peak memory, and what it wrote."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from benchmarks.data import NOTHING, Checked, check

ROOT = Path(__file__).parents[1]
_LAUNCHER = Path(__file__).with_name("launcher.py")
# A program that takes longer has hung. Seconds.
_TIMEOUT = 3600
# Between two looks at a program that runs, in seconds.
_LOOK_SECONDS = 0.05
_READ_BYTES = 2**20


@dataclass
class Run:
    """One run: start and end (time.monotonic), CPU seconds (user and system), peak resident bytes, checked output."""

    begun: float
    ended: float
    cpu: float
    peak_bytes: int
    exit_code: int
    output: Checked

    @property
    def wall(self) -> float:
        """Wall seconds."""
        return self.ended - self.begun


class Failed(Exception):
    """A program could not be run or failed; str() says how."""


def run(command: Sequence[str], environment: Mapping[str, str], work: Path, identifier: str) -> Run:
    """Run `command` with its stdout to a file in `work`, so that no reader slows it down; then check the file.

    Raises Failed, with the end of stderr and stdout, if it fails.
    """
    path = work / "output"
    with open(path, "wb") as output:
        measured = measure(command, environment, work, output.fileno())
    try:
        with open(path, "rb") as output:
            measured.output = check(iter(lambda: output.read(_READ_BYTES), b""), identifier)
        if measured.exit_code:
            raise Failed(f"exit code {measured.exit_code}: {tail(work / 'errors')} {tail(path)}".strip())
    finally:
        path.unlink()
    return measured


def run_load(
    command: Sequence[str],
    environment: Mapping[str, str],
    work: Path,
    identifier: str,
    warehouse: Path,
    identifiers: str,
) -> Run:
    """Run `command`, which writes a warehouse, and check what the query `identifiers` finds there. Raises Failed."""
    for old in (warehouse, Path(f"{warehouse}.wal")):
        shutil.rmtree(old) if old.is_dir() else old.unlink(missing_ok=True)
    with open(work / "output", "wb") as output:
        measured = measure(command, environment, work, output.fileno())
    if measured.exit_code:
        raise Failed(f"exit code {measured.exit_code}: {tail(work / 'errors')}")
    with duckdb.connect() as database:
        if warehouse.is_file():
            database.execute(f"ATTACH '{warehouse}' AS there (READ_ONLY)")
        measured.output = check(_messages(database.execute(identifiers), identifier), identifier)
    return measured


def _messages(rows: duckdb.DuckDBPyConnection, identifier: str) -> Iterator[bytes]:
    while batch := rows.fetchmany(10_000):
        yield b"".join(b'{"type":"RECORD","%b":"%b"}\n' % (identifier.encode(), each[0].encode()) for each in batch)


def run_through_pipe(command: Sequence[str], environment: Mapping[str, str], work: Path, identifier: str) -> Run:
    """Like `run`, for outputs too large to keep: a separate process checks them as they arrive."""
    checker = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.checker", identifier],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    assert checker.stdin is not None
    measured = measure(command, environment, work, checker.stdin.fileno())
    records, checksum = checker.communicate()[0].split()
    measured.output = Checked(int(records), int(checksum))
    if measured.exit_code:
        raise Failed(f"exit code {measured.exit_code}: {tail(work / 'errors')}".strip())
    return measured


def first_record_at(command: Sequence[str], environment: Mapping[str, str], work: Path) -> float:
    """Run `command` and return when its first RECORD message arrived (time.monotonic()). Raises Failed without one."""
    seen: float | None = None
    last = b""
    with (
        open(work / "errors", "wb") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, cwd=ROOT, env=_all(environment)) as process,
    ):
        assert process.stdout is not None
        while piece := os.read(process.stdout.fileno(), _READ_BYTES):
            if seen is None and b'"type":"RECORD"' in last + piece:
                seen = time.monotonic()
            last = piece[-20:]
    if seen is None:
        raise Failed(f"no record: {tail(work / 'errors')}")
    return seen


def wall(command: Sequence[str], environment: Mapping[str, str], work: Path) -> float:
    """The wall seconds of a command whose output does not matter. Raises Failed if it fails."""
    return run(command, environment, work, "").wall


@contextmanager
def process(command: Sequence[str]) -> Iterator[str]:
    """Run a process for the duration of the block; yields the first line that it prints."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True) as started:
        assert started.stdout is not None
        try:
            yield started.stdout.readline().strip()
        finally:
            started.kill()


def measure(
    command: Sequence[str],
    environment: Mapping[str, str],
    work: Path,
    output: int,
    timeout: float = _TIMEOUT,
    look: Callable[[int], None] | None = None,
) -> Run:
    """Run `command` with its stdout to the descriptor `output`, and its stderr to the file `errors` in `work`.

    While it runs, `look` gets the id of its parent process, again and again. Raises Failed if it takes longer than `timeout`
    seconds; whatever its exit code, the run is returned, without its output.
    """
    result = work / "result"
    launch = [sys.executable, "-I", "-S", str(_LAUNCHER), str(result), *command]
    # In its own session, so that a hanging command can be killed with its launcher.
    with (
        open(work / "errors", "wb") as errors,
        subprocess.Popen(
            launch,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            cwd=ROOT,
            env=_all(environment),
            start_new_session=True,
        ) as launcher,
    ):
        try:
            _wait(launcher, timeout, look)
        except BaseException:
            os.killpg(launcher.pid, signal.SIGKILL)
            raise
    if launcher.returncode:
        raise Failed(f"could not be started: {tail(work / 'errors')}")
    begun, ended, cpu, peak, exit_code = result.read_text().split()
    return Run(float(begun), float(ended), float(cpu), int(peak), int(exit_code), NOTHING)


def _wait(launcher: subprocess.Popen[bytes], timeout: float, look: Callable[[int], None] | None) -> None:
    until = time.monotonic() + timeout
    while launcher.poll() is None:
        if look:
            look(launcher.pid)
        try:
            launcher.wait(_LOOK_SECONDS if look else timeout)
        except subprocess.TimeoutExpired:
            if time.monotonic() >= until:
                raise Failed(f"not done after {timeout:g} seconds") from None


def _all(environment: Mapping[str, str]) -> dict[str, str]:
    return {**os.environ, **environment}


def tail(path: Path, size: int = 600) -> str:
    """The end of a text."""
    with open(path, "rb") as file:
        file.seek(max(0, path.stat().st_size - size))
        return file.read().decode(errors="replace").strip()

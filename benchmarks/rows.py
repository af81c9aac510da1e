"""Rows: the comparisons, each a few rows of results from running programs in turn."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.data import BLOCK_SECONDS, Dataset
from benchmarks.kinds import PLAIN, Kind
from benchmarks.measure import ROOT, Failed, Run, first_record_at, process, run, run_load, run_through_pipe, wall
from benchmarks.programs import Program, Workshop

_COMMAND_ROUNDS = 5
_RECORD_PATH_ROUNDS = 21
_FIRST_RECORD_ROUNDS = 3


class Served(NamedTuple):
    """A dataset and the URL of its server."""

    data: Dataset
    url: str

    def answers(self) -> list[dict[str, float]]:
        """The responses with data sent so far: bytes (-1: aborted), and when each began and ended."""
        with urllib.request.urlopen(f"{self.url}/bench/answers") as response:
            sent: list[dict[str, float]] = json.load(response)
            return sent


@dataclass
class Row:
    """A program's runs on a dataset; `problem` says why it did not run."""

    name: str
    program: Program | None
    served: Served
    runs: list[Run] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)
    problem: str = ""

    @property
    def data(self) -> Dataset:
        return self.served.data

    @property
    def start(self) -> float:
        """Seconds from a run's start to its first request for data."""
        return median(self.starts)

    @property
    def rate_after_start(self) -> float:
        """Records per second from the first request for data to the end."""
        return median(self.data.records / (run.wall - start) for run, start in zip(self.runs, self.starts, strict=True))

    @property
    def rates(self) -> list[float]:
        """Records per second, run by run."""
        return [self.data.records / run.wall for run in self.runs]

    @property
    def rate(self) -> float:
        return median(self.rates)

    @property
    def cpu_seconds_a_million(self) -> float:
        return median(run.cpu for run in self.runs) / self.data.records * 1e6

    @property
    def peak_bytes(self) -> float:
        return max(run.peak_bytes for run in self.runs)

    @property
    def complete(self) -> bool:
        """Whether every run wrote every record once."""
        expected = self.data.expected()
        return all(run.output == expected for run in self.runs)


class Bench:
    """Serves datasets and runs programs; `work` holds a run's files, `cache` the peers."""

    def __init__(self, work: Path, cache: Path, say: Callable[[str], None]) -> None:
        self._work = work
        self._cache = cache
        self._say = say
        self._open = ExitStack()

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def serve(self, records: int, kind: Kind = PLAIN, from_file: bool = True) -> Served:
        """A dataset of the last hours, with a server that runs as long as this Bench."""
        hours = Dataset(records, 0).blocks
        now = int(time.time()) // BLOCK_SECONDS * BLOCK_SECONDS
        data = Dataset(records, now - (hours + 2) * BLOCK_SECONDS, kind)
        command = [sys.executable, "-m", "benchmarks.server", kind.title, str(records), str(data.start)]
        if from_file:
            path = self._folder() / "export.jsonl"
            with open(path, "wb") as file:
                data.write(file)
            command.append(str(path))
        port = self._open.enter_context(process(command))
        return Served(data, f"http://127.0.0.1:{port}")  # ignore-https-check

    def workshop(self, served: Served) -> Workshop:
        """Makes programs for a server."""
        return Workshop(served.data, served.url, self._folder(), self._cache)

    def row(self, name: str, make: Callable[[], Program], served: Served) -> Row:
        """A row without runs yet. If the program cannot be made (a peer cannot be installed), `problem` says so."""
        try:
            return Row(name, make(), served)
        except Failed as failure:
            self._say(f"{name}: {failure}")
            return Row(name, None, served, problem=str(failure))

    def compare(self, rows: list[Row], rounds: int) -> list[Row]:
        """Run the programs of `rows` in turn, `rounds` times."""
        for number in range(1, rounds + 1):
            for row in rows:
                program = row.program
                how = run
                if program and program.warehouse:
                    how = partial(run_load, warehouse=program.warehouse, identifiers=program.identifiers)
                self._run(row, f"round {number}", how)
        return rows

    def memory(self, row: Row) -> Row:
        """One run on a large dataset, checked by another process as it arrives."""
        self._run(row, f"{row.data.records:,} records", run_through_pipe)
        return row

    def commands(self, rows: list[Row]) -> dict[str, dict[str, float]]:
        """Wall seconds of `spec`, `check` and `discover`, by command and program; medians, programs in turn."""
        times: dict[str, dict[str, list[float]]] = {"spec": {}, "check": {}, "discover": {}}
        for _ in range(_COMMAND_ROUNDS):
            for command, by_program in times.items():
                for row in rows:
                    if row.program and not row.problem and command in row.program.commands:
                        try:
                            seconds = wall(row.program.commands[command], row.program.environment, self._work)
                            by_program.setdefault(row.name, []).append(seconds)
                        except Failed as failure:
                            self._say(f"{row.name}, {command}: {failure}")
        self._say(f"{', '.join(times)}: done")
        return {
            command: {name: median(each) for name, each in by_program.items()} for command, by_program in times.items()
        }

    def first_record(self, row: Row) -> float | None:
        """Seconds from the last byte of the first part that the server sent to the first RECORD message; median."""
        if row.program is None or row.problem:
            return None
        seconds = []
        for _ in range(_FIRST_RECORD_ROUNDS):
            before = len(row.served.answers())
            try:
                seen = first_record_at(row.program.read, row.program.environment, self._work)
            except Failed as failure:
                self._say(f"{row.name}, first record: {failure}")
                return None
            sent = next(answer["last_byte"] for answer in row.served.answers()[before:] if answer["bytes"] > 0)
            seconds.append(seen - sent)
        self._say(f"{row.name}: first record {median(seconds):.3f} s after the first part")
        return median(seconds)

    def record_path(self) -> dict[str, list[float]]:
        """Microseconds per record of the record path alone, plain and whole, by kind."""
        command = [sys.executable, "-m", "benchmarks.record_path", str(_RECORD_PATH_ROUNDS)]
        done = subprocess.run(command, stdout=subprocess.PIPE, cwd=ROOT)
        if done.returncode:
            self._say(f"record path: exit code {done.returncode}")
            return {}
        times: dict[str, list[float]] = json.loads(done.stdout)
        self._say(f"record path: {times}")
        return times

    def _folder(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self._work))

    def _run(self, row: Row, what: str, how: Callable[..., Run]) -> None:
        if row.program is None or row.problem:
            return
        before = len(row.served.answers())
        try:
            measured = how(row.program.read, row.program.environment, self._work, row.data.kind.identifier)
        except Failed as failure:
            row.problem = str(failure)
            self._say(f"{row.name}, {what}: {failure}")
            return
        row.runs.append(measured)
        row.starts.append(row.served.answers()[before]["begun"] - measured.begun)
        complete = "" if row.complete else f", INCOMPLETE: {measured.output.records:,} records"
        self._say(
            f"{row.name}, {what}: {row.rates[-1]:,.0f} records a second, {measured.cpu:.2f} CPU s, "
            f"{measured.peak_bytes / 1e6:,.0f} MB{complete}"
        )

"""Syncs: the connector as a command against a server, in one way, twice, with what each took."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

import duckdb
import msgspec
import psycopg2

from benchmarks.large.cases import DUCKDB, FOLDER, POSTGRES, READ, Case
from benchmarks.large.project import START
from benchmarks.large.temporary import Watch
from benchmarks.measure import ROOT, Failed, measure, process, tail
from benchmarks.programs import KEY, NO_PAUSES
from integration_tests.warehouses import DuckDBWarehouse, ParquetWarehouse, PostgresWarehouse, Warehouse, postgres


@dataclass
class Sync:
    """What one sync took, and brought: records by stream, or rows that are there after it.

    `problem` says how it failed; then the rest may be missing. `state_bytes` is None for a load.
    """

    seconds: float = 0.0
    cpu: float = 0.0
    peak_bytes: int = 0
    temporary_bytes: int = 0
    state_bytes: int | None = None
    records: Mapping[str, int] = field(default_factory=dict)
    exit_code: int | None = None
    problem: str = ""


@dataclass
class Row:
    """The syncs of a case in one way: the first, and one after it in which nothing is new."""

    case: Case
    way: str
    syncs: list[Sync]


class Large:
    """Runs cases, with its files in `work`.

    `timeout` is for a sync, in seconds; `python` runs the connector, that of the tree `source`.
    """

    def __init__(
        self, work: Path, timeout: float, source: Path = ROOT, python: Sequence[str] = (sys.executable,)
    ) -> None:
        self._work = work
        self._timeout = timeout
        self._command = [*python, "-m", "source_iterable"]
        # The module is not looked for in the folder where the command is started.
        self._environment = {"PYTHONSAFEPATH": "1", "PYTHONPATH": str(source)}
        self._postgres: PostgresWarehouse | None = None
        self._open = ExitStack()
        self._number = 0

    def __enter__(self) -> Large:
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def run(self, case: Case, way: str) -> Row:
        """Sync a project twice."""
        self._number += 1
        folder = self._work / str(self._number)
        folder.mkdir()
        project = msgspec.json.encode(case.project).decode()
        with (
            process([sys.executable, "-m", "benchmarks.large.server", project]) as port,
            self._warehouse(way, folder) as warehouse,
        ):
            config = {
                "api_key": KEY,
                "start_date": datetime.fromtimestamp(START, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "api_base_url": f"http://127.0.0.1:{port}/api/",  # ignore-https-check
                "rate_limit_factor": NO_PAUSES,
                "export_method": "streaming",
                **case.options,
            }
            (folder / "config.json").write_text(json.dumps(config))
            if warehouse:
                syncs = [self._load(case, folder, warehouse) for _ in range(2)]
            else:
                syncs = [self._read(case, folder, is_first) for is_first in (True, False)]
        return Row(case, way, syncs)

    def _read(self, case: Case, folder: Path, is_first: bool) -> Sync:
        catalog, states = folder / "catalog.json", folder / "states.json"
        config = ["--config", str(folder / "config.json")]
        if is_first:
            catalog.write_bytes(self._output(["catalog", *config, "--streams", ",".join(case.streams)]))
        elif not states.exists():
            return Sync(problem="there is no state")
        command = ["read", *config, "--catalog", str(catalog), *([] if is_first else ["--state", str(states)])]
        counter = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.large.counter", str(states)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        assert counter.stdin is not None
        sync = self._measured(command, folder, counter.stdin.fileno())
        counted = counter.communicate()[0]
        if not counted:
            sync.problem = sync.problem or "its messages cannot be counted"
            return sync
        records, sync.state_bytes, error = json.loads(counted)
        sync.records = {**dict.fromkeys(case.streams, 0), **records}
        sync.problem = sync.problem or error
        return sync

    def _load(self, case: Case, folder: Path, warehouse: Warehouse) -> Sync:
        config = ["--config", str(folder / "config.json")]
        command = ["load", *config, "--to", warehouse.to, "--streams", ",".join(case.streams), *case.arguments]
        with open(folder / "output", "wb") as output:
            sync = self._measured(command, folder, output.fileno())
        if sync.exit_code:
            sync.problem = tail(folder / "errors").rpartition("\n")[2]
        sync.records = {name: _rows(warehouse, name) for name in case.expected(case.ways[0], is_first=True)}
        return sync

    def _measured(self, command: list[str], folder: Path, output: int) -> Sync:
        (temporary := folder / "tmp").mkdir(exist_ok=True)
        watch = Watch(temporary)
        environment = {**self._environment, "TMPDIR": str(temporary)}
        try:
            run = measure([*self._command, *command], environment, folder, output, self._timeout, watch.look)
        except Failed as failure:
            return Sync(temporary_bytes=watch.most, problem=str(failure))
        return Sync(run.wall, run.cpu, run.peak_bytes, watch.most, exit_code=run.exit_code)

    def _output(self, command: list[str]) -> bytes:
        whole = [*self._command, *command]
        return subprocess.run(whole, capture_output=True, env={**os.environ, **self._environment}, check=True).stdout

    @contextmanager
    def _warehouse(self, way: str, folder: Path) -> Iterator[Warehouse | None]:
        files: dict[str, Callable[[Path], Warehouse]] = {DUCKDB: DuckDBWarehouse, FOLDER: ParquetWarehouse}
        if way == POSTGRES:
            self._postgres = self._postgres or self._open.enter_context(postgres())
            with self._postgres.database(f"row{self._number}") as database:
                yield database
        else:
            yield None if way == READ else files[way](folder)


def _rows(warehouse: Warehouse, table: str) -> int:
    """The rows of a table, or the number of `views`; none if the table is not there."""
    try:
        return warehouse.count(
            "information_schema.views WHERE table_schema = 'iterable'" if table == "views" else table
        )
    except (duckdb.Error, psycopg2.Error):
        return 0

"""`make bench-large`, with a hundred times fewer of everything: all records come, and once. How fast, no test asserts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.large.cases import FOLDER, POSTGRES, Case, cases
from benchmarks.large.project import Project
from benchmarks.large.syncs import Large, Row, Sync
from benchmarks.large.table import missed, results
from benchmarks.large.temporary import Watch
from integration_tests import preloaded

TIMEOUT = 120.0


def rows() -> Iterator[Any]:
    for case in cases():
        for way in case.ways:
            marks = [pytest.mark.warehouses] if way in (FOLDER, POSTGRES) else []
            yield pytest.param(case.smaller(100), way, marks=marks, id=f"{case.name}, {way}")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Large]:
    with Large(tmp_path_factory.mktemp("large"), TIMEOUT, python=preloaded.python_for_load()) as large:
        yield large


@pytest.mark.parametrize(("case", "way"), list(rows()))
def test_a_large_project_comes_whole(case: Case, way: str, large: Large) -> None:
    row = large.run(case, way)
    for sync, is_first in zip(row.syncs, (True, False), strict=True):
        assert sync.exit_code == 0, sync.problem
        assert sync.records == case.expected(way, is_first)


def test_what_is_over_its_bar_is_bold() -> None:
    case = Case("journeys", Project(journeys=2), ("journeys",), ("read",))
    fine = Sync(1.0, 1.0, 150_000_000, 1_000, 1_000, {"journeys": 2}, 0)
    again = Sync(1.0, 1.0, 150_000_001, 1_000, 1_000, {"journeys": 1}, 1, "Iterable is gone.")
    row = Row(case, "read", [fine, again])
    assert missed(row) == ["memory, MB", "records", "exit code"]
    assert "| 150 / **150** (of 150) |" in results([row])
    assert "| 2 / **1** of 0 journeys | 0 / **1** |" in results([row])
    assert "- journeys, read: Iterable is gone." in results([row])
    assert not missed(Row(case, "read", [fine]))


def test_temporary_files_without_a_name_count(tmp_path: Path) -> None:
    watch = Watch(tmp_path)
    code = "import tempfile; file = tempfile.TemporaryFile(); file.write(bytes(10_000)); file.flush(); print(); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin and process.stdout
        process.stdout.readline()
        (tmp_path / "named").write_bytes(bytes(500))
        watch.look(os.getpid())
        process.stdin.write(b"\n")
        process.stdin.close()
    assert watch.most == 10_500

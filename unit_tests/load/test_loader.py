"""The loader's thread, and its folder of temporary files."""

from __future__ import annotations

import tempfile
from pathlib import Path
from threading import Event

import pytest

from source_iterable.load.loader import _worker, work_folder


def test_work_is_done_in_order_and_before_the_block_ends() -> None:
    done: list[int] = []
    with _worker() as do:
        for number in range(5):
            do(done.append, number)
    assert done == [0, 1, 2, 3, 4]


def test_nothing_is_done_after_a_failure_a_commit_least_of_all() -> None:
    committed: list[str] = []
    failed = Event()

    def fail() -> None:
        failed.set()
        raise ValueError("full")

    def load() -> None:
        with _worker() as do:
            do(fail)
            failed.wait()
            do(committed.append, "commit")

    with pytest.raises(ValueError, match="full"):
        load()
    assert committed == []


def test_the_last_work_may_fail_too() -> None:
    def fail() -> None:
        raise ValueError("full")

    def load() -> None:
        with _worker() as do:
            do(fail)

    with pytest.raises(ValueError, match="full"):
        load()


def test_folders_of_killed_loads_are_removed_and_those_of_running_ones_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    abandoned = tmp_path / "source-iterable-load-killed"
    abandoned.mkdir()
    for name in (".lock", "1.jsonl"):
        (abandoned / name).touch()
    with work_folder() as running:
        (running / "1.jsonl").touch()
        assert not abandoned.exists()
        with work_folder() as other:
            assert sorted(tmp_path.iterdir()) == sorted([running, other])
        assert (running / "1.jsonl").exists()
    assert list(tmp_path.iterdir()) == []

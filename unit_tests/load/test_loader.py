"""The loader: when it commits, what a stream that is rejected does to others, its thread, and its temporary files."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from source_iterable.load.duckdb_file import DuckDBFile
from source_iterable.load.loader import Loaded, _worker, load, work_folder
from source_iterable.streams.table import STREAMS
from unit_tests.contexts import a_context

NAMES = ("campaigns", "snippets")


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Loaded]]:
    """A load of ten pages of each stream, of ten rows of a kB, into a DuckDB file."""

    def pages(*arguments: Any) -> Any:
        yield from ([{"id": 10 * page + n, "name": "x" * 1000} for n in range(10)] for page in range(10))

    for name in NAMES:
        monkeypatch.setattr(STREAMS[name], "_read", pages)
    # One that is merged, with rows that are easy to make.
    monkeypatch.setattr(STREAMS["campaigns"], "whole", False)

    def run(destination: DuckDBFile) -> dict[str, Loaded]:
        with a_context() as context:
            context.client.key.is_accepted = True
            return load(context, destination, [STREAMS[name] for name in NAMES], tmp_path, 1_000_000)

    return run


def opened(folder: Path) -> DuckDBFile:
    return DuckDBFile(folder / "x.duckdb", "iterable", "", folder)


def test_a_commit_is_due_after_so_many_bytes(
    loaded: Callable[..., dict[str, Loaded]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits: list[int] = []
    with closing(opened(tmp_path)) as destination:
        monkeypatch.setattr(destination, "commit_bytes", 50_000)
        monkeypatch.setattr(
            destination, "end_transaction", lambda: commits.append(DuckDBFile.end_transaction(destination))
        )
        assert [each.rows for each in loaded(destination).values()] == [100, 100]
        assert len(commits) == 1 + 200_000 // 50_000 + 1, "the beginning, four of five pages each, the end"
        assert (
            destination.run("SELECT count(*) FROM campaigns")
            == destination.run("SELECT count(*) FROM snippets")
            == [(100,)]
        )


def test_row_groups_of_earlier_loads_are_merged_when_a_load_ends(
    loaded: Callable[..., dict[str, Loaded]], tmp_path: Path
) -> None:
    groups = []
    for number in range(4):
        with closing(opened(tmp_path)) as destination:
            destination.run(f"CREATE TABLE IF NOT EXISTS mine (id bigint); INSERT INTO mine VALUES ({number})")
    for has_ended in (False, True):
        with closing(opened(tmp_path)) as destination:
            groups += destination.run("SELECT count(DISTINCT row_group_id) FROM pragma_storage_info('mine')")
            if not has_ended:
                loaded(destination)
    assert groups == [(4,), (1,)]


def test_a_stream_whose_rows_are_rejected_is_named_and_the_others_are_loaded(
    loaded: Callable[..., dict[str, Loaded]], tmp_path: Path
) -> None:
    with closing(opened(tmp_path)) as destination:
        destination.run("CREATE TABLE campaigns (id bigint, name integer)")
        results = loaded(destination)
        assert results["snippets"].error is None
        assert str(results["campaigns"].error).endswith("x.duckdb: ConversionException.")
        assert destination.run("SELECT count(*) FROM snippets") == [(100,)]
        assert destination.run("SELECT count(*) FROM campaigns") == [(0,)]


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


def test_short_lists_are_committed_once_the_last_of_them_is_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists_are_committed = Event()

    def short(*arguments: Any) -> Any:
        yield [{"id": 1, "name": "x"}]

    def long(*arguments: Any) -> Any:
        yield [{"id": 2, "name": "x"}]
        assert lists_are_committed.wait(60)

    for name, reads in (("campaigns", short), ("snippets", short), ("experiments", long)):
        monkeypatch.setattr(STREAMS[name], "_read", reads)
    with closing(opened(tmp_path)) as destination, a_context() as context:
        context.client.key.is_accepted = True
        commit, finished = destination.commit, list[set[str]]()

        def noted(states: Any, tables: Any) -> None:
            finished.append({table.name for table in tables})
            commit(states, tables)
            if finished[-1] >= {*NAMES}:
                lists_are_committed.set()

        monkeypatch.setattr(destination, "commit", noted)
        streams = [STREAMS[name] for name in (*NAMES, "experiments")]
        load(context, destination, streams, tmp_path, 1_000_000)
    assert finished == [{*NAMES}, {"experiments"}]
    assert context.progress.committed == {"campaigns": 1, "snippets": 1, "experiments": 1}

"""Commits: a stream that cannot be written fails alone, and by name; its state stays, and all others are committed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest

from source_iterable.load.command import open_destination
from source_iterable.load.commits import Commits
from source_iterable.load.destination import DestinationError, Rejected
from source_iterable.load.duckdb_file import DuckDBFile
from source_iterable.load.rows import Spool
from source_iterable.load.sql_destination import SqlDestination
from source_iterable.load.tables import Table, table_of
from source_iterable.records.batch import RecordBatch, batch_of
from source_iterable.streams.table import STREAMS
from unit_tests.contexts import a_config

USERS, CHANNELS, METRICS = (table_of(STREAMS[name], a_config()) for name in ("users", "channels", "campaigns_metrics"))
ROWS: dict[str, Callable[[int], dict[str, Any]]] = {
    "users": lambda number: {"email": f"{number}@example.com"},
    "channels": lambda number: {"id": number, "name": "c"},
    "campaigns_metrics": lambda number: {"id": number},
}


class Load:
    """A load into a destination, step by step."""

    def __init__(self, destination: Any, folder: Path) -> None:
        self.destination, self.folder = destination, folder
        self.commits = Commits(destination)
        self.spool = Spool(folder, self.commits.add)

    def add(self, number: int, *tables: Table) -> None:
        """A row in each table, in files of their own."""
        for table in tables:
            self.spool.add(table, batch_of(table.name, [ROWS[table.name](number)]))
        self.spool.flush()

    def commit(self, number: int, *finished: Table) -> None:
        self.commits.commit({"users": {"last": number}, "campaigns_metrics": {"last": number}}, finished)
        assert list(self.folder.glob("*.jsonl")) == [], "files stay until the commit, and no longer"


@pytest.fixture(params=["to.duckdb", "to.duckdb/"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Any]:
    (tmp_path / "work").mkdir()
    return lambda: open_destination(f"{tmp_path}/{request.param}", "iterable", "", tmp_path / "work")


def refused(destination: Any, folder: Path) -> None:
    """Have a destination that does not take users any more."""
    if isinstance(destination, SqlDestination):
        destination.run("ALTER TABLE users ALTER email TYPE integer USING NULL")
    else:
        for file in folder.glob("to.duckdb/iterable/users/*.parquet"):
            file.write_text("no Parquet")


def read(folder: Path, table: str, column: str) -> list[Any]:
    """The values in a column that somebody else sees."""
    if (folder / "to.duckdb").is_dir():
        files = str(folder / "to.duckdb" / "iterable" / table / "*.parquet")
        return [value for (value,) in duckdb.sql(f"SELECT {column} FROM read_parquet('{files}') ORDER BY 1").fetchall()]
    with duckdb.connect(str(folder / "to.duckdb")) as database:
        return [value for (value,) in database.sql(f"SELECT {column} FROM iterable.{table} ORDER BY 1").fetchall()]


def test_a_stream_that_is_refused_fails_alone_and_keeps_its_state(opened: Callable[[], Any], tmp_path: Path) -> None:
    with closing(opened()) as destination:
        load = Load(destination, tmp_path / "work")
        destination.start_over([USERS, METRICS, CHANNELS])
        load.add(1, USERS, METRICS, CHANNELS)
        load.commit(1)
        refused(destination, tmp_path)
        load.add(2, METRICS, USERS, CHANNELS)
        load.add(3, USERS, METRICS)
        load.commit(2, CHANNELS)
        assert list(load.commits.errors) == ["users"]
        load.add(4, USERS, METRICS)
        load.commit(4)
        assert destination.states([USERS, METRICS]) == {"users": {"last": 1}, "campaigns_metrics": {"last": 4}}
    assert read(tmp_path, "campaigns_metrics", "id") == [1, 2, 3, 4]
    assert read(tmp_path, "channels", "id") == [1, 2], "a table that is replaced has what was collected in both commits"


def test_the_next_load_goes_on_once_it_is_taken(
    opened: Callable[[], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: Any) -> None:
        raise Rejected("No.")

    for number, broken in ((1, False), (2, True), (2, False)):
        with closing(opened()) as destination, monkeypatch.context() as patched:
            load = Load(destination, tmp_path / "work")
            destination.start_over([USERS] if number == 1 else [])
            if broken:
                patched.setattr(destination, "commit", refuse)
            load.add(number, USERS)
            load.commit(number)
            assert list(load.commits.errors) == (["users", "campaigns_metrics"] if broken else [])
    assert read(tmp_path, "users", "email") == ["1@example.com", "2@example.com"]


def test_a_value_that_does_not_fit_into_memory_is_named_with_its_size(tmp_path: Path) -> None:
    with closing(DuckDBFile(tmp_path / "x.duckdb", "iterable", "", tmp_path)) as destination:
        load = Load(destination, tmp_path)
        load.add(1, METRICS)
        # No record is that long; a row may be longer than its record.
        line = b'{"email":"a@example.com","data":{"x":"%b"}}\n' % (b"y" * 100_000_000)
        load.spool.add(USERS, RecordBatch("users", 1, line))
        load.spool.flush()
        load.commit(1)
        ((name, error),) = load.commits.errors.items()
        assert name == "users"
        assert str(error).endswith(". Its longest row has 95 MB.")
        load.add(2, USERS, METRICS)
        load.commit(2)
        assert destination.states([METRICS, USERS]) == {"campaigns_metrics": {"last": 2}}
        assert [part.table for part in destination.parts()] == ["campaigns_metrics"], (
            "no rows come after those that are missing"
        )


def test_what_fails_for_all_streams_ends_the_load(tmp_path: Path) -> None:
    class Full(DuckDBFile):
        def commit(self, *arguments: Any) -> None:
            raise DestinationError("The disk is full.")

    with closing(Full(tmp_path / "x.duckdb", "iterable", "", tmp_path)) as destination:
        load = Load(destination, tmp_path)
        load.add(1, USERS)
        with pytest.raises(DestinationError, match="full"):
            load.commit(1)
        assert load.commits.errors == {}


def test_what_is_in_the_tables_is_noted(opened: Callable[[], Any], tmp_path: Path) -> None:
    with closing(opened()) as destination:
        load = Load(destination, tmp_path / "work")
        destination.start_over([USERS, METRICS, CHANNELS])
        load.add(1, USERS, CHANNELS, METRICS)
        assert load.commits.progress.committed == {}
        load.commit(1)
        assert load.commits.progress.committed == {"users": 1, "campaigns_metrics": 1}, (
            "channels is replaced at its end"
        )
        refused(destination, tmp_path)
        load.add(2, CHANNELS, USERS)
        load.commit(2, CHANNELS)
        assert load.commits.progress.committed == {"users": 1, "campaigns_metrics": 1, "channels": 2}

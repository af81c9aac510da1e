"""PostgreSQL that goes away in the middle of a load: no row is lost, none is there twice, and a message says what to do."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg2
import pytest

from integration_tests.warehouses import PostgresWarehouse, Row, postgres
from source_iterable.config import Config
from source_iterable.load import postgres as postgres_module
from source_iterable.load.command import open_destination
from source_iterable.load.commits import Commits
from source_iterable.load.destination import ConnectionLost, DestinationError
from source_iterable.load.postgres import Postgres
from source_iterable.load.rows import Spool
from source_iterable.load.tables import Table, table_of
from source_iterable.records.batch import batch_of
from source_iterable.streams.table import STREAMS

CONFIG = Config.parse({"api_key": "k" * 32, "start_date": "2024-01-01T00:00:00Z"})
pytestmark = pytest.mark.warehouses

MEMBERS, USERS = table_of(STREAMS["list_users"], CONFIG), table_of(STREAMS["users"], CONFIG)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresWarehouse]:
    with postgres() as made:
        yield made


@pytest.fixture
def dataset(server: PostgresWarehouse) -> str:
    server.execute("DROP SCHEMA IF EXISTS iterable CASCADE")
    return "iterable"


class Load:
    """A load into PostgreSQL, step by step."""

    def __init__(self, server: PostgresWarehouse, folder: Path) -> None:
        self.server, self.folder = server, folder
        # Connections that the server has, and nobody else.
        self.held: list[int] = []
        self.destination: Any = open_destination(server.to, "iterable", "", folder)
        self.commits = Commits(self.destination)
        self.spool = Spool(folder, self.commits.add, self.destination.keeps_nul)

    def add(self, *numbers: int) -> None:
        """Users: every tenth has no key. And members of a list, which replace their table."""
        for table, row in ((USERS, self._user), (MEMBERS, self._member)):
            self.spool.add(table, batch_of(table.name, map(row, numbers)))
        self.spool.flush()

    @staticmethod
    def _user(number: int) -> Row:
        return (
            {"data": {"n": number}} if number % 10 == 0 else {"email": f"{number}@example.com", "data": {"n": number}}
        )

    @staticmethod
    def _member(number: int) -> Row:
        return {"listId": 1, "userIdentifier": f"{number}@example.com"}

    def commit(self, last: int, *finished: Table) -> None:
        self.commits.commit({"users": {"last": last}, "list_users": {"last": last}}, finished)

    def all_there(self, last: int) -> None:
        """The tables have each number up to the last once, and so do the states."""
        assert sorted(row["data"]["n"] for row in self.server.rows("users")) == list(range(last + 1))
        assert len(self.server.rows("list_users")) == last + 1
        (state, other) = self.server.rows("_source_iterable_states")
        assert state["state"] == other["state"] == f'{{"last": {last}}}'
        assert list(self.folder.glob("*.*")) == [], "files are kept no longer than they are needed"


@pytest.fixture
def load(server: PostgresWarehouse, dataset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    monkeypatch.setattr(postgres_module, "time", SimpleNamespace(sleep=lambda seconds: None))
    made = Load(server, tmp_path)
    with closing(made.destination):
        made.destination.start_over([USERS, MEMBERS])
        yield made
    for each in made.held:
        os.close(each)


def disconnect(load: Load) -> None:
    """End the session, as an administrator does, and wait until it is gone."""
    pid = load.destination._connection.info.backend_pid
    load.server.execute(f"SELECT pg_terminate_backend({pid}, 10000)")


def cut(load: Load) -> None:
    """Cut the line: the server does not know that nobody is there any more."""
    number = load.destination._connection.fileno()
    held = os.dup(number)
    ours, theirs = socket.socketpair()
    os.dup2(ours.fileno(), number)
    for end in (ours, theirs):
        end.close()
    load.held.append(held)


@pytest.mark.parametrize("break_it", [disconnect, cut])
@pytest.mark.parametrize("step", range(5))
def test_a_connection_that_is_lost_at_any_step_is_opened_again(
    load: Load, step: int, break_it: Callable[[Load], None], caplog: pytest.LogCaptureFixture
) -> None:
    steps = [
        lambda: load.add(0, 1, 2),
        lambda: load.commit(2),
        lambda: load.add(3, 1, 10),
        lambda: load.add(*range(4, 10)),
        lambda: load.commit(10, USERS, MEMBERS),
    ]
    for number, each in enumerate(steps):
        if number == step:
            break_it(load)
        each()
    load.all_there(10)
    (told,) = caplog.messages
    assert told.startswith("The connection to PostgreSQL was lost: ")
    assert told.endswith(" It is opened again in 10 seconds.")


@pytest.mark.parametrize("break_it", [disconnect, cut])
@pytest.mark.parametrize("committed", [True, False])
def test_a_commit_without_an_answer_is_not_done_twice(
    load: Load, committed: bool, break_it: Callable[[Load], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    load.add(0, 1, 2)
    load.commit(2)
    load.add(3, 10)
    load.add(*range(4, 10))
    real = Postgres._execute
    lost = []

    def execute(self: Postgres, sql: str, file: Path | None = None) -> Any:
        if sql == "COMMIT" and not lost:
            lost.append(sql)
            if committed:
                real(self, sql)
            break_it(load)
            return real(self, "SELECT 1" if committed else sql)
        return real(self, sql, file)

    monkeypatch.setattr(Postgres, "_execute", execute)
    load.commit(10, MEMBERS)
    assert lost
    load.all_there(10)


@contextmanager
def stopped_at(server: PostgresWarehouse, monkeypatch: pytest.MonkeyPatch, *calls: int) -> Iterator[None]:
    """The server crashes when rows are staged for the first time, the second and so on."""
    real = Postgres.stage
    count = 0

    def stage(self: Postgres, *arguments: Any) -> Any:
        nonlocal count
        count += 1
        if count in calls:
            server.stop()
        return real(self, *arguments)

    monkeypatch.setattr(Postgres, "stage", stage)
    try:
        yield
    finally:
        server.start()


def test_a_connection_that_is_lost_before_anything_is_loaded_is_opened_again(
    server: PostgresWarehouse, dataset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_module, "time", SimpleNamespace(sleep=lambda seconds: None))
    real = Postgres._execute
    lost = []

    def execute(self: Postgres, sql: str, file: Path | None = None) -> Any:
        if ("CREATE TABLE" in sql, "SELECT stream, state" in sql)[len(lost) : len(lost) + 1] == (True,):
            lost.append(sql)
            ((pid,),) = real(self, "SELECT pg_backend_pid()")
            server.execute(f"SELECT pg_terminate_backend({pid}, 10000)")
        return real(self, sql, file)

    monkeypatch.setattr(Postgres, "_execute", execute)
    with closing(open_destination(server.to, "iterable", "", tmp_path)) as destination:
        assert destination.states([USERS, MEMBERS]) == {}
        assert len(lost) == 2
        destination.start_over([USERS])
        destination.commit({"users": {"last": 1}})
        assert destination.states([USERS, MEMBERS]) == {"users": {"last": 1}}


def test_a_server_that_restarts_costs_a_pause(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_module, "time", SimpleNamespace(sleep=lambda seconds: load.server.start()))
    with stopped_at(load.server, monkeypatch, 2, 5):
        load.add(0, 1, 2)
        load.commit(2)
        load.add(*range(3, 8))
        load.add(8, 9, 10)
        load.commit(10, MEMBERS)
    load.all_there(10)


def test_a_server_that_does_not_come_back_is_told_and_the_next_load_goes_on(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    load.add(0, 1, 2)
    load.commit(2)
    with stopped_at(load.server, monkeypatch, 1), pytest.raises(DestinationError) as caught:
        load.add(*range(3, 11))
    assert not isinstance(caught.value, ConnectionLost)
    told = str(caught.value)
    assert told.startswith("The connection to PostgreSQL was lost: ")
    assert " The load could not resume: PostgreSQL cannot be used: connection to server on socket " in told
    assert told.endswith(" What was committed is kept: run the load again.")
    assert_goes_on(load)


def test_a_connection_that_is_lost_again_is_told_and_the_next_load_goes_on(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    load.add(0, 1, 2)
    load.commit(2)
    load.add(3)
    disconnect(load)
    load.add(4)
    disconnect(load)
    with pytest.raises(DestinationError, match="was lost: .* What was committed is kept: run the load again"):
        load.add(5)
    assert_goes_on(load)


def assert_goes_on(load: Load) -> None:
    load.destination.close()
    for each in load.folder.glob("*.jsonl"):
        each.unlink()
    again = Load(load.server, load.folder)
    with closing(again.destination) as destination:
        assert destination.states([USERS, MEMBERS]) == {"users": {"last": 2}, "list_users": {"last": 2}}
        again.add(*range(3, 11))
        again.commit(10, MEMBERS)
        again.all_there(10)


def test_another_load_is_not_ended(load: Load, tmp_path: Path) -> None:
    """What holds the schema when the connection is opened again may be somebody else."""
    load.add(0)
    disconnect(load)
    other = closing(Postgres(load.server.to, "iterable", "", tmp_path))
    with other, pytest.raises(DestinationError, match="Another load is writing to the schema iterable"):
        load.add(1)
    assert load.server.rows("_source_iterable_states") == []


def test_a_full_disk_of_the_server_is_no_fault_of_the_data(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Postgres.run

    def full(self: Postgres, sql: str) -> Any:
        return real(self, "DO $$ BEGIN RAISE 'could not extend file' USING ERRCODE = '53100'; END $$")

    monkeypatch.setattr(Postgres, "run", full)
    with pytest.raises(DestinationError) as caught:
        load.commit(1)
    assert str(caught.value) == "The disk of the PostgreSQL server is full: could not extend file. Free space there."
    assert issubclass(psycopg2.errors.DiskFull, psycopg2.OperationalError)

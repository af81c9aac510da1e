"""States in a database: each configuration's own, and how those without a project get one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from source_iterable.load.marks import MAKE
from source_iterable.load.states import MAKE_STATES, States, sql_to_project

PART = "2024-01-01T00:00:00Z/2024-02-01T00:00:00Z"


class Database:
    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self.run(f"{MAKE_STATES}; {MAKE}")

    def run(self, sql: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql).fetchall()

    def states(self, key: str) -> States:
        return States(self.run, key)


@pytest.fixture
def database() -> Iterator[Database]:
    with duckdb.connect() as connection:
        yield Database(connection)


def test_a_key_has_states_of_its_own(database: Database) -> None:
    for key in ("", PART, "us/", f"us/{PART}", "eu/"):
        states = database.states(key)
        states.put("users", {"at": "it's"})
        states.put("users", {"at": key})
        states.put("email_send", {})
    assert database.states("us/").all() == {"users": {"at": "us/"}, "email_send": {}}
    assert sorted(database.states("us/").of_others())[:2] == [("email_send", ""), ("email_send", PART)]
    database.states("us/").drop("users")
    assert database.states("us/").all() == {"email_send": {}}
    assert database.states(f"us/{PART}").all()["users"] == {"at": f"us/{PART}"}


def test_the_states_of_a_project_are_dropped_for_all_its_parts(database: Database) -> None:
    keys = ("us/", f"us/{PART}", "eu/", "us2/")
    for key in keys:
        database.states(key).put("users", {"at": key})
    database.states("us/").drop_all("users", "us")
    assert [key for key in keys if database.states(key).all()] == ["eu/", "us2/"]
    database.states("us/").drop_all("users")
    assert not any(database.states(key).all() for key in keys)


def test_rows_and_states_without_a_project_get_one(database: Database) -> None:
    database.run("CREATE TABLE users (email text); INSERT INTO users VALUES ('a'), ('b')")
    database.run("INSERT INTO _source_iterable_tables VALUES ('users', '', 'old'), ('lists', '', 'old')")
    for key in ("", PART):
        database.states(key).put("users", {"at": key})
        database.states(key).put("email_send", {"at": key})
    database.run(sql_to_project("main", ["users"], "it's", "varchar"))
    assert database.run("SELECT DISTINCT project FROM users") == [("it's",)]
    assert database.states("it's/").all() == {"users": {"at": ""}}
    assert database.states(f"it's/{PART}").all() == {"users": {"at": PART}}
    assert database.states("").all() == {"email_send": {"at": ""}}
    assert database.run("SELECT name FROM _source_iterable_tables WHERE generation = 'old'") == [("lists",)]

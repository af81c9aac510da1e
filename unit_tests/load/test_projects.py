"""Which tables a load with or without a project refuses, and what it says."""

from __future__ import annotations

import pytest

from source_iterable.errors import ConfigError
from source_iterable.load.destination import Destination
from source_iterable.load.projects import check_projects
from source_iterable.load.tables import table_of
from source_iterable.reading.stream import Held
from source_iterable.streams.table import STREAMS
from unit_tests.contexts import a_config

TABLES = [table_of(STREAMS[name], a_config()) for name in ("users", "lists", "channels")]


class Columns(Destination):
    def __init__(self, **held: Held) -> None:
        self._held = held

    def columns(self, table: str) -> Held:
        return self._held.get(table, {})


def test_tables_that_are_not_there_are_not_refused() -> None:
    for project in ("us", None):
        check_projects(Columns(), TABLES, project)


def test_all_tables_with_other_rows_are_named() -> None:
    there = Columns(users={"email": None}, lists={"id": None, "project": None})
    check_projects(there, TABLES[1:], "us")
    check_projects(there, TABLES[:1], None)
    with pytest.raises(
        ConfigError, match=r"without the option project: users\. Use another dataset.*--reload users\.$"
    ):
        check_projects(there, TABLES, "us")
    with pytest.raises(ConfigError, match="of several projects: lists. Set the option project"):
        check_projects(there, TABLES, None)


def test_an_own_profile_field_may_have_a_column_of_this_name() -> None:
    own = Columns(users={"email": None, "project": "project"})
    check_projects(own, TABLES, None)
    with pytest.raises(ConfigError, match="without the option project: users"):
        check_projects(own, TABLES, "us")

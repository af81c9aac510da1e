"""Marks of tables: what one load writes, the next one knows."""

from __future__ import annotations

from typing import Any

import duckdb

from source_iterable.load.marks import MAKE, Marks
from source_iterable.load.tables import Column, Table


def users(**own: str) -> Table:
    columns = tuple(Column(field, column, "varchar") for column, field in own.items())
    return Table("users", columns, ("email",), True, None, fits=True, schema={}, own=columns)


def test_a_column_is_of_the_field_that_it_was_made_for_last() -> None:
    with duckdb.connect() as database:

        def run(sql: str) -> list[tuple[Any, ...]]:
            return database.execute(sql).fetchall()

        run(MAKE)
        Marks(run).remember(users(age="age", first_name="firstName", its="it's"))
        Marks(run).remember(users(first_name="first_name"))
        Marks(run).remember(users())
        marks = Marks(run)
        known = {column: marks.field("users", column) for column in ("age", "first_name", "its", "zip")}
        assert known == {"age": "age", "first_name": "first_name", "its": "it's", "zip": None}
        assert marks.field("events", "age") is None


def test_a_generation_keeps_the_mark_of_private_options_unless_there_is_another() -> None:
    with duckdb.connect() as database:

        def run(sql: str) -> list[tuple[Any, ...]]:
            return database.execute(sql).fetchall()

        run(MAKE)
        generations = set()
        for private, mark in (("", ""), ("abc", "abc"), (None, "abc")):
            Marks(run).new_generation("users", private)
            assert Marks(run).private == {"users": mark}
            generations.update(run("SELECT generation FROM _source_iterable_tables"))
        assert len(generations) == 3

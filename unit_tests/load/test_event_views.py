"""The views of custom events: their names, columns and types, from the fields that came."""

from __future__ import annotations

from typing import Any

import pytest

from source_iterable.load import event_views
from source_iterable.load.event_views import views_of


def new(event_name: str, field: str, *json_types: str) -> list[tuple[Any, ...]]:
    """The rows of a field that no view has."""
    return [(event_name, field, json_type, None, None, None, False) for json_type in json_types]


def given(event_name: str, field: str, json_type: str, view: str, column: str | None, place: int) -> tuple[Any, ...]:
    """The row of a field that a view has, or leaves out."""
    return (event_name, field, json_type, view, column, place, True)


def test_the_type_of_a_column_takes_all_values_of_its_field() -> None:
    rows = [*new("a", "x", "integer", "number"), *new("a", "y", "string", "array"), *new("a", "z", "null")]
    (view,) = views_of(rows, set(), {"created_at"})
    assert (view.name, view.event_name) == ("custom_event_a", "a")
    assert view.columns == [("x", "x", "double"), ("y", "y", "json"), ("z", "z", "varchar")]


def test_views_and_their_columns_have_names_of_their_own() -> None:
    own = [row for field in ("createdAt", "fooBar", "foo_bar") for row in new("a-b", field, "string")]
    alike = [row for name in ("A b", "a b!", "a b?") for row in new(name, "x", "string")]
    taken = {"custom_event_a_b"}
    views = list(views_of([*own, *alike], taken, {"created_at"}))
    names = {view.name for view in views}
    assert len(names - {"custom_event_a_b"}) == 4, "that is a table of somebody"
    assert taken == {"custom_event_a_b", *names}
    columns = {column.name for column in views[0].columns}
    assert len(columns) == 3
    assert "created_at" not in columns, "that is the event's own"


def test_what_was_given_stays_and_only_the_rest_is_marked() -> None:
    rows = [
        given("a", "z", "integer", "old", "zz", 0),
        given("a", "b", "integer", "old", "bb", 1),
        *new("a", "b", "number"),
        *new("a", "a", "string"),
    ]
    (view,) = views_of(rows, {"old"}, {"created_at"})
    assert view.name == "old"
    assert view.columns == [("z", "zz", "bigint"), ("b", "bb", "double"), ("a", "a", "varchar")]
    assert view.marks == [("b", "bb", 1), ("a", "a", 2)]


def test_fields_over_the_bound_are_left_out_which_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_views, "MOST_FIELDS", 2)
    there = [given("a", "z", "integer", "v", "z", 0)]
    (view,) = views_of(
        [*there, *new("a", "c", "string"), *new("a", "b", "string"), *new("a", "d", "string")], set(), {"created_at"}
    )
    assert [column.name for column in view.columns] == ["z", "b"]
    assert (view.marks, view.overflows) == ([("b", "b", 1), ("c", None, 2)], True)
    there += [given("a", "b", "string", "v", "b", 1), given("a", "c", "string", "v", None, 2)]
    (view,) = views_of([*there, *new("a", "d", "string")], set(), {"created_at"})
    assert [column.name for column in view.columns] == ["z", "b"]
    assert (view.marks, view.overflows) == ([], False)

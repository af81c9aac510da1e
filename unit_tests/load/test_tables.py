"""Tables: names and types of columns."""

from __future__ import annotations

from dlt.common.normalizers.naming.snake_case import NamingConvention

from source_iterable.load.tables import backfill_key, free_name, snake_case, table_of, views_of
from source_iterable.streams.table import STREAMS
from unit_tests.contexts import a_config

CONFIG = a_config()


def test_columns_are_named_as_dlt_names_them() -> None:
    convention = NamingConvention()
    for stream in STREAMS.values():
        columns = table_of(stream, CONFIG).columns
        assert [column.name for column in columns] == [
            convention.normalize_identifier(column.field) for column in columns
        ]
        assert len({column.name for column in columns}) == len(columns)
    for odd in ("a b", "Äx", "fooBAR", "URLId", "x1Y2", "__b", "a__b", "1a", "foo-bar", "x_", "emailSMS2Go", "a.b"):
        assert snake_case(odd) == convention.normalize_identifier(odd)


def test_two_columns_never_share_a_name() -> None:
    assert free_name("x" * 90, {}) != free_name("x" * 91, {})
    assert free_name("fooBar", {"foo_bar": None}) not in ("foo_bar", "fooBar")
    assert all(len(free_name("f" * length, {"f" * length: None})) <= 63 for length in (50, 56, 60, 62, 63, 90))


def test_a_field_of_several_types_is_json_in_its_view() -> None:
    fields = [("a", "x", "integer"), ("a", "x", "number"), ("a", "y", "text"), ("a", "y", "json"), ("a", "z", "")]
    ((view, event_name, columns),) = views_of(fields)
    assert (view, event_name) == ("custom_event_a", "a")
    assert columns == [("x", "x", "number"), ("y", "y", "json"), ("z", "z", "text")]


def test_views_and_their_columns_have_names_of_their_own() -> None:
    fields = [("A b", "x", "text"), ("a-b", "fooBar", "text"), ("a-b", "foo_bar", "text"), ("a-b", "createdAt", "text")]
    views = list(views_of(fields))
    assert len({view for view, _, _ in views}) == 2
    names = [column.name for column in views[1][2]]
    assert len(set(names)) == 3
    assert "created_at" not in names, "that is the event's own"


def test_times_are_times_however_they_are_sent_unless_they_are_hashed() -> None:
    kinds = {column.field: column.kind for column in table_of(STREAMS["campaigns"], CONFIG).columns}
    assert (kinds["createdAt"], kinds["id"], kinds["sendSize"]) == ("time", "integer", "integer")
    hashed = table_of(STREAMS["campaigns"], a_config(hashed_fields=["createdAt"], hash_salt="pepper"))
    assert {column.field: column.kind for column in hashed.columns}["createdAt"] == "text"


def test_only_backfills_with_an_end_have_states_of_their_own() -> None:
    assert backfill_key(CONFIG) == ""
    ends = (backfill_key(a_config(end_date=f"2024-0{month}-01T00:00:00Z")) for month in (2, 3))
    assert len({"", *ends}) == 3

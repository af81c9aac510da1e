"""The views of custom events: which are made, when, and with which columns."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from integration_tests.warehouses import DuckDBWarehouse, PostgresWarehouse, Row
from source_iterable.config import Config
from source_iterable.load import event_views
from source_iterable.load.command import open_destination
from source_iterable.load.commits import Commits
from source_iterable.load.event_views import FIELDS
from source_iterable.load.rows import Spool
from source_iterable.load.sql_destination import SqlDestination
from source_iterable.load.tables import table_of
from source_iterable.records.batch import batch_of
from source_iterable.streams.table import STREAMS

EVENTS = STREAMS["custom_event"]
OWN = {"api_key": "k" * 32, "start_date": "2024-01-01T00:00:00Z"}
BEGINNING = ["_event_id", "created_at", "email", "user_id", "itbl_user_id"]


@pytest.fixture(params=["duckdb", pytest.param("postgres", marks=pytest.mark.warehouses)])
def loads(request: pytest.FixtureRequest, tmp_path: Path) -> Loads:
    if request.param == "postgres":
        return Loads(request.getfixturevalue("postgres_warehouse"), tmp_path)
    return Loads(DuckDBWarehouse(tmp_path), tmp_path)


class Loads:
    """Loads of custom events into a warehouse. `sql` is what the last one executed."""

    def __init__(self, warehouse: DuckDBWarehouse | PostgresWarehouse, folder: Path) -> None:
        self.warehouse = warehouse
        self._folder = folder / "work"
        self._folder.mkdir()
        self._open = lambda: open_destination(warehouse.to, "iterable", "", self._folder)
        self._events = 0
        self.sql: list[str] = []

    def event(self, name: str | None, data: Row) -> Row:
        self._events += 1
        event = {"_event_id": str(self._events), "createdAt": "2024-05-01T10:20:30+00:00", "data": data}
        return event if name is None else {**event, "eventName": name}

    @contextmanager
    def opened(self) -> Iterator[SqlDestination]:
        with closing(self._open()) as destination:
            assert isinstance(destination, SqlDestination)
            yield destination

    def add(self, commits: Commits, *events: Row, **options: Any) -> None:
        table = table_of(EVENTS, Config.parse({**OWN, **options}))
        spool = Spool(self._folder, commits.add, commits.destination.keeps_nul)
        spool.add(table, batch_of("custom_event", list(events)))
        spool.flush()

    def __call__(self, name: str = "a", *rows: Row, views: bool = True, reload: bool = False, **options: Any) -> None:
        """A load that gets events of this name, with the option --custom-event-tables if `views`."""
        with self.opened() as destination:
            run, self.sql = destination.run, []

            def watched(sql: str, *file: Any) -> list[tuple[Any, ...]]:
                self.sql.append(sql)
                return run(sql, *file)

            destination.run = watched  # type: ignore[method-assign]
            if reload:
                destination.reload([table_of(EVENTS, Config.parse({**OWN, **options}))])
            commits = Commits(destination)
            if rows:
                self.add(commits, *(self.event(name, row) for row in rows), **options)
            commits.commit({"custom_event": {"last": self._events}})
            if views:
                destination.make_custom_event_views()

    def columns(self, view: str = "custom_event_a") -> list[str]:
        """The columns of a view behind those that all have."""
        columns = f"information_schema.columns WHERE table_name = '{view}' ORDER BY ordinal_position"
        names = [row["column_name"] for row in self.warehouse.query(f"SELECT column_name FROM {columns}")]
        assert not names or names[:5] == BEGINNING
        return names[5:]

    def views(self) -> set[str]:
        views = "information_schema.tables WHERE table_schema = 'iterable' AND table_type = 'VIEW'"
        return {row["table_name"] for row in self.warehouse.query(f"SELECT table_name FROM {views}")}

    def values(self, view: str, column: str) -> list[Any]:
        return [
            row.get(column) for row in self.warehouse.query(f'SELECT * FROM "{view}" ORDER BY length(_event_id), 1')
        ]

    def execute(self, sql: str) -> None:
        with self.opened() as destination:
            destination.run(sql)


def test_columns_stay_where_they_are_and_new_ones_come_behind_them(loads: Loads) -> None:
    loads("a", {"own": 1, "fooBar": "x"})
    assert loads.columns() == ["foo_bar", "own"]
    loads("a", {"earlier": True, "FooBar": 2, "foo_bar": None})
    columns = loads.columns()
    assert (columns[:2], columns[3], len(columns)) == (["foo_bar", "own"], "earlier", 5)
    assert all(column.startswith("foo_bar_") for column in (columns[2], columns[4]))
    assert loads.values("custom_event_a", "foo_bar") == ["x", None]
    assert loads.values("custom_event_a", columns[2]) == [None, "2" if columns[2] == "none" else 2]


def test_a_column_gets_a_wider_type_with_its_values(loads: Loads) -> None:
    loads("a", {"n": 1, "t": None})
    loads("a", {"n": 2.5, "t": True})
    assert loads.values("custom_event_a", "n") == [1, 2.5]
    assert loads.values("custom_event_a", "t") == [None, True]
    loads("a", {"n": "three"})
    # JSON, which DuckDB hands out as a text.
    assert loads.values("custom_event_a", "n") in ([1, 2.5, "three"], ["1", "2.5", '"three"'])


@pytest.mark.parametrize("views", [False, True])
def test_a_load_without_new_rows_reads_no_event_and_makes_no_view(loads: Loads, views: bool) -> None:
    loads("a", {"own": 1})
    loads(views=views)
    assert [sql for sql in loads.sql if "VIEW" in sql.replace("'VIEW'", "") or "FROM custom_event" in sql] == []


def test_a_load_reads_only_the_rows_that_it_adds_and_makes_only_views_that_change(loads: Loads) -> None:
    loads("a", {"own": 1})
    loads("b", {"own": 1})
    loads("b", {"own": 2}, {"more": 2})
    made = [sql for sql in loads.sql if "REPLACE VIEW" in sql]
    assert [("custom_event_b" in sql, "custom_event_a" in sql) for sql in made] == [(True, False)]
    assert [sql for sql in loads.sql if "FROM custom_event" in sql and "VIEW" not in sql] == []
    loads("b", {"own": 3})
    assert [sql for sql in loads.sql if "REPLACE VIEW" in sql] == []
    assert loads.values("custom_event_b", "own") == [1, 2, None, 3]


def test_rows_of_loads_without_the_option_are_shown_by_the_next_one_with_it(loads: Loads) -> None:
    loads("a", {"own": 1}, views=False)
    assert FIELDS not in {row["table_name"] for row in loads.warehouse.query("SELECT * FROM information_schema.tables")}
    loads()
    assert loads.columns() == ["own"]
    loads("a", {"later": 1}, views=False)
    loads("b", {"first": 1}, views=False)
    assert (loads.columns(), loads.columns("custom_event_b")) == (["own"], [])
    loads()
    assert (loads.columns(), loads.columns("custom_event_b")) == (["own", "later"], ["first"])


def test_a_load_that_is_killed_between_two_transactions_goes_on_in_the_next(
    loads: Loads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_views, "_VIEWS", 2)
    with loads.opened() as destination:
        commits = Commits(destination)
        loads.add(commits, *(loads.event(name, {"own": 1}) for name in "abcde"))
        commits.commit({})
        make, made = destination.make_view, list[str]()

        def killed(name: str, *rest: Any) -> None:
            if len(made) == 3:
                raise KeyboardInterrupt
            made.append(name)
            make(name, *rest)

        destination.make_view = killed  # type: ignore[method-assign]
        with pytest.raises(KeyboardInterrupt):
            destination.make_custom_event_views()
    assert loads.views() == {"custom_event_a", "custom_event_b"}
    loads()
    assert [sql.count("COMMIT") for sql in loads.sql if "COMMIT" in sql] == [1] * 3, "rows, and views in two"
    assert loads.views() == {f"custom_event_{name}" for name in "abcde"}
    assert not any("custom_event_a" in sql for sql in loads.sql)


def test_fields_of_rows_that_are_rolled_back_are_not_shown(loads: Loads) -> None:
    loads("a", {"own": 1})
    with loads.opened() as destination:
        commits = Commits(destination)
        loads.add(commits, loads.event("a", {"kept": 1}))
        # Like a stream that is rejected: everything is added again.
        commits._rejected = True
        commits.commit({})
        assert commits.errors == {}
        loads.add(commits, loads.event("a", {"lost": 1}))
        destination.rollback()
        destination.make_custom_event_views()
    assert loads.columns() == ["own", "kept"]


def test_fields_that_do_not_fit_stay_in_data_which_is_said_once(
    loads: Loads, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(event_views, "MOST_FIELDS", 3)
    loads("a", {"z": 1})
    loads("a", {"b": 1, "c": 2, "d": 3, "e": 4}, {"f": 5})
    assert loads.columns() == ["z", "b", "c"], "those that were there stay"
    others = "The other fields of its events are only in the column data of custom_event."
    said = f"custom_event_a has columns for 3 fields. {others}"
    assert caplog.messages == [said]
    for number in range(3):
        loads("a", {"d": 3, f"new{number}": 4, "b": 2.5})
    assert (loads.columns(), caplog.messages) == (["z", "b", "c"], [said])
    assert loads.values("custom_event_a", "b")[-1] == 2.5, "its type"
    known = {row["field"] for row in loads.warehouse.rows(FIELDS)}
    assert known == {"z", "b", "c", "d"}, "no memory of what is left out"


def test_a_view_that_was_dropped_comes_back(loads: Loads) -> None:
    loads("a", {"own": 1})
    loads("b", {"own": 1})
    loads.execute("DROP VIEW custom_event_a")
    loads()
    assert loads.columns() == ["own"]
    assert [sql for sql in loads.sql if "REPLACE VIEW" in sql and "custom_event_b" in sql] == []


@pytest.mark.parametrize("dropped", [False, True])
def test_events_that_are_loaded_from_the_beginning_have_only_the_fields_that_come_then(
    loads: Loads, dropped: bool
) -> None:
    loads("a", {"phone": 49, "city": "x"})
    if dropped:
        cascade = " CASCADE" if isinstance(loads.warehouse, PostgresWarehouse) else ""
        loads.execute(f"DROP TABLE custom_event{cascade}")
    loads("a", {"phone": "hash"}, views=False, reload=not dropped, excluded_fields=["city"], hashed_fields=["phone"])
    if not dropped:
        assert loads.values("custom_event_a", "city") == [None], "a view that is not made anew yet"
    loads(excluded_fields=["city"], hashed_fields=["phone"])
    assert loads.columns() == ["phone"]
    assert loads.values("custom_event_a", "phone") == ["hash"]


def test_names_that_nobody_should_give(loads: Loads) -> None:
    long = "x" * 80
    fields = {
        "": 1,
        "!": 2,
        "a\"b'c/~%s": 3,
        "größe": 4,
        long: 5,
        f"{long}y": 6,
        "n\0l": 7,
        "A": 8,
        "a": 9,
        "email": 10,
    }
    with loads.opened() as destination:
        commits = Commits(destination)
        for name in ("", "!", "a", "a!", "a?", "A", "it's", long, "n\0l"):
            loads.add(commits, loads.event(name, fields))
        loads.add(commits, loads.event(None, {"nameless": 1}))
        commits.commit({})
        destination.make_custom_event_views()
    views = loads.views()
    assert len(views) == 9
    assert all(len(view) <= 63 for view in views)
    for view in views:
        ((row),) = loads.warehouse.query(f'SELECT * FROM "{view}"')
        assert sorted(value for value in row.values() if isinstance(value, int)) == list(range(1, 11)), view


def test_events_with_many_fields_are_taken_apart_in_little_memory(
    loads: Loads, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = {f"f{number}": number for number in range(2000)}
    loads("a", *([fields] * 500), views=False)
    loads()
    assert len(loads.columns()) == 1000
    loads("b", *([fields] * 500))
    assert len(loads.columns("custom_event_b")) == 1000
    assert loads.values("custom_event_b", "f1")[:2] == [1, 1]


@pytest.mark.warehouses
def test_a_view_that_another_needs_gets_new_columns_and_wider_types_once_that_is_dropped(
    postgres_warehouse: PostgresWarehouse, tmp_path: Path
) -> None:
    loads = Loads(postgres_warehouse, tmp_path)
    loads("it's 100% %s", {"own": 1})
    view = "custom_event_it_s_100_s"
    postgres_warehouse.execute(f"CREATE VIEW iterable.mine AS SELECT own FROM iterable.{view}")
    loads("it's 100% %s", {"earlier": 1})
    assert loads.columns(view) == ["own", "earlier"]
    loads("it's 100% %s", {"own": "text", "later": 1})
    loads()
    assert loads.values(view, "own") == [1, None, None]
    assert loads.columns(view) == ["own", "earlier"]
    postgres_warehouse.execute("DROP VIEW iterable.mine")
    loads()
    assert loads.values(view, "own") == [1, None, "text"]
    assert loads.columns(view) == ["own", "earlier", "later"]

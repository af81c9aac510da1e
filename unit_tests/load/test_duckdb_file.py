"""The DuckDB file as a destination: where its temporary files are, and names of schemas."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from secrets import token_hex

import pytest

from source_iterable.load import duckdb_file
from source_iterable.load.duckdb_file import DuckDBFile
from source_iterable.load.rows import Spool
from source_iterable.load.tables import table_of
from source_iterable.records.batch import batch_of
from source_iterable.streams.table import STREAMS
from unit_tests.contexts import a_config


def test_temporary_files_are_not_beside_the_database(tmp_path: Path) -> None:
    """There, those of a killed load would stay."""
    spill, there = tmp_path / "spill", tmp_path / "there"
    spill.mkdir()
    there.mkdir()
    with closing(DuckDBFile(there / "x.duckdb", "iterable", "", spill)) as destination:
        # More than its memory.
        destination.run(
            "CREATE TEMP TABLE big AS SELECT sha256(range::text) || sha256(range::text) FROM range(3000000)"
        )
        assert list(spill.iterdir())
        assert {path.name for path in there.iterdir()} <= {"x.duckdb", "x.duckdb.wal"}


def test_names_of_schemas_are_compared_without_case(tmp_path: Path) -> None:
    table = table_of(STREAMS["users"], a_config())
    for dataset in ("iterable", "Iterable"):
        with closing(DuckDBFile(tmp_path / "x.duckdb", dataset, "", tmp_path)) as destination:
            assert destination.private() == ({} if dataset == "iterable" else {"users": ""})
            spool = Spool(tmp_path, destination.add)
            spool.add(table, batch_of("users", [{"email": "a@x.com", "data": {"dataset": dataset}}]))
            spool.flush()
            destination.commit({"users": {"profileUpdatedAt": "2024-01-01T00:00:00Z"}})
            assert destination.run("SELECT email, data->>'dataset' FROM users") == [("a@x.com", dataset)]
            assert destination.states([table])


def test_views_stay_when_their_table_is_replaced_also_if_it_has_more_columns_than_the_new_rows(tmp_path: Path) -> None:
    table = table_of(STREAMS["channels"], a_config())
    with closing(DuckDBFile(tmp_path / "x.duckdb", "iterable", "", tmp_path)) as destination:
        for number in (1, 2):
            destination.start_over([table])
            spool = Spool(tmp_path, destination.add)
            # The first time, a value that needs a column of its own.
            spool.add(table, batch_of("channels", [{"id": 1, "name": number, "channelType": number, "data": {}}]))
            spool.add(table, batch_of("channels", [{"id": "odd" if number == 1 else 2}]))
            spool.flush()
            destination.commit({}, [table])
            if number == 1:
                destination.run("CREATE VIEW mine AS SELECT * FROM channels")
        assert destination.run("SELECT id, name, id_v_json FROM mine ORDER BY 1") == [(1, "2", None), (2, None, None)]
        assert [name for (name,) in destination.run("SELECT name FROM _source_iterable_tables")] == ["channels"]


@pytest.mark.parametrize(("long", "stopped"), [(False, False), (True, False), (False, True)])
def test_small_row_groups_are_merged_at_the_end_unless_their_rows_are_long(
    long: bool, stopped: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DuckDB merges VECTOR rows in memory: with long ones, no load would ever end again."""
    monkeypatch.setattr(duckdb_file, "_MANY_BLOCKS", 3)
    for number in range(4):
        with closing(DuckDBFile(tmp_path / "x.duckdb", "iterable", "", tmp_path)) as destination:
            destination.run("CREATE TABLE IF NOT EXISTS contents (id bigint, html varchar)")
            size = 600_000 if long else 60
            destination.run(f"INSERT INTO contents VALUES ({number}, '{token_hex(size)}')")
            if not stopped:
                destination.compact()
    with closing(DuckDBFile(tmp_path / "x.duckdb", "iterable", "", tmp_path)) as destination:
        ((groups,),) = destination.run("SELECT count(DISTINCT row_group_id) FROM pragma_storage_info('contents')")
        assert (groups > 1) == (long or stopped)


def test_an_event_has_the_number_of_the_transaction_that_wrote_it_last(tmp_path: Path) -> None:
    """Also in a table that an earlier version began, without the column."""
    table = table_of(STREAMS["email_open"], a_config())

    def load(*names: str) -> dict[str, int]:
        with closing(DuckDBFile(tmp_path / "x.duckdb", "iterable", "", tmp_path)) as destination:
            spool = Spool(tmp_path, destination.add)
            records = [{"_event_id": name, "createdAt": "2024-01-01T00:00:00Z", "data": {}} for name in names]
            spool.add(table, batch_of("email_open", records))
            spool.flush()
            destination.commit({})
            return dict(destination.run("SELECT _event_id, _load_number FROM email_open"))

    load("old", "changed")
    with closing(DuckDBFile(tmp_path / "x.duckdb", "iterable", "", tmp_path)) as destination:
        destination.run("ALTER TABLE email_open DROP COLUMN _load_number")
    second = load("changed", "new")
    third = load("newest")
    assert second["old"] is None
    assert second["changed"] == second["new"] == third["new"] < third["newest"]


def test_rows_that_are_merged_have_the_number_of_their_transaction(tmp_path: Path) -> None:
    users, lists = (table_of(STREAMS[name], a_config()) for name in ("users", "lists"))
    with closing(DuckDBFile(tmp_path / "x.duckdb", "iterable", "", tmp_path)) as destination:
        spool = Spool(tmp_path, destination.add)
        spool.add(users, batch_of("users", [{"email": "ann@x.example", "itblUserId": "1", "data": {}}]))
        spool.add(lists, batch_of("lists", [{"id": 1, "name": "All"}]))
        spool.flush()
        destination.commit({})
        held = destination.run(
            "SELECT table_name FROM information_schema.columns WHERE column_name = '_load_number' ORDER BY 1"
        )
        assert held == [("users",)], "a table that is replaced has no older rows"
        assert destination.run("SELECT _load_number FROM users") == destination.run(
            "SELECT number FROM _source_iterable_loads"
        )

"""Destinations: what parts of a backfill, interrupted loads and other loads may do to each other."""

from __future__ import annotations

import resource
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from integration_tests.warehouses import BucketWarehouse, DuckDBWarehouse, PostgresWarehouse, Row, Warehouse
from source_iterable.config import Config
from source_iterable.load.command import open_destination
from source_iterable.load.commits import Commits
from source_iterable.load.destination import Destination, DestinationError
from source_iterable.load.rows import Spool
from source_iterable.load.tables import Table, table_of
from source_iterable.records.batch import batch_of
from source_iterable.streams.table import STREAMS

CONFIG = Config.parse({"api_key": "k" * 32, "start_date": "2024-01-01T00:00:00Z"})
MEMBERS, USERS, CAMPAIGNS = (table_of(STREAMS[name], CONFIG) for name in ("list_users", "users", "campaigns"))
# As a table of things that is merged.
CAMPAIGNS = CAMPAIGNS._replace(merged=True)
# Keys of two parts of a backfill.
EARLIER, LATER = (f"2024-0{month}-01T00:00:00Z/2024-0{month + 1}-01T00:00:00Z" for month in (1, 2))


@pytest.fixture
def opened(warehouse: Warehouse, tmp_path: Path) -> Callable[..., Destination]:
    (tmp_path / "work").mkdir()
    return lambda part="": open_destination(warehouse.to, "iterable", part, tmp_path / "work")


def put(destination: Destination, table: Any, folder: Path, *rows: Row) -> None:
    """Rows, each a batch of its own, on their way through the spool."""
    spool = Spool(folder, destination.add)
    for row in rows:
        spool.add(table, batch_of(table.name, [row]))
    spool.flush()


def member(number: int) -> Row:
    return {"listId": 1, "userIdentifier": f"{number}@example.com"}


def identifiers(warehouse: Warehouse) -> list[str]:
    return sorted(row["user_identifier"][0] for row in warehouse.rows("list_users"))


def test_parts_keep_the_rows_of_each_others_interrupted_loads(
    warehouse: Warehouse, opened: Callable[..., Destination], tmp_path: Path
) -> None:
    with closing(opened(EARLIER)) as first:
        first.start_over([MEMBERS])
        put(first, MEMBERS, tmp_path, member(1), member(2))
        first.commit({"list_users": {"after": 2}})
    with closing(opened(LATER)) as other:
        assert other.states([USERS, MEMBERS]) == {}
        other.start_over([MEMBERS])
        put(other, MEMBERS, tmp_path, member(1), member(2), member(3))
        other.commit({"list_users": {}}, [MEMBERS])
    assert identifiers(warehouse) == ["1", "2", "3"]
    with closing(opened(EARLIER)) as resumed:
        assert resumed.states([USERS, MEMBERS]) == {"list_users": {"after": 2}}
        put(resumed, MEMBERS, tmp_path, member(3))
        resumed.commit({"list_users": {}}, [MEMBERS])
    assert identifiers(warehouse) == ["1", "2", "3"]


def test_rows_that_wait_with_other_private_fields_are_dropped_and_those_of_other_parts_are_kept(
    warehouse: Warehouse, opened: Callable[..., Destination], tmp_path: Path
) -> None:
    hidden = MEMBERS._replace(private="0123456789abcdef")

    def begin(part: str, table: Table, count: int) -> None:
        with closing(opened(part)) as destination:
            destination.start_over([table])
            put(destination, table, tmp_path, *map(member, range(1, count + 1)))
            destination.commit({"list_users": {"after": count}})

    begin("", MEMBERS, 3)
    with closing(opened()) as destination:
        assert destination.collects_otherwise(hidden), "which is said if the load does not read this stream"
        assert not destination.collects_otherwise(MEMBERS)
    begin(EARLIER, hidden, 2)
    with closing(opened()) as destination:
        assert destination.states([MEMBERS]) == {}, "its rows went with the first load that hides other fields"
        assert destination.states([hidden]) == {}
        destination.start_over([hidden])
        destination.commit({})
    with closing(opened(EARLIER)) as other:
        assert other.states([MEMBERS]) == {}
        assert other.states([hidden]) == {"list_users": {"after": 2}}
        other.commit({"list_users": {}}, [hidden])
        assert other.private() == {"list_users": hidden.private}
    assert identifiers(warehouse) == ["1", "2"]
    with closing(opened()) as destination:
        destination.start_over([hidden])
        destination.commit({"list_users": {"after": 1}})
        destination.reload([hidden])
        assert destination.states([hidden]) == {}
        destination.start_over([hidden])
        destination.commit({"list_users": {}}, [hidden])
    assert identifiers(warehouse) == []


def test_a_state_without_its_rows_does_not_come_back(
    warehouse: Warehouse, opened: Callable[..., Destination], tmp_path: Path
) -> None:
    """Rows may be committed before there is a state for them: it must not be the one of rows that are gone."""
    for table in (USERS, MEMBERS):
        with closing(opened()) as destination:
            # As versions before did: without a table for it.
            destination.commit({table.name: {"last": 1}})
        with closing(opened()) as destination:
            assert destination.states([table]) == {}
            destination.start_over([table])
            put(destination, table, tmp_path, member(1) if table is MEMBERS else {"email": "a@example.com"})
            destination.commit({})
        with closing(opened()) as destination:
            assert destination.states([table]) == {}


def test_values_that_no_sql_integer_holds_are_in_one_column_load_after_load(
    warehouse: Warehouse, opened: Callable[..., Destination], tmp_path: Path
) -> None:
    sizes = [2**63, 5, 2**64 - 1]
    for number, size in enumerate(sizes):
        with closing(opened()) as destination:
            row = {"id": number, "sendSize": size, "data": {"brandId": number}}
            put(destination, CAMPAIGNS, tmp_path, row)
            destination.commit({})
    rows = {int(row["id"]): row for row in warehouse.rows("campaigns")}
    assert [int(rows[n].get("send_size", rows[n].get("send_size_v_json"))) for n in range(3)] == sizes
    assert [str(rows[n]["data"]).replace(" ", "").replace("'", '"') for n in range(3)] == [
        f'{{"brandId":{n}}}' for n in range(3)
    ]
    assert not [name for row in rows.values() for name in row if "brand" in name]


def test_of_two_rows_with_one_key_the_last_counts_whichever_way_they_are_read(
    warehouse: Warehouse, opened: Callable[..., Destination], tmp_path: Path
) -> None:
    long = {"email": "x@example.com", "data": {"v": "long", "n": 10**19}}
    usual = {"email": "x@example.com", "data": {"v": "usual"}}
    with closing(opened()) as destination:
        for rows, last in (((long, usual), "usual"), ((usual, long), "long")):
            destination.start_over([USERS])
            put(destination, USERS, tmp_path, *rows)
            destination.commit({})
            (row,) = warehouse.rows("users") if not isinstance(warehouse, DuckDBWarehouse) else ({"data": last},)
            assert last in str(row["data"])
    (row,) = warehouse.rows("users")
    assert "long" in str(row["data"])


def test_of_two_loads_at_once_into_one_dataset_one_is_refused(
    warehouse: Warehouse, opened: Callable[..., Destination]
) -> None:
    with closing(opened(EARLIER)) as first, pytest.raises(DestinationError), closing(opened(LATER)):
        # In a bucket, where nobody knows whether the first one still lives, that is refused its next commit.
        assert isinstance(warehouse, BucketWarehouse)
        first.commit({})
    opened(LATER).close()


# PostgreSQL's disk is the server's: test_load_connection.py.
@pytest.mark.parametrize("warehouse", ["duckdb", pytest.param("parquet", marks=pytest.mark.warehouses)], indirect=True)
def test_a_full_disk_is_named_with_what_to_do(
    warehouse: Warehouse, opened: Callable[..., Destination], tmp_path: Path
) -> None:
    noise = [{"email": f"{n}@example.com", "data": {"n": sha256(b"%d" % n).hexdigest()}} for n in range(20_000)]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with closing(opened()) as destination:
        put(destination, USERS, tmp_path, noise[0])
        destination.commit({"users": {"last": 0}})
        spool = Spool(tmp_path, destination.add)
        spool.add(USERS, batch_of("users", noise))
        # No file may be larger: to a program that is like a disk that is full.
        resource.setrlimit(resource.RLIMIT_FSIZE, (700_000, hard))
        try:
            with pytest.raises(DestinationError) as caught:
                spool.flush()
                destination.commit({"users": {"last": 20_000}})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    place, _, told = str(caught.value).partition(" cannot be written: ")
    assert place.startswith(warehouse.to.rstrip("/"))
    assert told == "File too large. Free space there, and run the load again: what was committed is kept."
    with closing(opened()) as destination:
        assert destination.states([USERS, MEMBERS]) == {"users": {"last": 0}}
    assert [row["email"] for row in warehouse.rows("users")] == ["0@example.com"]


@pytest.mark.parametrize(
    "credentials",
    ["mysql://u:SECRET@h/db", "postgresql://u:p@SECRET@127.0.0.1:1/db", "postgresql://u:SECRET@127.0.0.1:1/d"],
)
def test_the_credentials_of_dlt_are_not_shown(
    credentials: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", credentials)
    with pytest.raises(DestinationError, match="dlt cannot load into postgres: ") as caught:
        open_destination("postgres", "iterable", "", tmp_path)
    assert "SECRET" not in str(caught.value)


def test_texts_arrive_whatever_encoding_the_environment_asks_for(
    warehouse: Warehouse, opened: Callable[..., Destination], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    with closing(opened()) as destination:
        destination.start_over([USERS])
        put(destination, USERS, tmp_path, {"email": "größe@example.com", "city": "東京", "data": {}})
        destination.commit({})
    monkeypatch.delenv("PGCLIENTENCODING")
    (row,) = warehouse.rows("users")
    assert (row["email"], row["city"]) == ("größe@example.com", "東京")


@pytest.mark.warehouses
@pytest.mark.parametrize("too_long", [False, True])
def test_a_stream_that_postgresql_rejects_fails_alone(
    postgres_warehouse: PostgresWarehouse, tmp_path: Path, too_long: bool
) -> None:
    """Its column has another type, or its key is too long for an index."""
    if not too_long:
        postgres_warehouse.execute("CREATE SCHEMA iterable; CREATE TABLE iterable.users (email integer)")
    email = "".join(sha256(b"%d" % n).hexdigest() for n in range(200))
    with closing(open_destination(postgres_warehouse.to, "iterable", "", tmp_path)) as destination:
        commits = Commits(destination)
        spool = Spool(tmp_path, commits.add)
        for number in (1, 2):
            for table, row in ((CAMPAIGNS, {"id": number}), (USERS, {"email": email}), (MEMBERS, member(number))):
                spool.add(table, batch_of(table.name, [row]))
            spool.flush()
            commits.commit({"users": {"last": number}, "campaigns": {"last": number}}, [MEMBERS] if number == 2 else [])
        assert {name: str(error).partition(":")[0] for name, error in commits.errors.items()} == {
            "users": "PostgreSQL rejected a statement"
        }
        assert destination.states([USERS, CAMPAIGNS]) == {"campaigns": {"last": 2}}
        assert list(tmp_path.glob("*.*")) == []
    assert len(postgres_warehouse.rows("campaigns")) == 2
    assert identifiers(postgres_warehouse) == ["1", "2"]

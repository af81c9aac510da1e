"""`load` after the private fields have changed or a table was dropped: no row is lost, and no table has mixed rows."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from integration_tests import preloaded
from integration_tests.connector import config_for, time_text
from integration_tests.sandbox import NOW, Fault, Sandbox, SandboxSettings
from integration_tests.test_load import load_words
from integration_tests.warehouses import (
    BucketWarehouse,
    DuckDBWarehouse,
    ParquetWarehouse,
    PostgresWarehouse,
    Warehouse,
)

pytestmark = pytest.mark.warehouses

SENDS = [f"{name}@example.com" for name in ("anna", "bob", "carl", "dora", "emil")]
# dlt's own DuckDB, which `--to duckdb` does not mean.
BY_DLT = """
import sys, dlt
from source_iterable.load import command, dlt_adapter, forget
dlt_adapter.destination_named = lambda file: dlt.destination(
    "duckdb", credentials=file + ".duckdb", replace_strategy="insert-from-staging"
)
(command if sys.argv[1] == "load" else forget).run(sys.argv[2:])
"""


class DltWarehouse(DuckDBWarehouse):
    """A DuckDB file that dlt writes."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        # dlt cannot write a file of the dataset's name.
        self.file, self.to = str(folder / "by_dlt.duckdb"), str(folder / "by_dlt")

    def query(self, sql: str) -> list[dict[str, Any]]:
        with duckdb.connect(self.file, read_only=True) as database:
            found = database.execute(f"USE by_dlt.iterable; {sql}")
            names = [column[0] for column in found.description or ()]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


@pytest.fixture(params=["duckdb", "parquet", "bucket", "postgres", "dlt"])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Warehouse]:
    if request.param in ("postgres", "bucket"):
        yield request.getfixturevalue(f"{request.param}_warehouse")
    else:
        yield {"duckdb": DuckDBWarehouse, "parquet": ParquetWarehouse, "dlt": DltWarehouse}[request.param](tmp_path)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A project with five sends, a day apart."""
    with Sandbox(SandboxSettings(users=5, days=6, events_per_day=0)) as running:
        for number, email in enumerate(SENDS):
            time = NOW - timedelta(days=number, hours=1)
            running.put_records("emailSend", [{"createdAt": time_text(time), "email": email}], at=time)
        yield running


def run(warehouse: Warehouse, config: Mapping[str, Any], *arguments: str) -> subprocess.CompletedProcess[str]:
    words = load_words(Path(os.environ["TMPDIR"]), config, "--to", warehouse.to, *arguments)
    return command(warehouse, *words)


def command(warehouse: Warehouse, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command, `load` or `forget`, that uses a warehouse."""
    program = ["-c", BY_DLT] if isinstance(warehouse, DltWarehouse) else ["-m", "source_iterable"]
    words = [*preloaded.python_for_load(), *program, name, *arguments]
    return subprocess.run(words, capture_output=True, text=True, check=False)


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))


def drop(warehouse: Warehouse, table: str) -> None:
    """Drop a table, as by hand."""
    if isinstance(warehouse, (ParquetWarehouse, BucketWarehouse)):
        warehouse.drop(table)
    elif isinstance(warehouse, PostgresWarehouse):
        warehouse.execute(f"DROP TABLE iterable.{table}")
    else:
        file = warehouse.file if isinstance(warehouse, DltWarehouse) else warehouse.to
        with duckdb.connect(file) as database:
            database.execute(f"DROP TABLE {Path(file).stem}.iterable.{table}")


def emails(warehouse: Warehouse) -> list[str]:
    return sorted(row["email"] for row in warehouse.rows("email_send"))


def generations(warehouse: Warehouse) -> dict[str, str]:
    """Of tables in databases, which the models know them by."""
    assert isinstance(warehouse, (DuckDBWarehouse, PostgresWarehouse))
    return {row["name"]: row["generation"] for row in warehouse.query("SELECT * FROM _source_iterable_tables")}


def test_a_table_is_not_loaded_with_other_private_fields_but_again(warehouse: Warehouse, sandbox: Sandbox) -> None:
    clear = config_for(sandbox, days=6)
    hidden = {**clear, "hashed_fields": ["email", "listId", "campaignId"], "hash_salt": "pepper"}
    arguments = ["--streams", "users,email_send,list_users"]
    assert run(warehouse, clear, *arguments).returncode == 0
    assert emails(warehouse) == SENDS
    users, members = (len(warehouse.rows(table)) for table in ("users", "list_users"))
    sandbox.clear_requests()

    refused = run(warehouse, hidden, *arguments)

    assert refused.returncode == 1
    assert "The rows of users, email_send were written with other private fields" in refused.stderr
    assert "--reload users,email_send." in refused.stderr
    assert not sandbox.requests
    assert emails(warehouse) == SENDS

    done = run(warehouse, hidden, *arguments, "--reload", "email_send,users")

    assert done.returncode == 0, done.stderr
    hashed = emails(warehouse)
    assert {len(email) for email in hashed} == {64}
    assert len(set(hashed)) == 5
    assert len(warehouse.rows("users")) == users > 0
    now = warehouse.rows("list_users")
    assert len(now) == members > 0, (
        "a table that is replaced takes the new rows, whatever the types of its columns were"
    )
    assert {len(str(row["list_id"])) for row in now} == {64}
    for table in ("users", "email_send", "list_users"):
        assert "@" not in str(warehouse.rows(table))

    again = run(warehouse, hidden, *arguments)
    assert again.returncode == 0, again.stderr
    assert emails(warehouse) == hashed
    assert run(warehouse, clear, *arguments).returncode == 1, "nor do clear rows come back among the hashed"


def test_a_salt_gives_other_ids_to_events_and_changes_nothing_else(warehouse: Warehouse, sandbox: Sandbox) -> None:
    config = config_for(sandbox, days=6)
    middle = time_text(NOW - timedelta(days=2))
    arguments = ["--streams", "email_send,campaigns"]
    assert run(warehouse, {**config, "end_date": middle}, *arguments).returncode == 0
    before = emails(warehouse)
    assert before
    # A later end is another part of a backfill, which has no state.
    refused = run(warehouse, {**config, "hash_salt": "pepper"}, *arguments)
    assert refused.returncode == 1
    assert "The rows of email_send were written with other private fields" in refused.stderr
    assert emails(warehouse) == before
    arguments = ["--streams", "campaigns"]
    for number, salt in enumerate(("", "pepper")):
        done = run(
            warehouse,
            {**config, "excluded_fields": ["labels"], "hash_salt": salt},
            *arguments,
            *["--reload", "campaigns"][number * 2 :],
        )
        assert done.returncode == 0, done.stderr


def test_a_table_that_was_dropped_is_read_from_the_beginning_in_all_parts(
    warehouse: Warehouse, sandbox: Sandbox
) -> None:
    config = config_for(sandbox, days=6)
    middle = time_text(NOW - timedelta(days=2))
    parts = [{**config, "start_date": middle}, {**config, "end_date": middle}]
    arguments = ["--streams", "email_send,channels"]
    for _ in range(2):
        for part in parts:
            done = run(warehouse, part, *arguments)
            assert done.returncode == 0, done.stderr
        assert emails(warehouse) == SENDS
        drop(warehouse, "email_send")
        drop(warehouse, "channels")
    for part in reversed(parts):
        assert run(warehouse, part, *arguments).returncode == 0
    assert emails(warehouse) == SENDS
    assert len(warehouse.rows("channels")) == len(sandbox.truth_list("channels"))


def test_a_table_without_rows_is_not_missing(warehouse: Warehouse, sandbox: Sandbox) -> None:
    config = config_for(sandbox, days=6, export_method="streaming")
    for _ in range(2):
        sandbox.clear_requests()
        assert run(warehouse, config, "--streams", "email_open").returncode == 0
        assert warehouse.rows("email_open") == []
    asked = [each.query["startDateTime"][0] for each in sandbox.requests if each.endpoint == "export/data.json"]
    assert min(asked, default="9") > time_text(NOW - timedelta(days=1)).replace("T", " ")


def test_a_reload_takes_only_the_streams_that_it_names(warehouse: Warehouse, sandbox: Sandbox) -> None:
    config = config_for(sandbox, days=6)
    arguments = ["--streams", "users,email_send"]
    assert run(warehouse, config, *arguments).returncode == 0
    users = len(warehouse.rows("users"))
    before = {} if isinstance(warehouse, (ParquetWarehouse, BucketWarehouse, DltWarehouse)) else generations(warehouse)
    refused = run(warehouse, config, *arguments, "--reload", "users,channels,lists")
    assert refused.returncode == 1
    assert "--reload names streams that this load does not read: channels, lists. " in refused.stderr
    done = run(warehouse, config, *arguments, "--reload", "email_send")
    assert done.returncode == 0, done.stderr
    assert emails(warehouse) == SENDS
    assert len(warehouse.rows("users")) == users > 0
    if before:
        after = generations(warehouse)
        assert after["users"] == before["users"]
        assert after["email_send"] != before["email_send"], "the models are built in full"


def test_a_reload_deletes_nothing_if_iterable_refuses_the_key(warehouse: Warehouse, sandbox: Sandbox) -> None:
    config = config_for(sandbox, days=6)
    arguments = ["--streams", "email_send"]
    assert run(warehouse, config, *arguments).returncode == 0
    done = run(warehouse, {**config, "api_key": "another-key"}, *arguments, "--reload", "email_send")
    assert done.returncode == 1
    assert "Iterable does not know this API key" in done.stderr
    assert emails(warehouse) == SENDS
    # A key may lack single endpoints.
    sandbox.add_fault(Fault("lists", "status", times=None, status=401))
    done = run(warehouse, config, *arguments, "--reload", "email_send")
    assert done.returncode == 0, done.stderr
    assert emails(warehouse) == SENDS


def test_a_load_names_the_parts_of_a_backfill_whose_rows_are_gone(warehouse: Warehouse, sandbox: Sandbox) -> None:
    config = config_for(sandbox, days=6)
    middle = time_text(NOW - timedelta(days=2))
    later, earlier = {**config, "start_date": middle}, {**config, "end_date": middle}
    hidden = {"hashed_fields": ["email"], "hash_salt": "pepper"}
    arguments = ["--streams", "email_send,channels"]
    gone = "email_send: the rows of other projects or parts of the backfill are gone, too."
    for part in (later, earlier):
        done = run(warehouse, part, *arguments)
        assert done.returncode == 0, done.stderr
        assert "other parts" not in done.stderr
    done = run(warehouse, {**later, **hidden}, *arguments, "--reload", "email_send,channels")
    assert done.returncode == 0, done.stderr
    assert f"{gone} Load these again" in done.stderr
    assert f"configuration: {config['start_date']} to {middle}.\n" in done.stderr
    assert "channels:" not in done.stderr
    done = run(warehouse, {**earlier, **hidden}, *arguments)
    assert done.returncode == 0, done.stderr
    assert "other parts" not in done.stderr
    assert len(emails(warehouse)) == 5
    drop(warehouse, "email_send")
    done = run(warehouse, {**earlier, **hidden}, *arguments)
    assert done.returncode == 0, done.stderr
    assert f"{gone} Load these again" in done.stderr
    assert "configuration: the one without end_date.\n" in done.stderr


def test_a_reload_warns_of_days_that_cannot_be_loaded_again(tmp_path: Path, sandbox: Sandbox) -> None:
    warehouse = DuckDBWarehouse(tmp_path)
    config = config_for(sandbox, days=6)
    names = ["list_sizes", "campaigns_metrics_daily"]
    for reload in (["channels"], names):
        done = run(warehouse, config, "--streams", ",".join(["channels", *names]), "--reload", ",".join(reload))
        assert done.returncode == 0, done.stderr
        for name in names:
            warning = f"{name}: --reload has deleted rows that cannot be loaded again: "
            assert (warning in done.stderr) == (name in reload)


def test_tables_with_other_private_fields_that_a_load_does_not_read_are_named(
    warehouse: Warehouse, sandbox: Sandbox
) -> None:
    clear = config_for(sandbox, days=6)
    hidden = {**clear, "hashed_fields": ["email"]}
    assert run(warehouse, clear, "--streams", "list_users,email_send,channels").returncode == 0
    warning = "Tables that this load does not read have rows that were written with other private fields: "
    done = run(warehouse, clear, "--streams", "channels")
    assert warning not in done.stderr
    done = run(warehouse, hidden, "--streams", "channels")
    assert done.returncode == 0, done.stderr
    assert {*done.stderr.split(warning)[1].split(". ")[0].split(", ")} == {"list_users", "email_send"}
    arguments = ["--streams", "list_users,email_send"]
    assert warning not in run(warehouse, hidden, *arguments, "--reload", "email_send").stderr
    assert warning not in run(warehouse, hidden, "--streams", "channels").stderr


def test_a_folder_that_lacks_some_files_names_the_way_out(tmp_path: Path, sandbox: Sandbox) -> None:
    warehouse = ParquetWarehouse(tmp_path)
    folder = Path(warehouse.to) / "iterable"
    config = config_for(sandbox, days=6)
    assert run(warehouse, config, "--streams", "email_send").returncode == 0
    (file,) = (folder / "email_send").iterdir()
    manifest = folder / "_source_iterable.json"
    listed = warehouse.manifest()
    assert listed["tables"]["email_send"]["files"] == [file.name]
    listed["tables"]["email_send"]["files"].append(f"{'0' * 16}.parquet")
    manifest.write_text(json.dumps(listed))
    done = run(warehouse, config, "--streams", "email_send")
    assert done.returncode == 1
    assert "lacks some files of email_send that its manifest lists" in done.stderr
    assert run(warehouse, config, "--streams", "email_send", "--reload", "email_send").returncode == 0
    assert emails(warehouse) == SENDS


def test_views_on_a_table_of_postgresql_stay_and_what_prevents_another_type_is_named(
    postgres_warehouse: PostgresWarehouse, sandbox: Sandbox
) -> None:
    server = postgres_warehouse
    clear = config_for(sandbox, days=6)
    arguments = ["--streams", "email_send,list_users"]
    assert run(server, clear, *arguments).returncode == 0
    server.execute("CREATE VIEW iterable.mine AS SELECT email FROM iterable.email_send")
    server.execute("CREATE VIEW iterable.members AS SELECT email FROM iterable.list_users")
    server.execute("CREATE VIEW iterable.numbers AS SELECT list_id + 1 AS n FROM iterable.list_users")
    hidden = {**clear, "hashed_fields": ["email", "listId", "campaignId"], "hash_salt": "pepper"}
    done = run(server, hidden, *arguments, "--reload", "email_send")
    assert done.returncode == 1
    assert "PostgreSQL cannot change the type of a column in use: " in done.stderr
    assert 'view numbers depends on column "list_id". Drop what depends on it, run the load again' in done.stderr
    assert "list_users is incomplete" in done.stderr
    assert len(server.rows("mine")) == 5, "the other stream is loaded"
    server.execute("DROP VIEW iterable.numbers")
    done = run(server, hidden, *arguments)
    assert done.returncode == 0, done.stderr
    for view, count in (("mine", 5), ("members", len(server.rows("list_users")))):
        rows = server.rows(view)
        assert len(rows) == count
        assert {len(row["email"]) for row in rows} == {64}


def test_postgresql_may_take_backslashes_for_escapes(postgres_warehouse: PostgresWarehouse, sandbox: Sandbox) -> None:
    server = postgres_warehouse
    server.execute("ALTER DATABASE warehouse SET standard_conforming_strings = off")
    event = {"createdAt": time_text(NOW - timedelta(hours=1)), "eventName": "a\\' b\\", "own": 1, "a\\": 2}
    sandbox.put_records("customEvent", [event], at=NOW - timedelta(hours=1))
    arguments = ["--streams", "custom_event", "--custom-event-tables"]
    done = run(server, config_for(sandbox, days=6), *arguments)
    assert done.returncode == 0, done.stderr
    assert [row["event_name"] for row in server.rows("custom_event")] == ["a\\' b\\"]
    assert [list(row.values())[-2:] for row in server.rows("custom_event_a_b")] == [[2, 1]]


@pytest.mark.parametrize("warehouse", ["duckdb", "parquet"], indirect=True)
def test_what_a_load_makes_is_only_for_its_user(warehouse: Warehouse, sandbox: Sandbox, tmp_path: Path) -> None:
    def modes() -> dict[str, str]:
        made = [path for path in tmp_path.rglob("*") if path.name not in ("config.json", "temporary")]
        return {path.name: stat.filemode(path.stat().st_mode) for path in made}

    old = os.umask(0o022)
    try:
        config = config_for(sandbox, days=6)
        assert run(warehouse, config, "--streams", "email_send").returncode == 0
        assert {mode[1:] for mode in modes().values()} <= {"rw-------", "rwx------"}
        assert modes()
        # Somebody lets others read them.
        kept = Path(warehouse.to) if isinstance(warehouse, DuckDBWarehouse) else None
        kept = kept or Path(warehouse.to) / "iterable" / "_source_iterable.json"
        kept.chmod(0o640)
        assert run(warehouse, config, "--streams", "email_send,channels").returncode == 0
        assert modes()[kept.name] == "-rw-r-----"
    finally:
        os.umask(old)

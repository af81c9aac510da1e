"""`source-iterable load`: every value of every stream arrives, once, whatever happens on the way."""

from __future__ import annotations

import json
import os
import random
import resource
import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import psycopg2
import pytest

from integration_tests import preloaded
from integration_tests.connector import config_for, sync, time_text
from integration_tests.sandbox import NOW, Sandbox, SandboxSettings
from integration_tests.warehouses import (
    BucketWarehouse,
    ParquetWarehouse,
    PostgresWarehouse,
    Warehouse,
    expected,
    texts,
)
from source_iterable.config import Config
from source_iterable.records.schemas import milliseconds
from source_iterable.streams.table import STREAMS

HELD_BACK = 300
# A killed load each; KILLS=20 in the environment for more.
KILLS = int(os.environ.get("KILLS", "5"))


def load_words(folder: Path, config: Mapping[str, Any], *arguments: str) -> list[str]:
    """What follows `source-iterable`."""
    file = folder / "config.json"
    file.write_text(json.dumps(config))
    return ["load", "--config", str(file), *arguments]


def load_command(folder: Path, config: Mapping[str, Any], *arguments: str) -> list[str]:
    return [*preloaded.python_for_load(), "-m", "source_iterable", *load_words(folder, config, *arguments)]


def load(folder: Path, config: Mapping[str, Any], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(load_command(folder, config, *arguments), capture_output=True, text=True, check=False)


def assert_all_there(warehouse: Warehouse, config: dict[str, Any], names: list[str]) -> None:
    """The tables of the named streams hold what a first sync reads now."""
    now = sync(config, names)
    assert now.failure is None
    for name in names:
        schema = STREAMS[name].schema(Config.parse(config))
        times = {field for field, column in schema["properties"].items() if column.get("format") == "date-time"}
        rows = expected(now.records[name], times | milliseconds(name), warehouse.keeps_nul)
        there, wanted = texts(warehouse.rows(name)), texts(rows)
        assert (sorted(set(there) - set(wanted))[:3], sorted(set(wanted) - set(there))[:3]) == ([], []), name
        assert there == wanted, name


@pytest.mark.warehouses
def test_the_line_for_psql_leads_to_the_tables(tmp_path: Path, postgres_warehouse: PostgresWarehouse) -> None:
    with Sandbox(SandboxSettings(users=2, days=1)) as sandbox:
        done = load(tmp_path, config_for(sandbox), "--to", postgres_warehouse.to, "--streams", "channels")
        (command,) = [line for line in done.stdout.splitlines() if line.strip().startswith("psql ")]
        _, *options, database = shlex.split(command)
        given = dict(zip(options[::2], options[1::2], strict=True))
        assert given.keys() >= {"-h", "-p", "-U"}
        with psycopg2.connect(host=given["-h"], port=given["-p"], user=given["-U"], dbname=database) as connection:
            cursor = connection.cursor()
            cursor.execute("SELECT count(*) FROM iterable.channels")
            assert cursor.fetchone() == (len(postgres_warehouse.rows("channels")),)


def test_a_load_that_finds_nothing_new_says_so(tmp_path: Path) -> None:
    with Sandbox(SandboxSettings(users=5, days=1)) as sandbox:
        arguments = ["--to", str(tmp_path / "iterable.duckdb"), "--streams", "users,email_open"]
        first, second = (load(tmp_path, config_for(sandbox), *arguments).stdout for _ in range(2))
    assert "│" in first
    assert second.startswith("2 streams had nothing new.\n\nTo look at the tables:\n")


def test_two_loads_of_all_streams_match_the_truth(warehouse: Warehouse, tmp_path: Path) -> None:
    settings = SandboxSettings(users=40, days=3, events_per_day=400, odd=True)
    with Sandbox(settings) as sandbox:
        config = config_for(sandbox, days=3)
        early = {**config, "lookback_window": HELD_BACK}
        first = load(tmp_path, early, "--to", warehouse.to, "--streams", "group:all")
        assert first.returncode == 0, first.stderr
        before = len(warehouse.rows("email_send"))
        campaign = sandbox.truth_list("campaigns")[0]["id"]
        sandbox.touch("campaigns", campaign)
        deleted = sandbox.truth_list("lists")[0]["id"]
        sandbox.delete("lists", deleted)
        time = NOW - timedelta(minutes=HELD_BACK / 2)
        odd = {
            "createdAt": time_text(time),
            "email": "nul\0@example.com",
            "own": ["a\0b"],
            "big": 2**64 - 1,
            "messageId": 1.5,
        }
        sandbox.put_records("emailOpen", [json.dumps(odd).encode()], at=time)
        second = load(tmp_path, config, "--to", warehouse.to, "--streams", "group:all")
        assert second.returncode == 0, second.stderr
        assert_all_there(warehouse, config, [name for name in STREAMS if name != "list_sizes"])
        sizes = {row["list_id"]: row["size"] for row in warehouse.rows("list_sizes")}
        assert sizes.pop(deleted) == 40, "what a list had before it was deleted stays"
        assert sizes == {each["listId"]: each["size"] for each in sandbox.truth_list("list_sizes")}
        assert 0 < before < len(warehouse.rows("email_send")), "the second load read what was new, the first the rest"
        assert settings.api_key not in first.stdout + first.stderr + second.stdout + second.stderr


def test_a_full_refresh_is_read_whole_by_each_load_whatever_the_platform_calls_its_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only Airbyte hands states from attempt to attempt."""
    monkeypatch.setenv("WORKER_JOB_ID", "7")
    names = ["catalog_items", "events", "list_users", "metadata_entries"]
    with Sandbox(SandboxSettings(users=20, days=2, events_per_day=200, now=NOW)) as sandbox:
        config = config_for(sandbox, days=2)
        arguments = [
            "--to",
            str(tmp_path / "x.duckdb"),
            "--streams",
            "catalog_items,events,list_users,metadata_entries",
        ]
        reports = [load(tmp_path, config, *arguments).stdout for _ in range(2)]
        with duckdb.connect(str(tmp_path / "x.duckdb")) as database:
            database.execute("USE x.iterable")
            states = database.sql("SELECT state FROM _source_iterable_states").fetchall()
            counts = {name: database.sql(f"SELECT count(*) FROM {name}").fetchall()[0][0] for name in names}
    assert set(states) <= {("{}",)}
    for name, count in counts.items():
        assert count > 0
        for report in reports:
            (line,) = [line for line in report.splitlines() if line.strip().startswith(f"{name} ")]
            assert f" {count:,} " in line


def test_private_fields_stay_out_of_tables(warehouse: Warehouse, tmp_path: Path) -> None:
    names = ["users", "email_open", "campaigns", "list_users", "catalog_items"]
    with Sandbox(SandboxSettings(users=40, days=3, events_per_day=5000)) as sandbox:
        hashed = ["email", "campaignId", "listIds"]
        config = config_for(sandbox, excluded_fields=["ip", "phoneNumber"], hashed_fields=hashed, hash_salt="pepper")
        done = load(tmp_path, config, "--to", warehouse.to, "--streams", ",".join(names))
        assert done.returncode == 0, done.stderr
        assert_all_there(warehouse, config, names)
        rows = warehouse.rows("email_open")
        assert rows
        assert not any("ip" in row or "@" in row.get("email", "") for row in rows)
        assert {len(row["campaign_id"]) for row in rows if "campaign_id" in row} == {64}
        members, users = ({row["email"] for row in warehouse.rows(table)} for table in ("list_users", "users"))
        assert members & users, "they can still be joined"


def test_the_projects_own_profile_fields_are_in_columns_of_their_own(warehouse: Warehouse, tmp_path: Path) -> None:
    with Sandbox(SandboxSettings(users=40, days=3, events_per_day=0)) as sandbox:
        config = config_for(sandbox, days=3, user_fields_as_columns=True)
        done = load(tmp_path, config, "--to", warehouse.to, "--streams", "users")
        assert done.returncode == 0, done.stderr
        sent = {each["email"]: each for each in sandbox.truth("user", config["start_date"], sandbox.now())}
    rows = {row["email"]: row for row in warehouse.rows("users")}
    assert {email: row.get("first_name") for email, row in rows.items()} == {
        email: each.get("firstName") for email, each in sent.items()
    }
    assert any(row.get("is_vip") for row in rows.values())
    assert "firstName" not in str([row["data"] for row in rows.values()])


def put_own_fields(sandbox: Sandbox, names: Iterable[str], email: str, hours: float = 12) -> None:
    """Profile fields of the project's own, of texts, and a profile of so many hours ago with a value in each so far."""
    things = sandbox.core.world.things("user_fields")
    things[:] = [
        *(thing for thing in things if "own" in thing),
        *({"name": n, "type": "string", "own": 1} for n in names),
    ]
    profile = {"email": email, "profileUpdatedAt": time_text(NOW - timedelta(hours=hours))}
    sandbox.put_records("user", [{**profile, **{thing["name"]: thing["name"] for thing in things}}])


def test_of_very_many_profile_fields_400_are_columns_and_stay_so(warehouse: Warehouse, tmp_path: Path) -> None:
    many = [f"b{number:04}" for number in range(2_000)]
    arguments = ["--to", warehouse.to, "--streams", "users"]
    with Sandbox(SandboxSettings(users=0, days=3, events_per_day=0)) as sandbox:
        config = config_for(sandbox, days=3, user_fields_as_columns=True)
        put_own_fields(sandbox, many, "one@example.com")
        first = load(tmp_path, {**config, "lookback_window": 600}, *arguments)
        assert first.returncode == 0, first.stderr
        assert first.stderr.count("1,600 of the project's own profile fields are not columns") == 1
        put_own_fields(sandbox, ["a1", "a2"], "two@example.com", hours=2)
        second = load(tmp_path, config, *arguments)
        assert second.returncode == 0, second.stderr
        assert (
            "1,602 of the project's own profile fields are not columns, and stay in data (a1, a2, b0400, …)"
            in second.stderr
        )
    for row in warehouse.rows("users"):
        assert {name: row[name] for name in row if name in many} == {name: name for name in many[:400]}
        more = {"a1", "a2"} if row["email"] == "two@example.com" else set()
        assert set(json.loads(row["data"]) if isinstance(row["data"], str) else row["data"]) == {*many[400:], *more}
    assert len(warehouse.rows("users")) == 2


def test_killed_at_any_moment_and_run_again_nothing_is_lost_or_twice(warehouse: Warehouse, tmp_path: Path) -> None:
    names = ["users", "campaigns", "list_users", "email_send", "email_open", "custom_event"]
    moments = random.Random(7)
    with Sandbox(SandboxSettings(users=300, days=3, events_per_day=12_000)) as sandbox:
        config = config_for(sandbox, days=3)
        arguments = ["--to", warehouse.to, "--streams", ",".join(names), "--commit-rows", "2000"]
        killed = 0
        for _ in range(KILLS):
            sandbox.clear_requests()
            process = preloaded.Process(load_command(tmp_path, config, *arguments), stderr=subprocess.DEVNULL)
            while not sandbox.requests and process.poll() is None:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=0.01)
            try:
                process.wait(timeout=moments.uniform(0, 0.6))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                killed += 1
        last = load(tmp_path, config, *arguments)
        assert last.returncode == 0, last.stderr
        assert killed > KILLS / 2, "the loads were over before they could be killed"
        assert_all_there(warehouse, config, names)


def test_custom_events_have_a_view_for_each_name(warehouse: Warehouse, tmp_path: Path) -> None:
    time = NOW - timedelta(hours=2)
    events = [
        {
            "eventName": 'wish "list"',
            "sku": "00012",
            "price": 1,
            "inStock": True,
            "context": {"page": 1},
            "coupon": None,
        },
        {"eventName": 'wish "list"', "sku": "A/~b", "price": 2.5, "tags": ["a"], "a/b~\"c'd": "odd"},
        {"eventName": "Checkout", "total": 17, "code": 12345678901234567890, "email": "own@example.com"},
    ]
    with Sandbox(SandboxSettings(users=5, days=1, events_per_day=0)) as sandbox:
        sandbox.put_records("customEvent", [{"createdAt": time_text(time), **event} for event in events])
        arguments = ["--to", warehouse.to, "--streams", "custom_event", "--custom-event-tables"]
        config = config_for(sandbox, days=1)
        done = [load(tmp_path, config, *arguments) for _ in range(2)][-1]
    if isinstance(warehouse, (ParquetWarehouse, BucketWarehouse)):
        assert done.returncode == 1
        assert "DuckDB file and PostgreSQL" in done.stderr
        return
    assert done.returncode == 0, done.stderr
    own = [
        {name: value for name, value in row.items() if name not in ("_event_id", "created_at", "email")}
        for row in json.loads(f"[{','.join(texts(warehouse.rows('custom_event_wish_list')))}]")
    ]
    assert sorted(own, key=lambda row: row["sku"]) == [
        {"sku": "00012", "price": 1, "in_stock": True, "context": {"page": 1}},
        {"sku": "A/~b", "price": 2.5, "tags": ["a"], "a_b_c_d": "odd"},
    ]
    (checkout,) = warehouse.rows("custom_event_checkout")
    assert (checkout["total"], int(checkout["code"])) == (17, 12345678901234567890), "every digit"


@pytest.mark.parametrize(
    ("to", "told"),
    [
        ("nothing", "is no destination"),
        ("mysql://user@host/db", "is no destination"),
        ("/proc/none.duckdb", "/proc/none.duckdb cannot be written"),
        ("/proc/none/iterable.duckdb", "there is no folder /proc/none."),
        ("/proc/none/", "/proc/none cannot be written"),
        ("postgresql://someone:secret-word@127.0.0.1:1/db", "PostgreSQL cannot be used: connection to server"),
        ("bigquery", "credentials"),
        ("held.duckdb", "is open in another program"),
        ("text.duckdb", "not a valid DuckDB database file"),
    ],
)
def test_a_destination_that_cannot_be_used_is_told(tmp_path: Path, to: str, told: str) -> None:
    (tmp_path / "text.duckdb").write_text("no database")
    with Sandbox(SandboxSettings()) as sandbox, duckdb.connect(str(tmp_path / "held.duckdb")):
        to = str(tmp_path / to) if to.endswith(".duckdb") else to
        done = load(tmp_path, config_for(sandbox), "--to", to, "--streams", "channels")
    assert done.returncode == 1
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert "secret-word" not in done.stdout + done.stderr


def test_a_full_disk_is_told_and_the_next_load_goes_on(warehouse: Warehouse, tmp_path: Path) -> None:
    names = ["email_send", "campaigns"]
    with Sandbox(SandboxSettings(users=50, days=3, events_per_day=6_000, padding=2_000)) as sandbox:
        config = config_for(sandbox, days=3)
        arguments = ["--to", warehouse.to, "--streams", ",".join(names), "--commit-rows", "500"]
        full = subprocess.run(
            load_command(tmp_path, config, *arguments),
            capture_output=True,
            text=True,
            check=False,
            # No file may be larger: to a program that is like a disk that is full.
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000)),
        )
        assert full.returncode == 1
        assert "cannot" in full.stderr
        assert "Free space there" in full.stderr
        assert "Traceback" not in full.stderr
        last = load(tmp_path, config, *arguments)
        assert last.returncode == 0, last.stderr
        assert_all_there(warehouse, config, names)


AT_ONCE = """
import sys
from source_iterable.load import postgres
from source_iterable.run import run
postgres.PAUSE = 0.0
run(sys.argv[1:])
"""


@pytest.mark.warehouses
def test_a_connection_that_is_lost_in_the_middle_is_opened_again(
    tmp_path: Path, postgres_warehouse: PostgresWarehouse
) -> None:
    names = ["users", "email_send"]
    server = postgres_warehouse
    with Sandbox(SandboxSettings(users=50, days=3, events_per_day=6_000)) as sandbox:
        config = config_for(sandbox, days=3)
        arguments = ["--to", server.to, "--streams", ",".join(names), "--commit-rows", "300"]
        first = load(tmp_path, config, "--to", server.to, "--streams", "channels")
        assert first.returncode == 0, first.stderr
        command = [*preloaded.python_for_load(), "-c", AT_ONCE, *load_words(tmp_path, config, *arguments)]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        while process.poll() is None and not server.disconnect_others():
            pass
        _, told = process.communicate()
        assert process.returncode == 0
        (line,) = [line for line in told.splitlines() if "PostgreSQL" in line]
        assert line.endswith("It is opened again in 0 seconds.")
        assert "Traceback" not in told
        assert_all_there(server, config, names)


def test_a_stream_that_fails_keeps_its_table_and_the_others_are_loaded(warehouse: Warehouse, tmp_path: Path) -> None:
    with Sandbox(SandboxSettings(users=20, days=2, events_per_day=200)) as sandbox:
        config = config_for(sandbox, days=2)
        arguments = ["--to", warehouse.to, "--streams", "channels,snippets,email_open"]
        assert load(tmp_path, config, *arguments).returncode == 0
        sandbox.settings.forbidden = ("snippets",)
        done = load(tmp_path, config, *arguments)
        assert done.returncode == 1
        assert "snippets is incomplete" in done.stderr
        sandbox.settings.forbidden = ()
        assert_all_there(warehouse, config, ["channels", "snippets", "email_open"])


@pytest.mark.warehouses
def test_the_tables_of_postgresql_can_be_read_and_have_views_while_they_are_loaded(
    tmp_path: Path, postgres_warehouse: PostgresWarehouse
) -> None:
    names = ["channels", "email_open"]
    server = postgres_warehouse
    with Sandbox(SandboxSettings(users=20, days=2, events_per_day=500)) as sandbox:
        config = config_for(sandbox, days=2)
        arguments = ["--to", server.to, "--streams", ",".join(names)]
        assert load(tmp_path, {**config, "lookback_window": HELD_BACK}, *arguments).returncode == 0
        server.execute("CREATE VIEW iterable.mine AS SELECT name FROM iterable.channels")
        # A report that takes long: it holds its locks until it is over.
        with server.reading("iterable.channels", "iterable.email_open"):
            done = load(tmp_path, config, *arguments)
        assert done.returncode == 0, done.stderr
        assert_all_there(server, config, names)
        assert len(server.rows("mine")) == len(server.rows("channels")) > 0


def test_parts_of_a_backfill_go_into_one_dataset(warehouse: Warehouse, tmp_path: Path) -> None:
    names = ["users", "email_open", "campaigns"]
    with Sandbox(SandboxSettings(users=40, days=6, events_per_day=600)) as sandbox:
        config = config_for(sandbox, days=6)
        middle = time_text(NOW - timedelta(days=2))
        for part in (
            {**config, "start_date": middle},
            {**config, "end_date": middle},
            {**config, "start_date": middle},
        ):
            done = load(tmp_path, part, "--to", warehouse.to, "--streams", ",".join(names))
            assert done.returncode == 0, done.stderr
        assert_all_there(warehouse, config, names)


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    without = "import sys; sys.modules['duckdb'] = None; from source_iterable.run import run; run(sys.argv[1:])"
    with Sandbox(SandboxSettings()) as sandbox:
        arguments = load_words(tmp_path, config_for(sandbox), "--to", str(tmp_path / "iterable.duckdb"))
    for where, says in (
        ({}, 'pip install "iterable-source[load]"'),
        # The variable is Airbyte's.
        ({"AIRBYTE_ENTRYPOINT": "source-iterable"}, "To load, use the one whose tag ends in -load."),
    ):
        command = [sys.executable, "-c", without, *arguments]
        done = subprocess.run(command, env={**os.environ, **where}, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert says in done.stderr


@pytest.mark.warehouses
def test_a_destination_of_dlt_gets_the_same(
    tmp_path: Path, postgres_warehouse: PostgresWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["users", "campaigns", "list_users", "email_open", "template_contents"]
    server = postgres_warehouse
    with Sandbox(SandboxSettings(users=40, days=3, events_per_day=900)) as sandbox:
        user, address = server.address
        monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", f"postgresql://{user}:unused@localhost/{address}")
        config = config_for(sandbox, days=3)
        early = {**config, "lookback_window": HELD_BACK}
        for each in (early, config):
            done = load(tmp_path, each, "--to", "postgres", "--streams", ",".join(names), "--commit-rows", "1000")
            assert done.returncode == 0, done.stderr
        assert_all_there(server, config, names)

"""The dbt package on tables that the command has loaded, and on those of other destinations."""

from __future__ import annotations

import json
from pathlib import Path

import dlt
import duckdb
import pytest
import sqlglot
import yaml

from integration_tests.connector import config_for
from integration_tests.models import (
    DATABASE,
    EVENTS,
    FILE,
    MODELS,
    NOW,
    PACKAGE,
    ROOMS,
    Built,
    dbt,
    everything,
    in_duckdb,
    in_postgres,
    load,
)
from integration_tests.sandbox import Sandbox, SandboxSettings
from integration_tests.test_models_commands import environment, report, summary
from integration_tests.test_models_numbers import VARIABLES
from integration_tests.warehouses import PostgresWarehouse
from source_iterable.config import Config
from source_iterable.load import iterable
from source_iterable.load.tables import table_of
from source_iterable.records.schemas import milliseconds
from source_iterable.streams.table import STREAMS

pytestmark = pytest.mark.models

# https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical#reserved_keywords and
# https://docs.snowflake.com/en/sql-reference/reserved-keywords, those that could be the name of a column.
RESERVED = """
all any array at between by case cast check collate column connect connection constraint contains create cross
cube current database default define delete desc distinct else end enum escape except exclude exists extract
false fetch following for from full grant group grouping groups hash having if ignore in increment inner insert
intersect interval into is issue join lateral left like limit lookup merge minus natural new no not null nulls
of on or order organization outer over partition preceding proto qualify range recursive respect right rollup
row rows sample schema select set some start struct table tablesample then to treat trigger true unbounded union
unique unnest update using values view when where window with within account
"""


# So that no test warns.
QUIET = {"iterable_days_fresh": 100_000, "iterable_metrics_tolerance": 1}


def test_all_models_are_built_and_all_tests_pass(built: Built) -> None:
    assert {result["status"] for result in built.results} <= {"success", "pass", "warn"}
    models = [result for result in built.results if result["unique_id"].startswith("model.")]
    tests = [result for result in built.results if result["unique_id"].startswith("test.")]
    assert len(models) == len(MODELS) == 28
    assert len(tests) > 70
    for name in MODELS:
        assert built.rows(f"SELECT count(*) AS n FROM {name}")[0]["n"] > 0, name


def test_every_column_is_described(built: Built) -> None:
    described = {
        model["name"]: [column["name"] for column in model["columns"]]
        for room in ROOMS
        for model in yaml.safe_load((PACKAGE / "models" / room / f"{room}.yml").read_text(encoding="utf-8"))["models"]
    }
    assert set(described) == set(MODELS)
    for name, columns in described.items():
        shown = built.rows(f"SELECT * FROM {name} LIMIT 1")[0]
        assert sorted(columns) == sorted(shown), name


def test_old_data_warns(built: Built) -> None:
    (warning,) = [result for result in built.results if "is_fresh" in result["unique_id"]]
    assert warning["status"] == "warn", "the newest event is of March"


def test_postgresql_gives_the_same_with_late_events(
    project: Sandbox, built: Built, postgres_server: PostgresWarehouse, tmp_path: Path
) -> None:
    with postgres_server.database(DATABASE) as server:
        load(project, tmp_path, server.to)
        server.execute("CREATE SCHEMA late")
        for name in EVENTS:
            which = "hashtext(_event_id) % 3 = 0 OR created_at > '2026-03-06 00:00Z' OR created_at IS NULL"
            late = f"iterable.{name} WHERE {which}"
            server.execute(f"CREATE TABLE late.{name} AS SELECT * FROM {late}; DELETE FROM {late}")
        in_postgres(server.to, tmp_path)
        server.execute("UPDATE iterable._source_iterable_loads SET number = 1000")
        for name in EVENTS:
            server.execute(f"UPDATE late.{name} SET _load_number = 1000")
            server.execute(f"INSERT INTO iterable.{name} SELECT * FROM late.{name}")
        other = in_postgres(server.to, tmp_path)
        assert {result["status"] for result in other.results} <= {"success", "pass", "warn"}
        assert summary(other.results) == summary(built.results), "views of the staging models are not counted"
        assert summary(built.results).startswith("28 models and 5 snapshots in the schema analytics ")
        there, here = everything(other), everything(built)
        assert report(server.to, tmp_path)[1].data == report(built.database, tmp_path)[1].data
        # As with source-iterable load, a URL may say more than the address.
        found = environment(f"{server.to}&sslmode=disable&options=-c%20statement_timeout%3D0")
        assert f"host={found['PGHOST']}" in server.to
        assert (found["PGUSER"], found["PGDATABASE"], found["PGPORT"]) == ("postgres", DATABASE, "5432")
        assert (found["PGSSLMODE"], found["PGOPTIONS"]) == ("disable", "-c statement_timeout=0")
        # The table that a full build replaces has the names of the indexes until it is dropped.
        full = in_postgres(server.to, tmp_path, "--full-refresh", "--select", "iterable__events")
        indexes = full.rows("SELECT indexdef FROM pg_indexes WHERE tablename = 'iterable__events'")
        assert sum(" WHERE " in index["indexdef"] for index in indexes) == 2
    for name in MODELS:
        assert there[name] == here[name], name


def test_tables_of_airbytes_destinations_give_the_same(loaded: Path, built: Built, tmp_path: Path) -> None:
    """Some destinations keep the case of names, some do not; where they only append, rows come twice."""
    file = tmp_path / FILE
    config = Config.parse({"api_key": "key", "start_date": "2024-01-01T00:00:00Z"})
    with duckdb.connect(str(file)) as database:
        database.execute(f"ATTACH '{loaded}' AS source (READ_ONLY)")
        database.execute("CREATE SCHEMA raw")
        for number, (name, stream) in enumerate(STREAMS.items()):
            shown = []
            for column in table_of(stream, config).columns:
                value = f'epoch_ms("{column.name}")' if column.field in milliseconds(name) else f'"{column.name}"'
                shown.append(f'{value} AS "{column.field if number % 2 else column.field.lower()}"')
            columns = ", ".join([*shown, "now() AS _airbyte_extracted_at"])
            database.execute(f'CREATE TABLE raw."{name}" AS SELECT {columns} FROM source.iterable."{name}"')
            database.execute(f'INSERT INTO raw."{name}" FROM raw."{name}" USING SAMPLE 20%')
    other = in_duckdb(file, tmp_path, iterable_naming="airbyte", iterable_schema="raw", **QUIET)
    assert everything(other) == everything(built)
    assert {result["status"] for result in other.results} == {"success", "pass"}


def test_dlts_tables_give_the_same(
    project: Sandbox, built: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    destination = dlt.destinations.duckdb(str(tmp_path / FILE))
    pipeline = dlt.pipeline("iterable", tmp_path / "pipelines", destination=destination, dataset_name="iterable")
    pipeline.run(iterable(config_for(project, days=900), streams=list(STREAMS)))
    assert everything(in_duckdb(tmp_path / FILE, tmp_path)) == everything(built)


def test_users_of_projects_that_are_not_email_based(tmp_path: Path) -> None:
    # The name that the README has: that of the schema, too.
    file = tmp_path / "iterable.duckdb"
    with Sandbox(SandboxSettings(project_type="Hybrid", users=40, days=5, events_per_day=100, now=NOW)) as sandbox:
        load(
            sandbox,
            tmp_path,
            str(file),
            "users,group:lists,list_users,email_send,email_open,purchase",
        )
        users = {user["itblUserId"] for user in sandbox.truth("user", "2000-01-01", NOW)}
        members = {
            (user["itblUserId"], each["listId"])
            for each in sandbox.truth_list("list_users")
            for user in sandbox.truth("user", "2000-01-01", NOW)
            if each["userIdentifier"] in (user.get("userId"), user.get("email"), user["itblUserId"])
        }
    other = in_duckdb(file, tmp_path, iterable_user_key="itbl_user_id", iterable_days_fresh=99_999)
    assert {row["unique_user_key"] for row in other.rows("SELECT unique_user_key FROM iterable__users")} == users
    found = {(row["unique_user_key"], row["list_id"]) for row in other.rows("SELECT * FROM iterable__user_lists")}
    assert members <= found
    assert {user for user, _ in found} <= users
    assert {result["status"] for result in other.results} == {"success", "pass"}


def test_streams_that_were_not_synced_and_events_with_odd_times_are_no_error(loaded: Path, tmp_path: Path) -> None:
    file = tmp_path / FILE
    tables = {
        "email_send": "SELECT *",
        "users": "SELECT * EXCLUDE (phone_number, data)",
        "email_open": "SELECT * REPLACE ('future' AS _event_id, TIMESTAMPTZ '2031-01-01 00:00:00Z' AS created_at)",
    }
    with duckdb.connect(str(file)) as database:
        database.execute(f"ATTACH '{loaded}' AS source (READ_ONLY)")
        database.execute("CREATE SCHEMA iterable")
        for name, columns in tables.items():
            rows = "LIMIT 1" if name == "email_open" else ""
            database.execute(f"CREATE TABLE iterable.{name} AS {columns} FROM source.iterable.{name} {rows}")
    few = in_duckdb(file, tmp_path)
    assert few.rows("SELECT count(*) AS n FROM iterable__campaigns")[0]["n"] == 0
    assert few.rows("SELECT count(*) AS n, count(phone_number) AS phones FROM iterable__users") == [
        {"n": 120, "phones": 0}
    ]
    performance = "SELECT sum(sent) AS n FROM iterable__campaign_performance"
    with_campaign = "SELECT count(*) AS n FROM iterable__messages WHERE campaign_id IS NOT NULL"
    assert few.rows(performance) == few.rows(with_campaign) != [{"n": 0}], "also of campaigns that were not synced"

    with duckdb.connect(str(file)) as database:
        database.execute(f"ATTACH '{loaded}' AS source (READ_ONLY)")
        database.execute("INSERT INTO iterable.email_open FROM source.iterable.email_open")
        database.execute("UPDATE iterable.email_send SET campaign_id = 42")
        # As an older version of the package would have left it.
        database.execute("ALTER TABLE analytics.iterable__events DROP COLUMN message_bus_id")
        database.execute("UPDATE analytics._source_iterable_progress SET upto = 'older' WHERE source = 'settings'")
        untimed = "SELECT * REPLACE ('untimed' AS _event_id, NULL AS created_at)"
        database.execute(f"INSERT INTO iterable.email_open {untimed} FROM source.iterable.email_open LIMIT 1")
        (opened,) = database.execute("SELECT count(*) FROM iterable.email_open").fetchone() or (0,)
    more = in_duckdb(file, tmp_path)
    assert more.rows("SELECT count(*) AS n FROM iterable__events WHERE event_name = 'emailOpen'") == [{"n": opened}]
    sent = "SELECT DISTINCT campaign_id FROM iterable__events WHERE event_name = 'emailSend'"
    assert more.rows(sent) == [{"campaign_id": 42}], "what changed is changed"
    buses = "SELECT count(message_bus_id) AS n FROM iterable__events WHERE event_name = 'emailSend'"
    assert more.rows(buses)[0]["n"] > 0, "a new column is filled for old events, too"
    assert more.rows("SELECT max(as_of) < '2031-01-01' AS now FROM iterable__user_engagement")[0]["now"]
    assert more.rows("SELECT sum(opens_7_days) AS n FROM iterable__user_engagement")[0]["n"] > 0


def test_names_are_none_of_the_words_that_engines_reserve() -> None:
    reserved = set(RESERVED.split())
    files = sorted((PACKAGE / "models").glob("*/*.yml"))
    names = {
        column["name"]
        for file in files
        for model in yaml.safe_load(file.read_text(encoding="utf-8"))["models"]
        for column in model["columns"]
    }
    assert "message_id" in names
    assert not names & reserved


@pytest.mark.parametrize("engine", ["snowflake", "bigquery"])
def test_the_models_are_compiled_for_other_engines(engine: str, tmp_path: Path) -> None:
    outputs = {
        "snowflake": {
            "type": "snowflake",
            "account": "a",
            "user": "u",
            "password": "p",
            "database": "d",
            "schema": "s",
        },
        "bigquery": {"type": "bigquery", "method": "oauth-secrets", "token": "t", "project": "d", "dataset": "s"},
    }
    profiles = {"iterable": {"target": engine, "outputs": {engine: {**outputs[engine], "threads": 1}}}}
    (tmp_path / "profiles.yml").write_text(json.dumps(profiles), encoding="utf-8")
    options = [
        "--no-introspect",
        "--no-populate-cache",
        "--profiles-dir",
        str(tmp_path),
        "--vars",
        json.dumps(VARIABLES),
    ]
    dbt("compile", tmp_path, {}, *options)
    compiled = list((tmp_path / "target" / "compiled").rglob("*.sql"))
    assert len(compiled) > 150
    for file in compiled:
        sqlglot.parse_one(file.read_text(encoding="utf-8"), dialect=engine)

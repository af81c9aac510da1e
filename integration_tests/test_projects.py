"""Several projects in one set of tables: nothing of one is mixed with, or lost to, another's, though ids are the same."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from airbyte_cdk.models import ConfiguredAirbyteCatalogSerializer

from integration_tests.connector import catalog_for, config_for, sync, time_text
from integration_tests.sandbox import NOW, Sandbox, SandboxSettings
from integration_tests.test_load_reload import DltWarehouse, command, drop, run, temporary, warehouse
from integration_tests.warehouses import (
    BucketWarehouse,
    DuckDBWarehouse,
    ParquetWarehouse,
    PostgresWarehouse,
    Row,
    Warehouse,
)
from source_iterable.airbyte.source import SourceIterable
from source_iterable.streams.table import STREAMS as STREAMS_OF_ALL

__all__ = ["temporary", "warehouse"]
pytestmark = pytest.mark.warehouses

HOUR = timedelta(hours=1)
WHOLE = ["campaigns", "templates", "journeys", "lists", "snippets", "list_users", "child_campaigns"]
MERGED = ["users", "email_send", "email_open", "template_contents", "list_sizes"]
STREAMS = ["--streams", ",".join(WHOLE + MERGED)]
SETTINGS = SandboxSettings(users=30, days=6, events_per_day=60, journeys=3, snippets=2, campaigns=20, templates=20)


@pytest.fixture
def us() -> Iterator[Sandbox]:
    with Sandbox(SETTINGS) as running:
        yield running


@pytest.fixture
def eu() -> Iterator[Sandbox]:
    """Another project, whose things have the ids of the first, and other names."""
    with Sandbox(SETTINGS) as running:
        for campaign in running.truth_list("campaigns"):
            running.change("campaigns", campaign["id"], name=f"EU {campaign['name']}")
        yield running


def config(sandbox: Sandbox, project: str | None, **more: Any) -> dict[str, Any]:
    return config_for(sandbox, days=6, **({"project": project} if project else {}), **more)


def load(warehouse: Warehouse, config: dict[str, Any], *more: str) -> str:
    done = run(warehouse, config, *STREAMS, *more)
    assert done.returncode == 0, done.stderr
    return done.stderr


def rows_of(warehouse: Warehouse, project: str | None) -> dict[str, list[Row]]:
    """The rows of a project, without its column, and without what dlt adds."""
    found: dict[str, list[Row]] = {}
    for table in WHOLE + MERGED:
        rows = [row for row in warehouse.rows(table) if row.get("project") == project]
        plain = [{name: each for name, each in row.items() if not name.startswith(("project", "_dlt"))} for row in rows]
        found[table] = sorted(plain, key=repr)
    return found


def test_each_project_has_the_rows_that_it_would_have_alone(warehouse: Warehouse, us: Sandbox, eu: Sandbox) -> None:
    for sandbox in (us, eu):
        load(warehouse, config(sandbox, None), "--dataset", "iterable")
        alone = rows_of(warehouse, None)
        assert all(alone.values())
        for table in WHOLE + MERGED:
            drop(warehouse, table)
        if sandbox is us:
            us_alone = alone
    load(warehouse, config(us, "us"))
    load(warehouse, config(eu, "eu"))
    assert rows_of(warehouse, "us") == us_alone
    assert rows_of(warehouse, "eu") == alone
    assert us_alone["campaigns"] != alone["campaigns"]
    assert us_alone["email_send"] == alone["email_send"]

    # What one has deleted is gone, and the other still has it.
    gone = us.truth_list("campaigns")[3]["id"]
    us.delete("campaigns", gone)
    for snippet in us.truth_list("snippets"):
        us.delete("snippets", snippet["id"])
    load(warehouse, config(us, "us"))
    now = rows_of(warehouse, "us")
    assert [row["id"] for row in now["campaigns"]] == [row["id"] for row in us_alone["campaigns"] if row["id"] != gone]
    assert now["snippets"] == []
    assert now["email_send"] == us_alone["email_send"]
    assert rows_of(warehouse, "eu") == alone

    # Deleted rows of one come again, and the other's stay.
    eu.clear_requests()
    load(warehouse, config(us, "us"), "--reload", "users,campaigns,email_send")
    assert rows_of(warehouse, "us")["users"] == us_alone["users"]
    assert rows_of(warehouse, "us")["email_send"] == us_alone["email_send"]
    assert rows_of(warehouse, "eu") == alone
    assert not eu.requests

    # Each continues from its own state.
    for sandbox, name in ((us, "us"), (eu, "eu")):
        sandbox.clear_requests()
        load(warehouse, config(sandbox, name))
        asked = [each.query["startDateTime"][0] for each in sandbox.requests if each.endpoint == "export/data.json"]
        assert min(asked, default="9") > time_text(NOW).replace("T", " ")[:10], name


def test_a_table_begun_without_a_project_is_refused_and_can_be_given_to_one(warehouse: Warehouse, us: Sandbox) -> None:
    load(warehouse, config(us, None))
    before = rows_of(warehouse, None)
    us.clear_requests()

    refused = run(warehouse, config(us, "us"), *STREAMS)

    assert refused.returncode == 1
    assert "These tables were begun without the option project: " in refused.stderr
    assert not us.requests
    assert rows_of(warehouse, None) == before
    if isinstance(warehouse, (ParquetWarehouse, BucketWarehouse)):
        named = re.search(r"--reload ([\w,]+)\.", refused.stderr)
        assert named
        load(warehouse, config(us, "us"), "--reload", named[1])
    else:
        sql = re.search(r"run this SQL, and then the load: (.*;) If they are not", refused.stderr)
        assert sql
        if isinstance(warehouse, PostgresWarehouse):
            warehouse.execute(sql[1])
        else:
            file = warehouse.file if isinstance(warehouse, DltWarehouse) else warehouse.to
            with duckdb.connect(file) as database:
                database.execute(sql[1])
        assert rows_of(warehouse, "us") == before
        load(warehouse, config(us, "us"))
        if not isinstance(warehouse, DltWarehouse):
            asked = [each.query["startDateTime"][0] for each in us.requests if each.endpoint == "export/data.json"]
            assert min(asked, default="9") > time_text(NOW).replace("T", " ")[:10], "the states stay"
    assert rows_of(warehouse, "us") == before

    refused = run(warehouse, config(us, None), *STREAMS)
    assert refused.returncode == 1
    assert "These tables have rows of several projects: " in refused.stderr
    assert "Set the option project to this one's name." in refused.stderr
    refused = run(warehouse, config(us, None), *STREAMS, "--reload", "users")
    assert refused.returncode == 1
    assert rows_of(warehouse, "us") == before


def test_projects_of_one_table_have_the_same_private_fields(warehouse: Warehouse, us: Sandbox, eu: Sandbox) -> None:
    load(warehouse, config(us, "us"))
    load(warehouse, config(eu, "eu"))
    hidden = {"hashed_fields": ["email"], "excluded_fields": ["createdByUserId"]}
    refused = run(warehouse, config(eu, "eu", **hidden), *STREAMS)
    assert refused.returncode == 1
    assert "were written with other private fields" in refused.stderr
    named = re.search(r"--reload ([\w,]+)\.", refused.stderr)
    assert named
    done = run(warehouse, config(eu, "eu", **hidden), *STREAMS, "--reload", named[1])
    assert done.returncode == 0, done.stderr
    assert "@" not in str(warehouse.rows("users"))
    assert {row["project"] for row in warehouse.rows("users")} == {"eu"}
    if not isinstance(warehouse, DltWarehouse):
        assert "users: the rows of other projects or parts of the backfill are gone, too." in done.stderr
        assert "project us, the one without end_date" in done.stderr


def test_a_person_is_forgotten_in_one_project(warehouse: Warehouse, us: Sandbox, eu: Sandbox, tmp_path: Path) -> None:
    for sandbox, name in ((us, "us"), (eu, "eu")):
        load(warehouse, config(sandbox, name))
    before = {name: rows_of(warehouse, name) for name in ("us", "eu")}
    email = us.truth_list("list_users")[0]["userIdentifier"]
    words = ["--config", str(tmp_path / "temporary" / "config.json"), "--to", warehouse.to, "--email", email]
    done = command(warehouse, "forget", *words)
    if isinstance(warehouse, DltWarehouse):
        assert done.returncode == 1
        assert " AND project = 'eu';" in done.stdout
        return
    assert done.returncode == 0, done.stderr
    assert rows_of(warehouse, "us") == before["us"]
    now = rows_of(warehouse, "eu")
    assert now["email_send"] == [row for row in before["eu"]["email_send"] if row.get("email") != email]
    assert len(now["users"]) == len(before["eu"]["users"]) - 1
    file = tmp_path / "temporary" / "config.json"
    file.write_text(json.dumps(config(us, None)))
    assert "These tables have rows of several projects" in command(warehouse, "forget", *words).stderr


@pytest.mark.parametrize("warehouse", ["duckdb", "postgres"], indirect=True)
def test_views_of_custom_events_show_the_project(warehouse: Warehouse, us: Sandbox, eu: Sandbox) -> None:
    event = {"createdAt": time_text(NOW - HOUR), "eventName": "signed up", "dataFields": {}, "project": "mine"}
    for sandbox, name in ((us, "us"), (eu, "eu")):
        sandbox.put_records("customEvent", [event], at=NOW - HOUR)
        done = run(warehouse, config(sandbox, name), "--streams", "custom_event", "--custom-event-tables")
        assert done.returncode == 0, done.stderr
    rows = warehouse.rows("custom_event_signed_up")
    assert sorted(row["project"] for row in rows) == ["eu", "us"]
    assert [value for row in rows for name, value in row.items() if name.startswith("project_")] == ["mine", "mine"]


def test_an_own_profile_field_named_project_stays_in_data(tmp_path: Path, us: Sandbox) -> None:
    file = DuckDBWarehouse(tmp_path)
    us.put_records(
        "user",
        [{"email": "p@x.io", "project": "p1", "Project": 2, "profileUpdatedAt": time_text(NOW - HOUR)}],
        at=NOW - HOUR,
    )
    done = run(file, config(us, "us", user_fields_as_columns=True), "--streams", "users")
    assert done.returncode == 0, done.stderr
    (row,) = [row for row in file.rows("users") if row.get("email") == "p@x.io"]
    assert row["project"] == "us"
    assert json.loads(row["data"]) == {"project": "p1", "Project": 2}


@pytest.mark.parametrize("names", [["campaigns", "snippets", "email_send"]])
def test_the_dlt_source_keeps_projects_apart(
    names: list[str], us: Sandbox, eu: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dlt

    from source_iterable.load import iterable

    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    destination = dlt.destinations.duckdb(str(tmp_path / "tables.duckdb"))
    pipeline = dlt.pipeline("iterable", str(tmp_path / "pipelines"), destination=destination, dataset_name="iterable")

    def campaigns(project: str) -> set[int]:
        rows = pipeline.dataset().campaigns.df()
        return {*rows[rows["project"] == project]["id"]}

    for _ in range(2):
        for sandbox, name in ((us, "us"), (eu, "eu")):
            pipeline.run(iterable(config(sandbox, name), streams=names))
    everything = {each["id"] for each in us.truth_list("campaigns")} - {
        each["id"] for each in us.truth_list("child_campaigns")
    }
    assert campaigns("us") == campaigns("eu") >= everything
    us.delete("campaigns", min(everything))
    pipeline.run(iterable(config(us, "us"), streams=names))
    assert campaigns("us") == campaigns("eu") - {min(everything)}
    sends = pipeline.dataset().email_send.df()
    assert len(sends) == 2 * len({*sends["_event_id"]}) > 0
    with pytest.raises(Exception, match="Set the option project"):
        pipeline.run(iterable(config(us, None), streams=names))


def test_records_have_the_project_and_keys_do(us: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    names = ["users", "email_send", "campaigns", "list_sizes", "campaigns_metrics"]
    plain = sync(config(us, None), names)
    named = sync(config(us, "us", excluded_fields=["project"]), names)
    for name in names:
        assert len(named.records[name]) > 0
        assert {record["project"] for record in named.records[name]} == {"us"}
        without = [{key: each for key, each in record.items() if key != "project"} for record in named.records[name]]
        assert sorted(without, key=repr) == sorted(plain.records[name], key=repr)
    assert "lacks the column" not in caplog.text
    catalog = ConfiguredAirbyteCatalogSerializer.load(catalog_for(config(us, None), ["channels"]))
    for _ in SourceIterable().read(logging.getLogger("airbyte"), config(us, "us"), catalog):
        pass
    assert "The catalog lacks the column project" in caplog.text
    for stream in catalog_for(config(us, "us"), STREAMS_OF_ALL)["streams"]:
        assert stream["stream"]["json_schema"]["properties"]["project"]["type"] == "string"
        assert stream.get("primary_key", [["project"]])[-1] == ["project"]
    for stream in catalog_for(config(us, None), STREAMS_OF_ALL)["streams"]:
        assert "project" not in stream["stream"]["json_schema"]["properties"]
        assert ["project"] not in stream.get("primary_key", [])

"""`source_iterable.load.iterable`, the dlt source, as dlt's users use it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import dlt
import pytest

from integration_tests.connector import config_for, sync, time_text
from integration_tests.sandbox import NOW, Sandbox, SandboxSettings
from integration_tests.test_load import HELD_BACK, put_own_fields
from integration_tests.warehouses import PostgresWarehouse
from source_iterable.load import dlt_formats, iterable

NAMES = ["users", "campaigns", "email_open", "custom_event", "experiments_metrics", "list_sizes"]


@pytest.fixture
def pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    destination = dlt.destinations.duckdb(str(tmp_path / "tables.duckdb"))
    yield dlt.pipeline("iterable", tmp_path / "pipelines", destination=destination, dataset_name="iterable")


@pytest.mark.parametrize("lines", [False, True], ids=["arrow", "lines"])
def test_two_runs_match_the_truth(pipeline: Any, lines: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if lines:
        # As BigQuery, Snowflake and Redshift get them.
        monkeypatch.setitem(dlt_formats._FORMATS, "duckdb", dlt_formats._FORMATS["bigquery"])
    with Sandbox(SandboxSettings(users=50, days=3, events_per_day=400)) as sandbox:
        config = config_for(sandbox, days=3)
        pipeline.run(iterable({**config, "lookback_window": HELD_BACK}, streams=NAMES))
        before = count(pipeline, "email_open")
        sandbox.clear_requests()

        pipeline.run(iterable(config, streams=NAMES))

        asked = [
            entry.query["startDateTime"][0] if entry.query.get("startDateTime") else entry.body["startDateTime"]
            for entry in sandbox.requests
            if entry.endpoint in ("export/data.json", "export/start")
        ]
        since = time_text(NOW - timedelta(minutes=HELD_BACK + 5)).replace("T", " ")
        assert asked
        assert min(asked) > since, "the second run requested nothing that the first had read"
        now = sync(config, NAMES)
        for name in NAMES:
            assert count(pipeline, name) == len(now.records[name]), name
        assert 0 < before < count(pipeline, "email_open")
        opens = pipeline.dataset().email_open.df()
        assert sorted(opens["_event_id"]) == sorted(record["_event_id"] for record in now.records["email_open"])
        assert str(opens["created_at"].dtype).startswith("datetime64")


def test_the_projects_own_profile_fields_are_in_columns_of_their_own(pipeline: Any) -> None:
    with Sandbox(SandboxSettings(users=20, days=2, events_per_day=0)) as sandbox:
        config = config_for(sandbox, days=2, user_fields_as_columns=True)
        pipeline.run(iterable(config, streams="users"))
        sent = sandbox.truth("user", config["start_date"], sandbox.now())
    assert sorted(pipeline.dataset().users.df()["first_name"]) == sorted(each["firstName"] for each in sent)


def test_own_profile_fields_keep_the_columns_that_dlt_knows(pipeline: Any, tmp_path: Path) -> None:
    with Sandbox(SandboxSettings(users=0, days=2, events_per_day=0)) as sandbox:
        config = config_for(sandbox, days=2, user_fields_as_columns=True)
        put_own_fields(sandbox, [f"b{number:03}" for number in range(450)], "one@example.com")
        pipeline.run(iterable({**config, "lookback_window": 600}, streams="users"))
        put_own_fields(sandbox, ["a1"], "two@example.com", hours=2)
        # Of another machine, which learns what there is from the destination.
        elsewhere = dlt.pipeline(
            "iterable", tmp_path / "elsewhere", destination=pipeline.destination, dataset_name="iterable"
        )
        elsewhere.run(iterable(config, streams="users"))
    rows = {row["email"]: row for row in elsewhere.dataset().users.df().to_dict("records")}
    assert len(rows) == 2
    for row in rows.values():
        assert (row["b000"], row["b399"]) == ("b000", "b399")
        assert {"a1", "b400"}.isdisjoint(row)
    assert set(json.loads(rows["two@example.com"]["data"])) == {"a1", *(f"b{number:03}" for number in range(400, 450))}


@pytest.mark.warehouses
def test_an_empty_text_is_no_null_in_postgresql(pipeline: Any, postgres_warehouse: PostgresWarehouse) -> None:
    user, address = postgres_warehouse.address
    destination = dlt.destinations.postgres(f"postgresql://{user}:unused@localhost/{address}")
    profile = {"email": "a@example.com", "profileUpdatedAt": time_text(NOW - timedelta(hours=12)), "city": ""}
    with Sandbox(SandboxSettings(users=0, days=2, events_per_day=0)) as sandbox:
        sandbox.put_records("user", [{**profile, "own": {"a": 1}}])
        pipeline.run(iterable(config_for(sandbox, days=2), streams="users"), destination=destination)
    (row,) = postgres_warehouse.query("SELECT city, data FROM users")
    assert row == {"city": "", "data": {"own": {"a": 1}}}


def test_options_come_from_dlts_configuration_and_resources_are_chosen_by_name(
    pipeline: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Sandbox(SandboxSettings(users=20, days=2, events_per_day=100)) as sandbox:
        config = config_for(sandbox, days=2)
        monkeypatch.setenv("SOURCES__ITERABLE__API_KEY", config.pop("api_key"))
        monkeypatch.setenv("SOURCES__ITERABLE__START_DATE", config.pop("start_date"))
        source = iterable(config)
        assert {"users", "campaigns", "email_open"} < set(source.resources)
        assert "list_users" not in source.resources, "left out, since it takes long"
        pipeline.run(source.with_resources("channels", "email_open"))
        assert {"channels", "email_open"} == set(pipeline.default_schema.data_table_names())
        assert count(pipeline, "channels") == len(sandbox.truth_list("channels"))


def test_a_name_is_one_resource_and_a_group_is_many() -> None:
    config = {"api_key": "key", "start_date": "2024-01-01T00:00:00Z"}
    assert set(iterable(config, streams=["campaigns", "lists"]).resources) == {"campaigns", "lists"}
    assert {"campaigns", "lists", "channels"} < set(iterable(config, streams=["group:lists"]).resources)


def test_without_a_key_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Exception, match="api_key"):
        iterable({"start_date": "2024-01-01T00:00:00Z"})


def test_rows_with_other_private_fields_need_a_refresh(pipeline: Any) -> None:
    with Sandbox(SandboxSettings(users=20, days=2, events_per_day=0)) as sandbox:
        config = config_for(sandbox, days=2)
        pipeline.run(iterable(config, streams="users"))
        before = count(pipeline, "users")
        hidden = {**config, "hashed_fields": ["email"], "hash_salt": "pepper"}
        with pytest.raises(Exception, match=r'The rows of users were written with other .* refresh="drop_resources"\)'):
            pipeline.run(iterable(hidden, streams="users"))
        pipeline.run(iterable(hidden, streams="users"), refresh="drop_resources")
    emails = pipeline.dataset().users.df()["email"]
    assert len(emails) == before > 0
    assert not any("@" in email for email in emails)


def test_a_table_that_was_dropped_by_hand_comes_back_with_a_refresh(pipeline: Any) -> None:
    with Sandbox(SandboxSettings(users=20, days=2, events_per_day=0)) as sandbox:
        config = config_for(sandbox, days=2)
        pipeline.run(iterable(config, streams="users"))
        before = count(pipeline, "users")
        with pipeline.sql_client() as client:
            client.execute_sql('DROP TABLE "users"')
        pipeline.run(iterable(config, streams=["users"]), refresh="drop_resources")
    assert count(pipeline, "users") == before > 0


def count(pipeline: Any, table: str) -> int:
    with pipeline.sql_client() as client:
        ((rows,),) = client.execute_sql(f'SELECT count(*) FROM "{table}"')
    return int(rows)

"""The queries of docs/streams.md, on tables that the command has loaded, against the sandbox's truth."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integration_tests import preloaded
from integration_tests.connector import config_for
from integration_tests.sandbox import Sandbox, SandboxSettings
from integration_tests.warehouses import DuckDBWarehouse, PostgresWarehouse

Record = dict[str, Any]
PAGE = (Path(__file__).parents[1] / "docs" / "streams.md").read_text(encoding="utf-8")
QUERIES = dict(re.findall(r"^```sql\n-- ([^\n]+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
STREAMS = "users,lists,channels,message_types,experiments,experiment_variants,experiments_metrics"
ENGINES = ["DuckDB", pytest.param("PostgreSQL", marks=pytest.mark.warehouses)]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(seed=3, users=120, days=40, events_per_day=0)) as running:
        yield running


@pytest.fixture(scope="module", params=ENGINES)
def engine(
    request: pytest.FixtureRequest,
    sandbox: Sandbox,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[str, DuckDBWarehouse | PostgresWarehouse]]:
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "config.json").write_text(json.dumps(config_for(sandbox, days=900)), encoding="utf-8")

    def load(to: str) -> None:
        arguments = ["load", "--config", str(folder / "config.json"), "--to", to, "--streams", STREAMS]
        subprocess.run(
            [*preloaded.python_for_load(), "-m", "source_iterable", *arguments], check=True, capture_output=True
        )

    if request.param == "DuckDB":
        warehouse = DuckDBWarehouse(folder)
        load(warehouse.to)
        yield request.param, warehouse
        return
    with request.getfixturevalue("postgres_server").database("documented") as database:
        load(database.to)
        yield request.param, database


def answers(engine: tuple[str, Any], question: str) -> list[Record]:
    name, warehouse = engine
    found = [sql for title, sql in QUERIES.items() if title.startswith(question) and name in title]
    assert len(found) == 1
    rows: list[Record] = warehouse.query(found[0])
    return rows


def users(sandbox: Sandbox) -> list[Record]:
    """As they are now."""
    latest = {user["itblUserId"]: user for user in sandbox.truth("user", "2000-01-01", "2100-01-01")}
    return list(latest.values())


def ids(user: Record, column: str) -> list[int]:
    value = user.get(column)
    return value if isinstance(value, list) else []


def test_the_lists_of_each_user(sandbox: Sandbox, engine: tuple[str, Any]) -> None:
    existing = {thing["id"] for thing in sandbox.truth_list("lists")}
    expected = {(user.get("email"), each) for user in users(sandbox) for each in ids(user, "emailListIds")}
    rows = answers(engine, "Lists of each user")
    assert len(rows) > 100
    assert {(row.get("email"), row["list_id"]) for row in rows} == {pair for pair in expected if pair[1] in existing}


def test_who_may_be_mailed(sandbox: Sandbox, engine: tuple[str, Any]) -> None:
    expected = {}
    for user in users(sandbox):
        for kind in sandbox.truth_list("message_types"):
            subscribed = kind["id"] in ids(user, "subscribedMessageTypeIds")
            if kind["subscriptionPolicy"] != "OptIn":
                subscribed = kind["id"] not in ids(user, "unsubscribedMessageTypeIds")
            may = subscribed and kind["channelId"] not in ids(user, "unsubscribedChannelIds")
            expected[user.get("email"), kind["id"]] = may
    rows = answers(engine, "Subscriptions of each user")
    assert {(row.get("email"), row["message_type_id"]): row["may_be_mailed"] for row in rows} == expected
    assert len(rows) == len(expected)
    policies = {thing["id"]: thing["subscriptionPolicy"] for thing in sandbox.truth_list("message_types")}
    seen = {(policies[row["message_type_id"]], row["may_be_mailed"]) for row in rows}
    assert seen == {("OptIn", True), ("OptIn", False), ("OptOut", True), ("OptOut", False)}


def test_experiments_with_their_variants_and_reports(sandbox: Sandbox, engine: tuple[str, Any]) -> None:
    rows = answers(engine, "Experiments")
    assert len(rows) == len(sandbox.truth_list("experiment_variants"))
    names = {thing["id"]: thing["meta"]["name"] for thing in sandbox.truth_list("experiments")}
    assert sorted((row["experiment"], row["variant"]) for row in rows) == sorted(
        (names[each["experimentId"]], each["name"]) for each in sandbox.truth_list("experiment_variants")
    )
    assert all("report" in row for row in rows)


def test_every_query_of_the_page_is_tried() -> None:
    assert len(QUERIES) == PAGE.count("```sql") == 5

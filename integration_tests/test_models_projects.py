"""Several projects in one set of tables: none changes a figure of another one; and the history that snapshots keep."""

from __future__ import annotations

import pytest

from integration_tests.models import MODELS, Built, Record, plain
from integration_tests.test_models_marks import Build, Run, warehouse  # noqa: F401
from integration_tests.test_models_rows import RAW, statements
from integration_tests.warehouses import texts

pytestmark = pytest.mark.models

STATES = """
SELECT source_relation, name, campaign_state, dbt_valid_to IS NULL AS current
FROM iterable__campaigns_snapshot WHERE id = 2 ORDER BY source_relation, dbt_valid_from, dbt_valid_to
"""
SNAPSHOTS = [f"iterable__{name}_snapshot" for name in ("campaigns", "templates", "lists", "channels", "message_types")]


def of_project(built: Built, project: str) -> dict[str, list[str]]:
    where = f"WHERE source_relation = '{project}'"
    return {name: texts([plain(row) for row in built.rows(f"SELECT * FROM {name} {where}")]) for name in MODELS}


def states(built: Built, project: str) -> list[tuple[str, str, bool]]:
    return [
        (row["name"], row["campaign_state"], row["current"])
        for row in built.rows(STATES)
        if row["source_relation"] == project
    ]


def counts(built: Built) -> list[Record]:
    return [built.rows(f"SELECT count(*) AS n FROM {name}")[0] for name in SNAPSHOTS]


def test_a_second_project_with_the_same_ids_changes_nothing(warehouse: tuple[Run, Build]) -> None:  # noqa: F811
    run, build = warehouse
    add = "ALTER TABLE iterable.{} ADD COLUMN project text; UPDATE iterable.{} SET project = 'us'"
    run(*statements(), *(add.format(table, table) for table in RAW))
    alone = of_project(build(), "us")
    assert all(alone.values())
    run(
        *(
            f"CREATE TABLE iterable.other AS SELECT * FROM iterable.{table}; UPDATE iterable.other SET project = 'eu';"
            f" INSERT INTO iterable.{table} SELECT * FROM iterable.other; DROP TABLE iterable.other"
            for table in RAW
        ),
        "DELETE FROM iterable.users WHERE project = 'eu' AND email LIKE 'cid%'",
        "DELETE FROM iterable.email_open WHERE project = 'eu'",
        "UPDATE iterable.campaigns SET name = 'Another' WHERE project = 'eu'",
    )
    built = build()
    assert {result["status"] for result in built.results} <= {"success", "pass", "warn"}
    assert of_project(built, "us") == alone
    assert of_project(built, "eu") != alone
    campaigns = "SELECT source_relation, campaign_name FROM iterable__campaign_performance WHERE campaign_id = 2"
    assert {tuple(row.values()) for row in built.rows(campaigns)} == {("us", "Weekly"), ("eu", "Another")}


def test_a_table_of_events_from_before_projects_goes_on(warehouse: tuple[Run, Build]) -> None:  # noqa: F811
    run, build = warehouse
    run(*statements())
    before = build().rows("SELECT * FROM iterable__events")
    run(
        "ALTER TABLE analytics.iterable__events DROP COLUMN source_relation",
        "DELETE FROM iterable.email_send",
    )
    rows = build().rows("SELECT * FROM iterable__events")
    assert {row["source_relation"] for row in rows} == {""}
    assert len(rows) == len(before), "also events that were deleted to save space"


def test_history_of_campaigns(warehouse: tuple[Run, Build]) -> None:  # noqa: F811
    run, build = warehouse
    campaigns = [
        "DROP TABLE iterable.campaigns",
        "CREATE TABLE iterable.campaigns (project text, id bigint, name text, campaign_state text, labels json)",
        *(
            f"INSERT INTO iterable.campaigns VALUES ('{project}', {number}, 'Weekly', 'Ready', '[\"a\"]')"
            for project in ("us", "eu")
            for number in (1, 2)
        ),
    ]
    run(*statements(), *campaigns)
    first = counts(build())
    assert first[0] == {"n": 4}
    assert counts(build()) == first, "nothing has changed"
    run("UPDATE iterable.campaigns SET name = 'Sale' WHERE id = 2 AND project = 'us'")
    build()
    run("UPDATE iterable.campaigns SET campaign_state = 'Running' WHERE id = 2 AND project = 'us'")
    built = build()
    expected = [("Weekly", "Ready", False), ("Sale", "Ready", False), ("Sale", "Running", True)]
    assert states(built, "us") == expected
    assert states(built, "eu") == [("Weekly", "Ready", True)]
    run("DELETE FROM iterable.campaigns WHERE id = 2 AND project = 'us'")
    expected[2] = ("Sale", "Running", False)
    assert states(build(), "us") == expected
    run("INSERT INTO iterable.campaigns VALUES ('us', 2, 'Sale', 'Running', '[\"a\"]')")
    expected.append(("Sale", "Running", True))
    assert states(build(), "us") == expected
    before = counts(built)
    run("DELETE FROM iterable.campaigns WHERE project = 'eu'")
    built = build()
    assert states(built, "eu") == [("Weekly", "Ready", True)], "its stream is being loaded again"
    run("DROP TABLE iterable.campaigns")
    built = build()
    assert states(built, "us") == expected, "no table says nothing of what was deleted"
    assert counts(built)[1:] == before[1:]

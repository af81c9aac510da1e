"""Several projects in one set of tables: none of them changes a figure of another; and the snapshots' history of each."""

from __future__ import annotations

import re
import shutil
from functools import partial
from pathlib import Path

import duckdb
import pytest

from integration_tests.models import FILE, PACKAGE, ROOT, Built, Record, everything, in_duckdb
from integration_tests.test_models_marks import MARKS, Build, Run, warehouse  # noqa: F401
from integration_tests.test_models_rows import RAW, statements

pytestmark = pytest.mark.models

SNAPSHOTS = [f"iterable__{name}_snapshot" for name in ("campaigns", "templates", "lists", "channels", "message_types")]
# Of a second project: the same ids and addresses, but other numbers.
OTHER = (
    "DELETE FROM iterable.users WHERE email LIKE 'cid%'",
    "DELETE FROM iterable.email_open",
    "UPDATE iterable.campaigns SET name = 'Another' WHERE id = 2",
    "UPDATE iterable.list_sizes SET size = size + 1000",
    "UPDATE iterable.purchase SET created_at = '2026-05-01 00:00+00' WHERE total = 5",
)


def of_project(built: Built, project: str) -> dict[str, list[str]]:
    """The project's rows of every model."""
    assert {result["status"] for result in built.results} <= {"success", "pass", "warn"}
    return everything(built, f"WHERE source_relation = '{project}'")


def states(built: Built, project: str) -> list[tuple[str, str, bool]]:
    """The versions of the project's campaign 2: name, state, and whether it is the current one."""
    rows = built.rows(f"""
        SELECT name, campaign_state, dbt_valid_to IS NULL AS current FROM iterable__campaigns_snapshot
        WHERE id = 2 AND source_relation = '{project}' ORDER BY dbt_valid_from
    """)
    return [(row["name"], row["campaign_state"], row["current"]) for row in rows]


def counts(built: Built) -> list[Record]:
    return [built.rows(f"SELECT count(*) AS n FROM {name}")[0] for name in SNAPSHOTS]


def test_two_projects_with_the_same_ids_are_as_each_is_alone(
    warehouse: tuple[Run, Build],  # noqa: F811
) -> None:
    run, build = warehouse
    name = "ALTER TABLE iterable.{0} ADD COLUMN project text; UPDATE iterable.{0} SET project = 'us'"
    run(*statements(), *(name.format(table) for table in RAW))
    alone = of_project(build(), "us")
    assert all(alone.values())
    run(
        "CREATE SCHEMA us",
        *(f"CREATE TABLE us.{table} AS SELECT * FROM iterable.{table}" for table in RAW),
        *(f"UPDATE iterable.{table} SET project = 'eu'" for table in RAW),
        *OTHER,
    )
    other_alone = of_project(build("--full-refresh"), "eu")
    assert all(other_alone.values())
    run(*(f"INSERT INTO iterable.{table} SELECT * FROM us.{table}" for table in RAW))
    both = build()
    assert of_project(both, "us") == alone
    assert of_project(both, "eu") == other_alone


def test_events_built_by_an_earlier_version_go_on(warehouse: tuple[Run, Build]) -> None:  # noqa: F811
    run, build = warehouse
    run(*statements())
    expected = of_project(build(), "")
    run(
        "ALTER TABLE analytics.iterable__events DROP COLUMN source_relation CASCADE",
        "DELETE FROM iterable.email_send",
        # As Airbyte leaves the rows from before the option.
        "ALTER TABLE iterable.users ADD COLUMN project text",
    )
    found = of_project(build(), "")
    for model in ("iterable__events", "iterable__messages", "iterable__users", "iterable__user_engagement"):
        assert found[model] == expected[model], "also events that were deleted to save space"


def test_a_table_that_gets_a_project_has_no_event_twice(warehouse: tuple[Run, Build]) -> None:  # noqa: F811
    run, build = warehouse
    run(*statements(), MARKS)
    before = build().rows("SELECT count(*) AS n FROM iterable__events")
    name = "ALTER TABLE iterable.{0} ADD COLUMN project text; UPDATE iterable.{0} SET project = 'us'"
    run(*(name.format(table) for table in RAW), "UPDATE iterable._source_iterable_tables SET generation = 'd'")
    events = "SELECT source_relation, count(*) AS n FROM iterable__events GROUP BY 1"
    assert build().rows(events) == [{"source_relation": "us", **before[0]}]


def test_history_of_campaigns(
    warehouse: tuple[Run, Build],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run, build_nodes = warehouse
    build = partial(build_nodes, "--select", "+resource_type:snapshot")
    for name in ("TZ", "PGTZ"):
        monkeypatch.setenv(name, "Asia/Tokyo")
    columns = "project text, id bigint, name text, campaign_state text, send_size bigint, labels json"
    run(
        *statements(),
        "DROP TABLE iterable.campaigns",
        f"CREATE TABLE iterable.campaigns ({columns})",
        *(
            f"INSERT INTO iterable.campaigns VALUES ('{project}', {number}, 'Weekly', 'Ready', 1, '[\"a\"]')"
            for project in ("us", "eu")
            for number in (1, 2)
        ),
    )
    built = build()
    first = counts(built)
    assert first[0] == {"n": 4}
    assert all(each["n"] for each in first)
    clock = "SELECT max(dbt_valid_from) <= now() AT TIME ZONE 'UTC' AS past FROM iterable__campaigns_snapshot"
    assert built.rows(clock) == [{"past": True}], "times are in UTC"
    run("UPDATE iterable.campaigns SET send_size = 2")
    assert counts(build()) == first, "nothing has changed that somebody has done"
    run("UPDATE iterable.campaigns SET name = 'Sale' WHERE id = 2 AND project = 'us'")
    build()
    run("UPDATE iterable.campaigns SET campaign_state = 'Running' WHERE id = 2 AND project = 'us'")
    built = build("--full-refresh")
    expected = [("Weekly", "Ready", False), ("Sale", "Ready", False), ("Sale", "Running", True)]
    assert states(built, "us") == expected, "a full refresh keeps it"
    assert states(built, "eu") == [("Weekly", "Ready", True)]
    run("DELETE FROM iterable.campaigns WHERE id = 2 AND project = 'us'")
    expected[2] = ("Sale", "Running", False)
    assert states(build(), "us") == expected
    run("INSERT INTO iterable.campaigns VALUES ('us', 2, 'Sale', 'Running', 2, '[\"a\"]')")
    expected.append(("Sale", "Running", True))
    built = build()
    assert states(built, "us") == expected
    before = counts(built)
    run("DELETE FROM iterable.campaigns WHERE project = 'eu'")
    assert states(build(), "eu") == [("Weekly", "Ready", True)], "its stream is being loaded again"
    run("DROP TABLE iterable.campaigns CASCADE")
    built = build()
    assert states(built, "us") == expected, "no table says nothing of what was deleted"
    assert counts(built) == before


def test_the_snapshot_of_members_that_the_docs_have(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    snippet = re.search(
        r"^    {% snapshot list_users_snapshot %}.*?^    {% endsnapshot %}$", page, re.MULTILINE | re.DOTALL
    )
    assert snippet is not None
    own = Path(shutil.copytree(PACKAGE, tmp_path / "own"))
    (own / "snapshots" / "list_users_snapshot.sql").write_text(snippet[0], encoding="utf-8")
    flags = ("--project-dir", str(own), "--select", "+list_users_snapshot")

    def spells(*sql: str) -> list[tuple[str, bool]]:
        with duckdb.connect(str(tmp_path / FILE)) as database:
            for statement in sql:
                database.execute(statement)
        rows = in_duckdb(tmp_path / FILE, tmp_path, *flags).rows(
            "SELECT * FROM list_users_snapshot ORDER BY dbt_valid_from"
        )
        return [(row["user_identifier"], row["dbt_valid_to"] is None) for row in rows]

    assert spells(*statements()) == [("bob@y.example", True)]
    another = "INSERT INTO iterable.list_users (list_id, user_identifier) VALUES (200, 'ann@x.example')"
    left = "DELETE FROM iterable.list_users WHERE user_identifier LIKE 'bob%'"
    assert spells(another, left) == [("bob@y.example", False), ("ann@x.example", True)]
    assert spells("DROP TABLE iterable.list_users") == [("bob@y.example", False), ("ann@x.example", True)]

"""What the page embeds; test_report_page.py reads it in a browser."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from integration_tests.models import PACKAGE, Built, Record
from integration_tests.test_models_commands import changed, report

pytestmark = pytest.mark.models

# Whole days of the sandbox's project, whose newest event is of 10 March.
WEEK = "sent_on BETWEEN '2026-03-03' AND '2026-03-09'"
SENT, OPENS, CLICKS = 0, 5, 6


def halves() -> list[str]:
    """Statements that make two projects of one: of campaigns, lists and all that is theirs."""
    return [
        f"UPDATE {model} SET source_relation = CASE WHEN coalesce({key}, 0) % 2 = 0 THEN 'us' ELSE 'eu' END"
        for model, key in (
            ("iterable__campaigns", "campaign_id"),
            ("iterable__campaign_performance_daily", "campaign_id"),
            ("iterable__messages", "campaign_id"),
            ("iterable__events", "campaign_id"),
            ("iterable__experiments", "campaign_id"),
            ("iterable__list_growth", "list_id"),
        )
    ]


def period(data: Record, days: int | None) -> Record:
    (found,) = [each for each in data["periods"] if each["days"] == days]
    return dict(found)


def test_figures_are_of_whole_days_and_count_a_person_once_a_campaign(built: Built, tmp_path: Path) -> None:
    data = report(built.database, tmp_path)[1].data
    assert (data["last"], data["newest"][:10]) == ("2026-03-09", "2026-03-10")
    assert [each["days"] for each in data["periods"]] == [7, 28, None]
    week = period(data, 7)
    person = "concat(campaign_id, '/', coalesce(unique_user_key, message_id))"
    for channel in ("Email", "Push", "SMS"):
        (row,) = built.rows(
            f"""
            SELECT count(*) AS sent,
                count(DISTINCT CASE WHEN opened_count > 0 THEN {person} END) AS opens,
                count(DISTINCT CASE WHEN clicked_count > 0 THEN {person} END) AS clicks
            FROM iterable__messages WHERE message_medium = '{channel}' AND {WEEK}
            """
        )
        figures = week["totals"][""][channel]
        assert [figures[at] for at in (SENT, OPENS, CLICKS)] == list(row.values())
        campaigns = [figures for _, medium, *figures in week["campaigns"] if medium == channel]
        assert sum(figures[OPENS] for figures in campaigns) == row["opens"]
        before = built.rows(
            f"""SELECT count(*) AS n FROM iterable__messages
            WHERE message_medium = '{channel}' AND sent_on BETWEEN '2026-02-24' AND '2026-03-02'"""
        )
        assert week["before"]["totals"][""][channel][SENT] == before[0]["n"]
    (people,) = built.rows(
        f"""SELECT count(DISTINCT coalesce(unique_user_key, message_id)) AS sent_to,
            count(DISTINCT CASE WHEN opened_count > 0 THEN coalesce(unique_user_key, message_id) END) AS opened
        FROM iterable__messages WHERE {WEEK}"""
    )
    in_all = week["people"][""][""]
    assert [in_all[at] for at in (0, 2)] == list(people.values())
    assert in_all[0] < sum(numbers[0] for channel, numbers in week["people"][""].items() if channel)
    assert "before" not in period(data, 28), "of the 28 days before, some are not loaded"


def test_a_project_has_figures_of_its_own(built: Built, tmp_path: Path) -> None:
    _, page = report(changed(built, tmp_path, *halves()), tmp_path)
    week = period(page.data, 7)
    for project, rest in (("eu", 1), ("us", 0)):
        of_project = f"{WEEK} AND coalesce(campaign_id, 0) % 2 = {rest}"
        (sent,) = built.rows(
            f"""SELECT count(*) AS sent, count(DISTINCT coalesce(unique_user_key, message_id)) AS people
            FROM iterable__messages WHERE {of_project}"""
        )
        assert sum(figures[SENT] for figures in week["totals"][project].values()) == sent["sent"]
        assert week["people"][project][""][0] == sent["people"]
        days = page.data["series"]["day"]["projects"][project]
        assert sum(each[SENT] for steps in days.values() for each in steps[-7:] if each) == sent["sent"]
        (emails,) = built.rows(
            f"""SELECT count(*) AS sent, count(*) FILTER (hard_bounced_count > 0) AS hard,
                count(*) FILTER (soft_bounced_count > 0 AND hard_bounced_count = 0) AS soft
            FROM iterable__messages WHERE message_medium = 'Email' AND email LIKE '%@%' AND {of_project}"""
        )
        domains = [row[2:5] for row in week["domains"] if row[0] == project]
        assert [sum(column) for column in zip(*domains, strict=True)] == list(emails.values())
        assert emails["hard"]
    in_all = {row[1]: row[2] for row in week["domains"] if row[0] is None}
    shown = {row[1]: row[2] for row in week["domains"] if row[0] == "eu"}
    assert any(in_all[domain] > sent > 0 for domain, sent in shown.items()), "what projects share is added up"


def test_days_are_those_of_the_models(built: Built, tmp_path: Path) -> None:
    west = [
        f"UPDATE {model} SET {day} = {day} - 1"
        for model, day in (("iterable__messages", "sent_on"), ("iterable__events", "created_on"))
    ]
    data = report(changed(built, tmp_path, *west), tmp_path)[1].data
    assert (data["last"], data["newest"][:10]) == ("2026-03-08", "2026-03-10")


def test_what_a_channel_can_have_is_what_the_models_have_rates_of(built: Built, tmp_path: Path) -> None:
    can = report(built.database, tmp_path)[1].data["can"]
    assert {"SMS", "RCS", "Web push"}.isdisjoint(can["opens"])
    assert {"Push", "RCS"}.isdisjoint(can["clicks"])
    assert set(can["bounced"]) == {"Email", "Push", "SMS", "WhatsApp"}
    assert can["unsubscribed"] == can["complained"] == ["Email"]


def test_no_person_is_in_it(built: Built, tmp_path: Path) -> None:
    database = changed(
        built,
        tmp_path,
        "UPDATE iterable__messages SET email = 'me@jane-doe.example' WHERE message_id = "
        f"(SELECT min(message_id) FROM iterable__messages WHERE message_medium = 'Email' AND {WEEK})",
    )
    text, page = report(database, tmp_path)
    data = json.dumps(page.data, ensure_ascii=False)
    assert "jane-doe" not in text, "a domain of few people tells who they are"
    assert "@" not in data
    rows = built.rows("SELECT unique_user_key, user_id FROM iterable__users")
    keys = {str(key) for row in rows for key in row.values() if key and len(str(key)) > 6}
    assert keys
    assert [key for key in keys if key in data] == []


def test_three_years_fit_into_two_megabytes(built: Built, tmp_path: Path) -> None:
    database = changed(
        built,
        tmp_path,
        "DELETE FROM iterable__messages",
        """
        INSERT INTO iterable__messages BY NAME
        SELECT ['eu', 'us'][1 + campaign % 8 // 4] AS source_relation, uuid()::VARCHAR AS message_id,
            day::TIMESTAMP AS sent_at, day AS sent_on,
            ['Email', 'Push', 'SMS', 'InApp'][1 + campaign % 4] AS message_medium,
            'person' || (days * 7 + campaign) % 5000 AS unique_user_key, campaign AS campaign_id, true AS is_delivered,
            campaign % 2 AS opened_count, campaign % 3 // 2 AS clicked_count, 0 AS bounced_count, 0 AS hard_bounced_count,
            0 AS soft_bounced_count, 0 AS unsubscribed_count, 0 AS complained_count
        FROM (
            SELECT days, campaign FROM range(1097) AS d(days), range(200) AS always(campaign)
            UNION ALL SELECT days, 1000 + days FROM range(0, 1097, 2) AS d(days)
        ) CROSS JOIN LATERAL (SELECT DATE '2023-03-10' + days::INTEGER AS day)
        """,
        "DELETE FROM iterable__list_growth",
        """
        INSERT INTO iterable__list_growth BY NAME
        SELECT ['eu', 'us'][1 + list % 2] AS source_relation, list AS list_id, 'List ' || list AS list_name,
            DATE '2023-03-10' + days::INTEGER AS counted_on, 1000000 + list * 1000 + days AS size
        FROM range(1097) AS d(days), range(40) AS lists(list)
        """,
        "CREATE TABLE compared AS SELECT * FROM iterable__metric_reconciliation LIMIT 0",
        "DROP VIEW iterable__metric_reconciliation",
        "ALTER TABLE compared RENAME TO iterable__metric_reconciliation",
        """
        INSERT INTO iterable__metric_reconciliation BY NAME
        SELECT 'campaigns_metrics' AS report, ['eu', 'us'][1 + n % 2] AS source_relation, n AS campaign_id,
            'Unique Email Opens (filtered)' AS iterable_metric, n AS ours, 0 AS iterables, n AS difference,
            'events that Iterable did not have yet' AS likely_reason
        FROM range(1, 500) AS figures(n)
        """,
    )
    _, page = report(database, tmp_path)
    assert len(page.data["series"]["week"]["projects"]["us"]["Email"]) == 156
    assert page.data["days"] > 1000
    assert [len(each["sizes"]) for each in page.data["lists"]] == [1097] * 12
    assert len(page.data["different"]) == 80
    assert page.size < 2_000_000


def test_the_page_needs_nothing_but_itself(built: Built, tmp_path: Path) -> None:
    text, page = report(built.database, tmp_path)
    assert page.loads == ["link data:,"]
    assert "default-src 'none'" in text, "the browser refuses what a library might want to load"


def test_the_library_in_the_tree_is_the_locked_one() -> None:
    vendor = PACKAGE / "page" / "vendor"
    locked = json.loads((vendor / "package-lock.json").read_text(encoding="utf-8"))["packages"][
        "node_modules/datatables.net"
    ]
    script = (vendor / "dataTables.min.js").read_text(encoding="utf-8")
    assert script.startswith(f"/*! DataTables {locked['version']}\n"), "make lock copies it"


def test_only_its_owner_can_read_a_new_page(built: Built, tmp_path: Path) -> None:
    report(built.database, tmp_path)
    file = tmp_path / "report.html"
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o644)
    report(built.database, tmp_path)
    assert file.stat().st_mode & 0o777 == 0o644, "as its owner wants it"

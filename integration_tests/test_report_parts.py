"""The parts of the page in a browser: a choice of project, experiments, what was not sent, agreement with Iterable."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from integration_tests.models import Built
from integration_tests.test_models_commands import changed, report
from integration_tests.test_report import halves
from integration_tests.test_report_page import tile

pytestmark = pytest.mark.models


def test_a_choice_of_project_holds_for_the_whole_page(
    built: Built, browse: Callable[..., Page], tmp_path: Path
) -> None:
    late = "UPDATE iterable__messages SET sent_on = '2026-03-08', sent_at = '2026-03-08' WHERE source_relation = 'eu'"
    _, embedded = report(changed(built, tmp_path, *halves(), f"{late} AND sent_on < '2026-03-08'"), tmp_path)
    page = browse(tmp_path / "report.html", choice="#period=7")
    scope = page.locator("#scope").inner_text()
    assert "all projects" in scope
    assert "Projects: eu (sends from 8 Mar 2026 to 10 Mar 2026" in scope
    names = page.locator(".open-row").all_inner_texts()
    assert {name[:4] for name in names} == {"us: ", "eu: "}
    assert "fewer than 14 whole days are loaded of a project" in page.locator("#compared").inner_text()
    page.get_by_role("radio", name="us", exact=True).check()
    week = embedded.data["periods"][0]
    sent = f"{sum(figures[0] for figures in week['totals']['us'].values()):,}"
    assert tile(page, "sent").splitlines()[1] == sent
    assert (
        page.locator("#said").text_content()
        == f"3 Mar 2026 – 9 Mar 2026 (7 whole days), all channels, us: {sent} messages sent."
    )
    assert "against the 7 days before" in page.locator("#compared").inner_text(), "of this project they are loaded"
    chosen = {each["name"] for each in embedded.data["campaigns"] if each["project"] == "us"}
    assert set(page.locator(".open-row").all_inner_texts()) <= chosen, "without the project's name"
    assert page.locator("#people tbody td").first.inner_text() == str(week["people"]["us"][""][0])
    of_domains = page.locator("#domains tbody td:nth-child(2)").all_inner_texts()
    assert of_domains == [str(row[2]) for row in week["domains"] if row[0] == "us"]
    lists = [each for each in embedded.data["lists"] if each["project"] == "us"]
    assert page.locator("#lists-table tbody tr").count() == len(lists) > 1
    experiments = [each["variant"] for each in embedded.data["experiments"] if each["project"] == "us"]
    assert page.locator("#experiments tbody td:nth-child(3)").all_inner_texts() == experiments
    page.reload()
    assert page.get_by_role("radio", name="us", exact=True).is_checked(), "as a bookmark keeps it"


def test_experiments_name_their_winner(built: Built, browse: Callable[..., Page], tmp_path: Path) -> None:
    winner = (
        "UPDATE iterable__experiments SET is_winner = variant_name = 'B' WHERE experiment_name = 'Spring sale test'"
    )
    report(changed(built, tmp_path, winner), tmp_path)
    page = browse(tmp_path / "report.html")
    rows = page.locator("#experiments tbody tr", has_text="Spring sale test")
    won = rows.filter(has_text="Winner").all_inner_texts()
    (variant,) = built.rows(
        "SELECT * FROM iterable__experiments WHERE experiment_name = 'Spring sale test' AND variant_name = 'B'"
    )
    assert rows.count() == 3
    assert len(won) == 1
    cells = won[0].replace("\u00a0", " ").split("\t")
    assert cells[2:6] == ["B", "★ Winner", str(variant["sent"]), f"{100 * variant['unique_open_rate']:.1f} %"]
    page.get_by_role("radio", name="SMS").check()
    assert "Spring sale" not in page.locator("#experiments").inner_text(), "it is of emails"


def test_figures_that_iterable_reports_otherwise(
    built: Built, report_file: Path, browse: Callable[..., Page], tmp_path: Path
) -> None:
    page = browse(report_file)
    comparable = "iterable__metric_reconciliation WHERE not_comparable_because IS NULL"
    counted = built.rows(f"SELECT count(*) AS n FROM {comparable}")[0]["n"]
    assert page.locator("#agreement").inner_text().startswith(f"{counted} of {counted} figures agree")
    assert page.locator("#reconciliation table").count() == 0
    model = """
        CREATE TABLE compared AS
        SELECT 'campaigns_metrics' AS report, '' AS source_relation, campaign_id, 'Unique Email Opens' AS iterable_metric,
            12 + place AS ours, 12 AS iterables, place AS difference,
            CASE place WHEN 1 THEN 'it began before the first loaded send' END AS not_comparable_because,
            CASE WHEN place > 1 THEN 'machines' END AS likely_reason
        FROM (
            SELECT campaign_id, row_number() OVER (ORDER BY campaign_id) - 1 AS place
            FROM iterable__campaigns WHERE message_medium = 'Email'
        ) LIMIT 4
    """
    statements = (
        model,
        "DROP VIEW iterable__metric_reconciliation",
        "ALTER TABLE compared RENAME TO iterable__metric_reconciliation",
    )
    report(changed(built, tmp_path, *statements), tmp_path)
    page = browse(tmp_path / "report.html")
    page.get_by_role("link", name="Does it agree with Iterable?").press("Enter")
    expect(page.locator("#agreement")).to_be_in_viewport()
    assert page.locator("#agreement").inner_text().replace("\u00a0", " ") == (
        "1 of 3 figures agree (33.3 %). Likely reasons of the others: machines (2). "
        "1 cannot be compared: it began before the first loaded send (1)."
    )
    rows = [text.split("\t")[1:] for text in page.locator("#reconciliation tbody tr").all_inner_texts()]
    assert rows == [["Unique Email Opens", str(12 + n), "12", f"+{n}", "machines"] for n in (3, 2)]
    page.get_by_role("radio", name="SMS").check()
    assert "nothing to compare" in page.locator("#agreement").inner_text(), "these are of emails"


def test_messages_that_were_not_sent(built: Built, report_file: Path, browse: Callable[..., Page]) -> None:
    page = browse(report_file, choice="#period=7")
    week = "created_on BETWEEN '2026-03-03' AND '2026-03-09'"
    for channel, like in (("", "%SendSkip"), ("Web push", "webPushSendSkip")):
        if channel:
            page.get_by_role("radio", name=channel).check()
        counted = built.rows(
            f"""SELECT reason, count(*) AS n FROM iterable__events WHERE event_name LIKE '{like}' AND {week}
            GROUP BY reason"""
        )
        rows = page.locator("#skips tbody tr")
        shown = {
            str(rows.nth(at).locator("th").get_attribute("title")): int(rows.nth(at).locator("td").first.inner_text())
            for at in range(rows.count())
        }
        assert shown == {row["reason"]: row["n"] for row in counted}
        assert "Duplicate message" in page.locator("#skips").inner_text()

"""The page in a browser: what a marketer reads, chooses, sorts, opens and prints."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from integration_tests.models import Built
from integration_tests.test_models_commands import changed, report

pytestmark = pytest.mark.models

NAME = "<!--<script>%MADE%</script><img src=x onerror=alert(1)>\u2028Berlin"


def tile(page: Page, key: str) -> str:
    return page.locator(f".tile[data-key={key}]").inner_text().replace("\u00a0", " ")


def cells(page: Page, column: int) -> list[str]:
    return page.locator(f"#campaigns-table tbody td:nth-child({column})").all_inner_texts()


def test_a_choice_of_period_and_channel_holds_for_the_whole_page(
    report_file: Path, browse: Callable[..., Page]
) -> None:
    page = browse(report_file)
    assert page.get_by_label("28 days").is_checked()
    assert "all channels" in page.locator("#scope").inner_text()
    everything = tile(page, "sent")
    page.get_by_label("7 days", exact=True).check()
    page.get_by_role("radio", name="SMS").check()
    scope = page.locator("#scope").inner_text()
    assert scope.startswith("3 Mar 2026 – 9 Mar 2026 (7 whole days), SMS.")
    assert "Data up to 10 Mar 2026, 09:" in scope
    assert tile(page, "sent") != everything
    assert "%" in tile(page, "sent").splitlines()[2], "the change against the period before"
    assert tile(page, "open").splitlines()[1:] == ["–", "not for SMS"]
    assert page.locator(".tile[data-key=open]").is_disabled()
    assert "none" in page.locator("#domains").inner_text()
    assert page.locator("#said").text_content() == (
        f"3 Mar 2026 – 9 Mar 2026 (7 whole days), SMS: {tile(page, 'sent').splitlines()[1]} messages sent."
    )
    page.reload()
    assert page.get_by_role("radio", name="SMS").is_checked(), "as a bookmark keeps it"


def test_a_day_is_a_day_and_a_channel_without_opens_has_no_line(report_file: Path, browse: Callable[..., Page]) -> None:
    page = browse(report_file, choice="#period=7")
    page.locator(".tile[data-key=open]").press("Enter")
    assert page.locator("#trend-title").inner_text() == "Open rate by day and channel"
    assert "SMS" in page.locator("#trend-note").inner_text()
    head = page.locator("#trend table th[scope=col]").all_text_contents()
    assert head[0] == "Day"
    assert "Email" in head
    assert "SMS" not in head
    assert page.locator("#trend tbody th").all_text_contents()[0] == "Mon, 9 Mar 2026"
    drawing = page.locator("#trend svg")
    drawing.hover()
    tooltip = page.locator("#vg-tooltip-element").inner_text()
    day = tooltip.splitlines()[0]
    shown = page.locator("#trend tbody tr", has_text=day).locator("td").all_text_contents()
    assert day.endswith(" 2026")
    assert shown
    assert all(number in tooltip for number in shown)
    axis = page.locator("#trend .role-axis-label text").all_text_contents()
    assert "9 Mar" in axis, "the days of UTC, wherever the reader is"
    assert "10 Mar" not in axis
    assert page.get_by_role("img", name="Open rate by day and channel").count() == 1


def test_campaigns_sort_find_and_open(report_file: Path, browse: Callable[..., Page]) -> None:
    page = browse(report_file)
    numbers = [int(text.replace(",", "")) for text in cells(page, 3)]
    assert numbers == sorted(numbers, reverse=True)
    opened_rate = page.locator("#campaigns-table").get_by_role("columnheader", name="Opened")
    opened_rate.get_by_role("button").press("Enter")
    expect(opened_rate).to_have_attribute("aria-sort", "descending")
    rates = [-1.0 if text == "–" else float(text.split()[0]) for text in cells(page, 5)]
    many = [rate for rate, sent in zip(rates, cells(page, 3), strict=True) if int(sent) >= 20]
    assert many == sorted(many, reverse=True) == rates[: len(many)], "rates of few messages come last"
    assert len(set(many)) > 3
    name = page.locator(".open-row").nth(2).inner_text()
    assert f"{name} (campaign " in str(page.locator(".open-row").nth(2).get_attribute("title"))
    page.get_by_label("Find").fill(name)
    expect(page.locator(".dt-info")).to_contain_text("(of ")
    assert set(page.locator(".open-row").all_inner_texts()) == {name}
    page.get_by_label("7 days", exact=True).check()
    assert page.get_by_label("Find").input_value() == name, "it is still looked for in another period"
    page.get_by_label("28 days").check()
    first = page.locator("#campaigns-table tbody tr").first
    sent = int(first.locator("td").nth(1).inner_text().replace(",", ""))
    first.get_by_role("button").press("Enter")
    assert first.get_by_role("button").get_attribute("aria-expanded") == "true"
    days = page.locator(".own tbody tr td:nth-child(2)").all_text_contents()
    assert sum(int(text.replace(",", "")) for text in days) == sent
    first.get_by_role("button").press("Enter")
    assert page.locator(".own").count() == 0


def test_many_days_are_drawn_by_the_week(built: Built, browse: Callable[..., Page], tmp_path: Path) -> None:
    early = "sent_on < '2026-02-10'"
    moved = f"UPDATE iterable__messages SET sent_on = sent_on - 300, sent_at = sent_at - INTERVAL 300 DAY WHERE {early}"
    _, embedded = report(changed(built, tmp_path, moved), tmp_path)
    assert len(embedded.data["series"]["week"]["projects"][""]["Email"]) > 40
    page = browse(tmp_path / "report.html", choice="#period=all&metric=open&channel=Email")
    assert page.locator("#trend-title").inner_text() == "Open rate by week, Email"
    assert "Week from Mon, 23 Feb 2026" in page.locator("#trend tbody th").all_text_contents()
    assert "2 Mar 2026" in str(page.locator("#trend tbody th").first.text_content()), "the last whole week"


@pytest.mark.parametrize("width", [1280, 768, 390])
@pytest.mark.parametrize("color_scheme", ["light", "dark"])
def test_it_fits_screens(report_file: Path, browse: Callable[..., Page], width: int, color_scheme: str) -> None:
    page = browse(report_file, width, color_scheme=color_scheme)
    page.locator("#trend svg").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    shown = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(int(part) for part in shown[4:-1].split(",")) > 600) is (color_scheme == "light")


def test_paper_has_the_tables_and_no_controls(report_file: Path, browse: Callable[..., Page]) -> None:
    page = browse(report_file, color_scheme="dark")
    shown = page.locator("#campaigns-table tbody tr").count()
    page.emulate_media(media="print")
    rows = page.locator("#campaigns-table tbody tr")
    rows.nth(shown).wait_for()
    for section in (
        "#tiles",
        "#trend svg",
        "#campaigns-table",
        "#people table",
        "#domains table",
        "#lists-table table",
    ):
        assert page.locator(section).is_visible(), section
    for control in ("#choice", ".dt-search", "#trend details"):
        assert not page.locator(control).is_visible(), control
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_names_cannot_break_the_page(built: Built, browse: Callable[..., Page], tmp_path: Path) -> None:
    name = NAME.replace("'", "''")
    database = changed(
        built,
        tmp_path,
        f"UPDATE iterable__campaigns SET campaign_name = '{name}'",
        f"UPDATE int_iterable__journeys SET workflow_name = '{name}'",
        f"UPDATE iterable__list_growth SET list_name = '{name}'",
        "INSERT INTO iterable__list_growth SELECT * REPLACE (counted_on - 1 AS counted_on) FROM iterable__list_growth",
    )
    text, _ = report(database, tmp_path)
    assert "<!--" not in text
    page = browse(tmp_path / "report.html")
    assert page.locator(".open-row").first.text_content() == NAME
    assert page.locator("#journeys tbody th").first.get_attribute("title") == NAME
    assert page.locator("#lists svg").get_by_text("Berlin").count() > 1
    page.locator("#lists svg").hover()
    assert NAME.split("\u2028")[0] in page.locator("#vg-tooltip-element").inner_text()
    assert page.locator("img[src=x]").count() == 0


def test_what_was_not_synced_has_nothing_to_show(built: Built, browse: Callable[..., Page], tmp_path: Path) -> None:
    kept = ("iterable__messages", "iterable__campaigns", "iterable__campaign_performance_daily")
    report(changed(built, tmp_path, *_emptied(built, *kept)), tmp_path)
    page = browse(tmp_path / "report.html")
    assert page.locator(".nothing").count() == 6, "journeys, skips, lists, experiments, reconciliation, late events"
    assert page.locator("#campaigns-table").is_visible()
    report(changed(built, _folder(tmp_path), *_emptied(built)), tmp_path)
    page = browse(tmp_path / "report.html")
    assert "no whole day of messages is loaded" in page.locator("#scope").inner_text()


def test_lists_counted_once_draw_no_line(built: Built, browse: Callable[..., Page], tmp_path: Path) -> None:
    one = "DELETE FROM iterable__list_growth WHERE counted_on < (SELECT max(counted_on) FROM iterable__list_growth)"
    report(changed(built, tmp_path, one), tmp_path)
    page = browse(tmp_path / "report.html")
    assert "counted on one day only" in page.locator("#lists").inner_text()
    assert page.locator("#lists-table tbody tr").count() > 3


def _emptied(built: Built, *kept: str) -> list[str]:
    """Statements that empty the models that are tables; views follow."""
    tables = built.rows("SELECT table_name AS name FROM duckdb_tables() WHERE schema_name = 'analytics'")
    return [f"DELETE FROM {row['name']}" for row in tables if row["name"] not in kept]


def _folder(folder: Path) -> Path:
    (folder / "other").mkdir()
    return folder / "other"

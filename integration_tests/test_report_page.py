"""The page in a browser: what a marketer reads, chooses, sorts, opens and prints."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from integration_tests.models import MODELS, Built
from integration_tests.test_models_commands import changed, report

pytestmark = pytest.mark.models

NAME = "<!--<script>%MADE%</script><img src=x onerror=alert(1)>\u2028Berlin"


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium."""
    executable = shutil.which("chromium")
    assert executable, "install a browser: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Opens a file; at the end no page may have said anything on its console or asked for anything but itself."""
    said: list[str] = []
    asked: list[str] = []
    context: dict[str, Any] = {"locale": "de-DE", "timezone_id": "America/Los_Angeles", "offline": True}

    def start(file: Path, width: int = 1280, choice: str = "", **more: Any) -> Page:
        page = chromium.new_context(**context, **more, viewport={"width": width, "height": 900}).new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{file.as_uri()}{choice}")
        return page

    yield start
    assert said == []
    assert all(url.startswith(("file://", "data:")) for url in asked), asked


@pytest.fixture(scope="session")
def file(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the sandbox's project."""
    folder = tmp_path_factory.mktemp("page")
    report(built.database, folder)
    return folder / "report.html"


def tile(page: Page, key: str) -> str:
    return page.locator(f".tile[data-key={key}]").inner_text().replace("\u00a0", " ")


def cells(page: Page, column: int) -> list[str]:
    return page.locator(f"#campaigns-table tbody td:nth-child({column})").all_inner_texts()


def test_a_choice_of_period_and_channel_holds_for_the_whole_page(file: Path, opened: Callable[..., Page]) -> None:
    page = opened(file)
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


def test_a_day_is_a_day_and_a_channel_without_opens_has_no_line(file: Path, opened: Callable[..., Page]) -> None:
    page = opened(file, choice="#period=7")
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


def test_campaigns_sort_find_and_open(file: Path, opened: Callable[..., Page]) -> None:
    page = opened(file)
    numbers = [int(text.replace(",", "")) for text in cells(page, 3)]
    assert numbers == sorted(numbers, reverse=True)
    opened_rate = page.locator("#campaigns-table").get_by_role("columnheader", name="Opened")
    opened_rate.get_by_role("button").press("Enter")
    expect(opened_rate).to_have_attribute("aria-sort", "descending")
    rates = [float(text.split()[0].rstrip("%")) for text in cells(page, 5) if text != "–"]
    assert rates == sorted(rates, reverse=True)
    assert len(set(rates)) > 3
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


def test_many_days_are_drawn_by_the_week(built: Built, opened: Callable[..., Page], tmp_path: Path) -> None:
    early = "sent_on < '2026-02-10'"
    moved = f"UPDATE iterable__messages SET sent_on = sent_on - 300, sent_at = sent_at - INTERVAL 300 DAY WHERE {early}"
    _, embedded = report(changed(built, tmp_path, moved), tmp_path)
    assert len(embedded.data["series"]["week"]["channels"]["Email"]) > 40
    page = opened(tmp_path / "report.html", choice="#period=all&metric=open&channel=Email")
    assert page.locator("#trend-title").inner_text() == "Open rate by week, Email"
    assert "Week from Mon, 23 Feb 2026" in page.locator("#trend tbody th").all_text_contents()
    assert "2 Mar 2026" in str(page.locator("#trend tbody th").first.text_content()), "the last whole week"


@pytest.mark.parametrize("width", [1280, 768, 390])
@pytest.mark.parametrize("color_scheme", ["light", "dark"])
def test_it_fits_screens(file: Path, opened: Callable[..., Page], width: int, color_scheme: str) -> None:
    page = opened(file, width, color_scheme=color_scheme)
    page.locator("#trend svg").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    shown = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(int(part) for part in shown[4:-1].split(",")) > 600) is (color_scheme == "light")


def test_paper_has_the_tables_and_no_controls(file: Path, opened: Callable[..., Page]) -> None:
    page = opened(file, color_scheme="dark")
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


def test_names_cannot_break_the_page(built: Built, opened: Callable[..., Page], tmp_path: Path) -> None:
    name = NAME.replace("'", "''")
    database = changed(
        built,
        tmp_path,
        f"UPDATE iterable__campaigns SET campaign_name = '{name}'",
        f"UPDATE iterable__journey_funnel SET workflow_name = '{name}'",
        f"UPDATE iterable__list_growth SET list_name = '{name}'",
        "INSERT INTO iterable__list_growth SELECT * REPLACE (counted_on - 1 AS counted_on) FROM iterable__list_growth",
    )
    text, _ = report(database, tmp_path)
    assert "<!--" not in text
    page = opened(tmp_path / "report.html")
    assert page.locator(".open-row").first.text_content() == NAME
    assert page.locator("#journeys tbody th").first.get_attribute("title") == NAME
    assert page.locator("#lists svg").get_by_text("Berlin").count() > 1
    page.locator("#lists svg").hover()
    assert NAME.split("\u2028")[0] in page.locator("#vg-tooltip-element").inner_text()
    assert page.locator("img[src=x]").count() == 0


def test_projects_have_names(built: Built, opened: Callable[..., Page], tmp_path: Path) -> None:
    half = [
        f"UPDATE {model} SET source_relation = CASE WHEN {key} % 2 = 0 THEN 'us' ELSE 'eu' END"
        for model, key in (
            ("iterable__campaigns", "campaign_id"),
            ("iterable__messages", "coalesce(campaign_id, 0)"),
            ("iterable__list_growth", "list_id"),
        )
    ]
    report(changed(built, tmp_path, *half), tmp_path)
    page = opened(tmp_path / "report.html")
    assert "Projects: eu (sends up to 10 Mar 2026" in page.locator("#scope").inner_text()
    names = page.locator(".open-row").all_inner_texts()
    assert {name[:4] for name in names} == {"us: ", "eu: "}
    assert all(text[:4] in ("us: ", "eu: ") for text in page.locator("#lists-table tbody th").all_inner_texts())


def test_what_was_not_synced_has_nothing_to_show(built: Built, opened: Callable[..., Page], tmp_path: Path) -> None:
    kept = ("iterable__messages", "iterable__campaigns")
    report(changed(built, tmp_path, *(f"DELETE FROM {name}" for name in MODELS if name not in kept)), tmp_path)
    page = opened(tmp_path / "report.html")
    assert page.locator(".nothing").count() == 3, "journeys, lists, late events"
    assert page.locator("#campaigns-table").is_visible()
    report(changed(built, _folder(tmp_path), *(f"DELETE FROM {name}" for name in MODELS)), tmp_path)
    page = opened(tmp_path / "report.html")
    assert "no whole day of messages is loaded" in page.locator("#scope").inner_text()


def test_lists_counted_once_draw_no_line(built: Built, opened: Callable[..., Page], tmp_path: Path) -> None:
    one = "DELETE FROM iterable__list_growth WHERE counted_on < (SELECT max(counted_on) FROM iterable__list_growth)"
    report(changed(built, tmp_path, one), tmp_path)
    page = opened(tmp_path / "report.html")
    assert "counted on one day only" in page.locator("#lists").inner_text()
    assert page.locator("#lists-table tbody tr").count() > 3


def test_experiments_and_reconciliation_if_there_are_any(
    built: Built, file: Path, opened: Callable[..., Page], tmp_path: Path
) -> None:
    titles = ("Experiments", "Does it agree with Iterable?")
    models = (
        """
        CREATE OR REPLACE TABLE iterable__metric_reconciliation AS
        SELECT 'campaigns_metrics' AS report, '' AS source_relation, id AS campaign_id,
            'Unique Email Opens' AS iterable_metric, ours, 12 AS iterables,
            ours - 12 AS difference, because AS not_comparable_because, reason AS likely_reason
        FROM (VALUES (7, 12, NULL, NULL), (8, 15, NULL, 'machines'), (9, 1, 'it began before the first loaded send', NULL))
            AS figures(id, ours, because, reason)
        """,
        """
        CREATE OR REPLACE TABLE iterable__experiments AS
        SELECT '' AS source_relation, 5 AS experiment_id, 'Subject lines' AS experiment_name, n AS variant_id,
            'finished' AS status, 'Variant ' || n AS variant_name, n = 1 AS is_control, n = 2 AS is_winner,
            NULL::TIMESTAMP AS started_at, 100 AS sent, 0.25 AS open_rate,
            0.125 AS click_rate, 0.5 AS click_to_open_rate, 0.0 AS unsubscribe_rate
        FROM range(1, 3) AS variants(n)
        """,
    )
    report(changed(built, tmp_path, *models), tmp_path)
    page = opened(tmp_path / "report.html")
    assert all(page.get_by_role("heading", name=title).is_visible() for title in titles)
    rows = page.locator("#reconciliation tbody tr").all_inner_texts()
    assert rows[0].split("\t") == [" (8)", "Unique Email Opens", "15", "12", "3", "machines"]
    assert len(rows) == 2
    assert page.locator("#compared-figures").inner_text() == (
        "1 different; 1 equal; 1 it began before the first loaded send."
    )
    assert "winner" in page.locator("#experiments tbody tr").nth(1).inner_text()
    assert "25.0" in page.locator("#experiments tbody tr").nth(1).inner_text()
    without = [f"DROP TABLE IF EXISTS {name}" for name in ("iterable__metric_reconciliation", "iterable__experiments")]
    report(changed(built, _folder(tmp_path), *without), tmp_path)
    page = opened(tmp_path / "report.html")
    assert not any(page.get_by_role("heading", name=title).is_visible() for title in titles)


def _folder(folder: Path) -> Path:
    (folder / "other").mkdir()
    return folder / "other"

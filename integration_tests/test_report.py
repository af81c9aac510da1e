"""The page of charts: what it shows, that it needs nothing but itself, and that its charts can be drawn."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import duckdb
import pytest

from integration_tests.models import BIN, MODELS, Built
from integration_tests.test_models_commands import Page, report

pytestmark = pytest.mark.models

# Draws every chart with the library that the page has inlined.
DRAW = "import json, sys, vl_convert; print(json.dumps([vl_convert.vegalite_to_svg(each) for each in json.load(sys.stdin)]))"
NOTHING = "There is nothing to show"


def drawn(page: Page) -> list[str]:
    done = subprocess.run(
        [str(BIN / "python"), "-c", DRAW],
        input=json.dumps([{**spec, "width": 600} for spec in page.specs.values()]),
        capture_output=True,
        text=True,
        check=True,
    )
    pictures: list[str] = json.loads(done.stdout)
    return pictures


def test_the_page_has_all_charts_and_their_numbers(built: Built, tmp_path: Path) -> None:
    text, page = report(built.database, tmp_path)
    assert page.headings == [
        "Sends, opens and clicks by day",
        "Messages sent by channel",
        "Messages opened by channel",
        "Messages clicked by channel",
        "Open and click rates of campaigns",
        "How far users get in journeys",
        "List sizes by day",
        "Bounces by domain",
        "Events stored late",
    ]
    assert NOTHING not in text
    sent = built.rows("SELECT count(*) AS n FROM iterable__messages WHERE message_medium = 'Email'")[0]["n"]
    rows = page.specs["sent"]["data"]["values"]
    assert sum(row["messages"] for row in rows if row["channel"] == "Email") == sent
    assert {row["day"] for row in rows} >= {"2026-03-01", "2026-03-02"}
    assert "2026-03-01" in page.cells
    pictures = drawn(page)
    assert len(pictures) == 9
    assert all(picture.count("<path") > 3 for picture in pictures)


def test_the_page_needs_nothing_but_itself(built: Built, tmp_path: Path) -> None:
    text, page = report(built.database, tmp_path)
    assert page.loads == ["link data:,"]
    assert "default-src 'none'" in text, "the browser refuses what a chart's library might want to load"


def test_only_its_owner_can_read_a_new_page(built: Built, tmp_path: Path) -> None:
    report(built.database, tmp_path)
    file = tmp_path / "report.html"
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o644)
    report(built.database, tmp_path)
    assert file.stat().st_mode & 0o777 == 0o644, "as its owner wants it"


def test_days_are_those_of_utc(built: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, page = report(built.database, tmp_path)
    spec = page.specs["sent"]
    days = ("2026-03-09", "2026-03-10")
    spec["data"]["values"] = [row for row in spec["data"]["values"] if row["day"] in days]
    page.specs = {"sent": spec}
    monkeypatch.setenv("TZ", "America/Los_Angeles")
    (picture,) = drawn(page)
    assert "9 Mar" in picture
    assert "10 Mar" in picture
    assert "8 Mar" not in picture


def test_names_cannot_break_the_page(built: Built, tmp_path: Path) -> None:
    file = tmp_path / "names.duckdb"
    name = "<!--<script>%MADE%</script><img src=x onerror=alert(1)>"
    with duckdb.connect(str(file)) as database:
        database.execute(f"ATTACH '{built.database}' AS source (READ_ONLY)")
        database.execute("COPY FROM DATABASE source TO names")
        database.execute("UPDATE names.analytics.iterable__campaign_performance SET campaign_name = ?", [name])
        # JavaScript's line separator, which would end a text in an expression of Vega's.
        database.execute("UPDATE names.analytics.iterable__list_growth SET list_name = ?", ["VIP\u2028Berlin"])
    text, page = report(str(file), tmp_path)
    assert "VIP\u2028Berlin" in drawn(page)[list(page.specs).index("lists")]
    assert page.loads == ["link data:,"]
    assert page.specs["campaigns"]["data"]["values"][0]["campaign"].endswith(name)
    assert "<!--" not in text


def test_what_was_not_synced_has_nothing_to_show(built: Built, tmp_path: Path) -> None:
    file = tmp_path / "tables.duckdb"
    with duckdb.connect(str(file)) as database:
        database.execute(f"ATTACH '{built.database}' AS source (READ_ONLY)")
        database.execute("COPY FROM DATABASE source TO tables")
        for name in MODELS:
            if name not in ("iterable__messages", "iterable__campaign_performance"):
                database.execute(f"DELETE FROM tables.analytics.{name}")
    text, page = report(str(file), tmp_path)
    assert len(page.headings) == 9
    assert set(page.specs) == {"activity", "sent", "opened", "clicked", "campaigns"}
    assert text.count(NOTHING) == 4
    assert len(drawn(page)) == 5


def test_days_without_messages_count_as_none_and_many_days_by_the_week(built: Built, tmp_path: Path) -> None:
    file = tmp_path / "gaps.duckdb"
    with duckdb.connect(str(file)) as database:
        database.execute(f"ATTACH '{built.database}' AS source (READ_ONLY)")
        database.execute("COPY FROM DATABASE source TO gaps")
        database.execute(
            "DELETE FROM gaps.analytics.iterable__messages WHERE sent_on BETWEEN '2026-02-10' AND '2026-02-14'"
        )
    _, page = report(str(file), tmp_path)
    sent = {(row["day"], row["what"]): row["messages"] for row in page.specs["activity"]["data"]["values"]}
    assert sent["2026-02-09", "sent"] > 0
    assert [sent[f"2026-02-1{day}", "sent"] for day in range(5)] == [0] * 5
    everything = sum(number for (_, what), number in sent.items() if what == "sent")
    with duckdb.connect(str(file)) as database:
        late = "(SELECT min(event_id) FROM gaps.analytics.iterable__events WHERE stored_at IS NOT NULL)"
        database.execute(
            f"UPDATE gaps.analytics.iterable__events SET created_on = '2099-01-01' WHERE event_id = {late}"
        )
        database.execute(
            "UPDATE gaps.analytics.iterable__messages SET sent_on = sent_on - 300 WHERE sent_on < '2026-02-10'"
        )
    _, page = report(str(file), tmp_path)
    weeks = [row for row in page.specs["activity"]["data"]["values"] if row["what"] == "sent"]
    assert sum(row["messages"] for row in weeks) == everything
    assert 40 < len(weeks) < 60
    picture = drawn(page)[1]
    assert all(medium in picture for medium in ("Email", "Push", "SMS")), "the legend is there without points, too"
    assert max(row["day"] for row in page.specs["late"]["data"]["values"]) < "2027", (
        "a wrong clock makes no axis of 70 years"
    )
    assert "2026-03-09" in {row["day"] for row in weeks}, "a Monday"

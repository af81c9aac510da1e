"""The backfill of campaigns_metrics_daily: old days in ranges, for so many minutes a sync, wherever a sync ends."""

from __future__ import annotations

import itertools
import logging
from datetime import date
from typing import Any

import pytest

from integration_tests.connector import Sync, config_for, sync
from integration_tests.sandbox import Fault, RequestLogEntry, Sandbox
from integration_tests.test_streams_daily import (
    DAY,
    METRICS,
    TODAY,
    Record,
    a_sandbox,
    asked,
    by_key,
    days_asked,
    number,
    the_days,
    truth,
)
from source_iterable.streams import daily_metrics


def cut_off(sandbox: Sandbox, config: Record, state: list[dict[str, Any]], at: date) -> Sync:
    """A sync that ends at a day."""
    fault = Fault(
        METRICS, "status", status=400, times=None, when=lambda e: e.query["startDateTime"] == [at.isoformat()]
    )
    sandbox.add_fault(fault)
    result = sync(config, ["campaigns_metrics_daily"], state)
    sandbox.clear_faults()
    assert "campaigns_metrics_daily" in result.errors
    return result


def test_a_backfill_that_was_cut_off_goes_on() -> None:
    with a_sandbox() as sandbox:
        config = config_for(sandbox, days=100, metrics_days=50)
        first = cut_off(sandbox, config, [], TODAY - 10 * DAY)
        assert first.states["campaigns_metrics_daily"] == {
            "date": "2026-03-10",
            "read": [["2026-03-01", "2026-03-08"]],
        }
        # Five days later the next one continues upwards from there, and is cut off as well.
        sandbox.advance(5 * 86_400)
        second = cut_off(sandbox, config, first.state, TODAY + DAY)
        assert second.states["campaigns_metrics_daily"]["read"] == [["2026-03-01", "2026-03-10"]]
        sandbox.clear_requests()
        third = sync(config, ["campaigns_metrics_daily"], second.state)
        assert third.failure is None
        newer = the_days(sandbox.now().date(), 5)[::-1]
        assert days_asked(sandbox.requests)[:20] == newer + the_days(date(2026, 2, 28), 15)
        assert asked(sandbox.requests)[20][:2] == (date(2026, 1, 25), date(2026, 2, 13))
        records = [r for each in (first, second, third) for r in each.records["campaigns_metrics_daily"]]
        assert by_key(records) == truth(sandbox, sandbox.now().date() - 49 * DAY)
        assert third.states["campaigns_metrics_daily"]["read"] == [["2026-01-25", "2026-03-13"]]


def test_old_days_are_asked_for_campaigns_that_have_numbers_only() -> None:
    with a_sandbox(campaigns=150, days=400) as sandbox:
        result = sync(config_for(sandbox, days=330, metrics_days=330), ["campaigns_metrics_daily"])
        expected, requests = truth(sandbox, TODAY - 329 * DAY), asked(sandbox.requests)
        # Of the newer campaigns that a range is about, some have zeros in it, some empty cells, and some no row.
        shown = {int(row["id"]): len(row) for row in sandbox.metrics("2025-04-15", "2025-07-15")}
    assert result.failure is None
    assert by_key(result.records["campaigns_metrics_daily"]) == expected
    old = TODAY - 30 * DAY
    ranges = [each for each in requests if each[0] < each[1]]
    assert ranges[0][:2] == (TODAY - 329 * DAY, old)
    singly = {(campaign, day.isoformat()) for day, last, ids in requests if day == last <= old for campaign in ids}
    everything = {
        (campaign, day.isoformat()) for first, last, ids in ranges for campaign in ids for day in span(first, last)
    }
    assert {key for key in expected if key[1] <= old.isoformat()} <= singly < everything
    assert min(shown.values()) == 1
    assert len(shown) < 150


def test_days_are_asked_for_where_iterable_does_not_report_on_ranges() -> None:
    def is_range(entry: RequestLogEntry) -> bool:
        first, end = (date.fromisoformat(entry.query[name][0]) for name in ("startDateTime", "endDateTime"))
        return end - first > DAY

    with a_sandbox(campaigns=20, days=100) as sandbox:
        sandbox.add_fault(Fault(METRICS, "status", status=400, times=None, when=is_range))
        result = sync(config_for(sandbox, days=90, metrics_days=50), ["campaigns_metrics_daily"])
        expected = truth(sandbox, TODAY - 49 * DAY)
    assert result.failure is None
    assert by_key(result.records["campaigns_metrics_daily"]) == expected


def span(first: date, last: date) -> list[date]:
    return [first + n * DAY for n in range((last - first).days + 1)]


class Hours:
    """Stands in for the module `time`: an hour passes whenever anyone looks."""

    monotonic = itertools.count(0.0, 3_600.0).__next__


def test_a_sync_spends_so_many_minutes_on_old_days_and_the_next_one_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(daily_metrics, "time", Hours)
    caplog.set_level(logging.INFO)
    with a_sandbox(campaigns=20) as sandbox:
        config = config_for(sandbox, days=100, metrics_days=34)
        expected = truth(sandbox, TODAY - 33 * DAY)
        records: list[Record] = []
        state: list[dict[str, Any]] = []
        said = []
        while not said or said[-1]:
            sandbox.clear_requests()
            caplog.clear()
            result = sync(config, ["campaigns_metrics_daily"], state)
            assert result.failure is None
            requests = [each for each in asked(sandbox.requests) if each[0] < TODAY - 2 * DAY]
            assert {*the_days(TODAY, 3)} <= {*days_asked(sandbox.requests)}, "new days come first, and all of them"
            assert len(requests) <= 1
            records += result.records["campaigns_metrics_daily"]
            state = result.state
            said.append("".join(each.message for each in caplog.records if "metrics_backfill_minutes" in each.message))
    assert by_key(records) == expected
    assert said[0] == (
        "campaigns_metrics_daily: 30 minutes (metrics_backfill_minutes) were spent on old days: all days since 2026-03-07 "
        "are read. The next sync continues, back to 2026-02-05."
    )
    assert result.states["campaigns_metrics_daily"] == {"date": "2026-03-10", "read": [["2026-02-05", "2026-03-08"]]}


def test_a_full_refresh_reads_everything_at_once_and_says_how_long_that_takes(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(daily_metrics, "time", Hours)
    caplog.set_level(logging.INFO)
    with a_sandbox(campaigns=20) as sandbox:
        config = config_for(sandbox, days=100, metrics_days=34)
        result = sync(config, ["campaigns_metrics_daily"], mode="full_refresh")
        assert by_key(result.records["campaigns_metrics_daily"]) == truth(sandbox, TODAY - 33 * DAY)
        sent = sum(each["campaignState"] not in ("Draft", "Scheduled") for each in sandbox.truth_list("campaigns"))
    said = [each.message for each in caplog.records if "full refresh" in each.message]
    minutes = "0 to 0 minutes"  # a thousand times faster than Iterable's limits
    assert said == [
        "campaigns_metrics_daily: a full refresh reads all 34 days at once, without a limit: "
        f"{minutes} for {sent} campaigns that were sent."
    ]


def test_raising_metrics_days_later_reads_the_days_before() -> None:
    with a_sandbox() as sandbox:
        state = sync(config_for(sandbox, days=100, metrics_days=5), ["campaigns_metrics_daily"]).state
        sandbox.clear_requests()
        sync(config_for(sandbox, days=100, metrics_days=8), ["campaigns_metrics_daily"], state)
        assert days_asked(sandbox.requests) == the_days(TODAY, 3)[::-1] + the_days(TODAY - 5 * DAY, 3)


def test_days_after_a_long_pause_are_new_and_asked_for_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daily_metrics, "time", Hours)
    with a_sandbox(campaigns=20) as sandbox:
        config = config_for(sandbox, days=100, metrics_days=60)
        state = sync({**config, "metrics_days": 3}, ["campaigns_metrics_daily"]).state
        sandbox.advance(40 * 86_400)
        sandbox.clear_requests()
        result = sync(config, ["campaigns_metrics_daily"], state)
        assert asked(sandbox.requests)[0][:2] == (TODAY - DAY, TODAY - DAY)
        assert days_asked(sandbox.requests)[:42] == the_days(TODAY + 40 * DAY, 42)[::-1]
        assert result.states["campaigns_metrics_daily"]["read"][0][1] == (TODAY + 38 * DAY).isoformat()


def test_incremental_metrics_of_campaigns_become_those_of_iterable() -> None:
    with a_sandbox(campaigns=150, days=90) as sandbox:
        config = {**config_for(sandbox, days=90), "start_date": "2025-12-10T00:00:00Z"}
        sandbox.advance(30 * 86_400)
        latest: dict[int, Record] = {}
        state: list[dict[str, Any]] = []
        counts = []
        for _ in range(8):
            result = sync(config, ["campaigns_metrics"], state)
            assert result.failure is None
            state = result.state
            records = result.records["campaigns_metrics"]
            counts.append(len(records))
            assert all(each["countedAt"] >= latest.get(each["id"], each)["countedAt"] for each in records)
            latest |= {each["id"]: each for each in records}
            sandbox.advance(86_400)
        sandbox.advance(-86_400)
        assert {id: each["data"] for id, each in latest.items()} == {
            int(row["id"]): {name: number(cell) for name, cell in row.items()} for row in sandbox.metrics("2025-12-10")
        }
    assert max(counts[1:]) < 0.8 * counts[0]

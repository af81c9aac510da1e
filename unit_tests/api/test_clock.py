"""The clock: Iterable's time as responses tell it, and now, which is never later than that."""

from __future__ import annotations

import logging
from datetime import datetime, timezone
from email.utils import formatdate

import pytest

from source_iterable.api.clock import Clock, http_date

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc).timestamp()


HOUR = 3600.0


class Time:
    """A machine's clocks, the first of which is `off` by some seconds."""

    def __init__(self, off: float = 0.0) -> None:
        self.off, self.passed = off, 0.0

    @property
    def true(self) -> float:
        return NOON + self.passed

    def clock(self) -> Clock:
        return Clock(logging.getLogger("test"), lambda: self.true + self.off, lambda: 1000.0 + self.passed)


def headers(seconds: float, **more: str) -> dict[str, str]:
    return {"Date": formatdate(seconds, usegmt=True), **more}


@pytest.mark.parametrize("off", [3 * HOUR, 61.0, 0.0, -61.0, -3 * HOUR])
def test_now_is_the_earlier_of_both_clocks_however_long_ago_a_response_came(off: float) -> None:
    time = Time(off)
    clock = time.clock()
    clock.hear(headers(time.true))
    time.passed += 5 * HOUR
    assert clock.now() == time.true + min(off, 0.0)
    assert clock.at_iterable() == time.true


def test_the_latest_time_counts() -> None:
    time = Time(3 * HOUR)
    clock = time.clock()
    clock.hear(headers(time.true - HOUR))
    assert clock.now() == time.true - HOUR, "earlier than it is: what is missed now is read by the next sync"
    clock.hear(headers(time.true))
    clock.hear(headers(time.true - 2 * HOUR))
    assert clock.now() == time.true


def test_a_time_in_the_future_is_not_believed() -> None:
    time = Time()
    clock = time.clock()
    clock.hear(headers(time.true + 9 * HOUR))
    assert clock.now() == time.true


@pytest.mark.parametrize(
    ("age", "counted"), [("7200", 7200), (" 0 ", 0), ("-5", 0), ("1.5", 0), ("soon", 0), ("", 0), ("9" * 12, 0)]
)
def test_a_response_of_a_cache_tells_when_it_was_made(age: str, counted: int) -> None:
    time = Time(3 * HOUR)
    clock = time.clock()
    clock.hear(headers(time.true - 7200, Age=age))
    assert clock.now() == time.true - 7200 + counted


@pytest.mark.parametrize(
    "date", [None, "", "now", "2026-03-01T12:00:00Z", "Fri, 31 Dec 9999 23:59:59 GMT", "Sun, 1 Mar"]
)
def test_without_a_date_the_machines_time_counts(date: str | None, caplog: pytest.LogCaptureFixture) -> None:
    time = Time(3 * HOUR)
    clock = time.clock()
    assert not clock.has_heard
    clock.hear({} if date is None else {"Date": date})
    assert clock.has_heard
    assert clock.now() == clock.at_iterable() == time.true + 3 * HOUR
    assert not caplog.records


@pytest.mark.parametrize(
    ("off", "told"), [(3 * HOUR, "10,800 seconds ahead of"), (-61.0, "61 seconds behind"), (60.0, ""), (-60.0, "")]
)
def test_a_clock_that_is_a_minute_off_is_told_once(off: float, told: str, caplog: pytest.LogCaptureFixture) -> None:
    time = Time(off)
    clock = time.clock()
    for _ in range(3):
        clock.hear(headers(time.true))
        time.passed += 100.0
    assert [told in record.message for record in caplog.records] == ([True] if told else [])
    if told:
        assert "2026-03-01T12:00:00+00:00 there" in caplog.text


@pytest.mark.parametrize(
    "text", ["Sun, 01 Mar 2026 12:00:00 GMT", "Sunday, 01-Mar-26 12:00:00 GMT", "Sun, 1 Mar 2026 12:00:00 -0000"]
)
def test_dates_of_headers_are_in_utc(text: str) -> None:
    assert http_date(text) == NOON

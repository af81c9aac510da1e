"""Rereading: late events are found, nothing else is written twice, and the state stays small."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
import requests_mock
from hypothesis import given, settings
from hypothesis import strategies as st

from source_iterable.config import Config, ConfigError
from source_iterable.exports.windows import UNIT_BYTES, Window, WindowPlan
from source_iterable.reading.fingerprints import BUCKET
from source_iterable.reading.rereading import Rereading
from source_iterable.records.batch import RecordBatch, batch_of
from source_iterable.streams.table import STREAMS
from unit_tests.contexts import ROOT, a_context, gather

DAY = 86_400
NOW = 1_800_000_000
KILOBYTE = 1024


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat()


def opens(*times: float, data: Any = None) -> RecordBatch:
    """Events of these times, which are their ids, too."""
    events = (
        {"_event_id": f"{int(time * 7919):032x}"[::-1], "createdAt": iso(time), "data": data or {}} for time in times
    )
    return batch_of("email_open", events)


class Iterable:
    """What is in Iterable, by time, cut into windows of a few hours."""

    def __init__(self, *times: float) -> None:
        self.times = list(times)
        self.asked: list[tuple[int, int]] = []

    def windows(self, plan: WindowPlan) -> Iterator[tuple[Window, RecordBatch | None]]:
        window = plan.cut(UNIT_BYTES)
        self.asked.append((window.start, window.end))
        for start in range(window.start, window.end, 5000):
            part = Window(start, min(start + 5000, window.end))
            yield part, opens(*(time for time in self.times if part.start <= time < part.end))
            yield part, None


class Syncs:
    """Syncs of one stream, one after another."""

    def __init__(self, iterable: Iterable, days: int = 7, first: int = NOW - 100 * DAY) -> None:
        self.iterable, self.days, self.first = iterable, days, first
        self.state: Any = None
        self.cursor: int | None = None
        self.written: list[float] = []

    def sync(self, now: int) -> list[float]:
        """One sync; returns the times of the events that it has written again."""
        again = Rereading(self.state, self.days, self.cursor, self.first, now)
        start = self.first if self.cursor is None else self.cursor
        while start < now:
            for window, batch in self.iterable.windows(WindowPlan(start, now)):
                if batch is not None:
                    again.note_new(window, batch)
                    self.written += times_in(batch)
                start = window.end
        self.cursor = now
        repeated = (
            [time for batch in again.read(self.iterable.windows, now) for time in times_in(batch)]
            if again.is_due
            else []
        )
        self.state = json.loads(json.dumps(again.state))
        self.written += repeated
        return repeated


def times_in(batch: RecordBatch) -> list[float]:
    return [datetime.fromisoformat(record["createdAt"]).timestamp() for record in batch.records()]


def test_a_late_event_is_written_with_its_hour_and_nothing_else() -> None:
    hourly = [NOW - 10 * DAY + 3600.5 * number for number in range(230)]
    iterable = Iterable(*hourly)
    syncs = Syncs(iterable)
    assert syncs.sync(NOW) == []
    late = hourly[180] + 10
    iterable.times.append(late)
    assert sorted(syncs.sync(NOW + DAY)) == [hourly[180], late]
    assert syncs.sync(NOW + 2 * DAY) == []
    assert sorted(set(syncs.written)) == sorted(iterable.times)


def test_it_happens_once_a_day() -> None:
    iterable = Iterable(NOW - 1000)
    syncs = Syncs(iterable)
    syncs.sync(NOW)
    iterable.times.append(NOW - 5000)
    for hours in (1, 2, 12, 22):
        assert syncs.sync(NOW + hours * 3600) == []
    assert syncs.sync(NOW + DAY - 60) == [NOW - 5000]
    iterable.times.append(NOW - 9000)
    for hours in (25, 30, 46):
        assert syncs.sync(NOW + hours * 3600) == []
    assert syncs.sync(NOW + 2 * DAY) == [NOW - 9000]


@given(
    st.lists(st.tuples(st.integers(0, 20 * DAY), st.integers(0, 7 * DAY - 1)), max_size=40),
    st.lists(st.integers(600, 2 * DAY), min_size=5, max_size=25),
    st.integers(1, 30),
)
@settings(max_examples=40)
def test_whatever_comes_late_is_written_in_the_end(events: list[tuple[int, int]], pauses: list[int], days: int) -> None:
    """Each event is seen once it is late by so many seconds; at the end, a sync comes after everything."""
    iterable = Iterable()
    syncs = Syncs(iterable, days, NOW)
    now = NOW + 10
    for pause in [*pauses, 30 * DAY]:
        shown = {
            NOW + time for time, late in events if NOW + time + min(late, days * DAY - 1) <= now and NOW + time < now
        }
        iterable.times = sorted(shown)
        before = set(syncs.written)
        repeated = syncs.sync(now)
        hours = {time // BUCKET for time in set(syncs.written) - before}
        again = [time for time in repeated if time in before]
        assert len(again) == len(set(again))
        assert {time // BUCKET for time in again} <= hours
        assert len(json.dumps(syncs.state)) < 16 * KILOBYTE
        now += pause
    now = max(now, NOW + 31 * DAY)
    iterable.times = sorted({NOW + time for time, _ in events})
    syncs.state["at"] = iso(NOW - DAY)
    syncs.sync(now)
    assert sorted(set(syncs.written)) == iterable.times


@pytest.mark.parametrize("days", [1, 2, 3, 7, 10, 16, 30])
def test_the_state_stays_small(days: int) -> None:
    often = [NOW - 220 * number for number in range(1, (days + 1) * DAY // 220)]
    syncs = Syncs(Iterable(*often), days)
    syncs.sync(NOW)
    assert len(json.dumps(syncs.state)) < 11 * KILOBYTE
    # Weeks without a sync.
    syncs.iterable.times += [NOW + 220 * number for number in range(31 * DAY // 220)]
    again = Rereading(syncs.state, days, syncs.cursor, syncs.first, NOW + 40 * DAY)
    for window, batch in syncs.iterable.windows(WindowPlan(NOW, NOW + 31 * DAY)):
        if batch is not None:
            again.note_new(window, batch)
    assert len(json.dumps(again.state)) < 16 * KILOBYTE


def test_an_idle_stream_has_next_to_no_state() -> None:
    syncs = Syncs(Iterable())
    syncs.sync(NOW)
    assert len(json.dumps(syncs.state)) < 150


@pytest.mark.parametrize(
    "state",
    [None, {}, [], 7, {"at": "yesterday"}, {"at": 5, "start": iso(0), "seconds": 900, "sums": ""}]
    + [
        {"start": start, "seconds": seconds, "sums": sums}
        for start, seconds, sums in [
            (iso(NOW - DAY), 900, ""),
            (iso(0), 0, ""),
            (iso(0), "900", ""),
            (iso(0), 901, ""),
            (iso(0), 900, "?"),
            (iso(0), 900, "AAAA"),
            (iso(0), 900, None),
            ("1970-01-01T00:00:00", 900, ""),
        ]
    ],
)
def test_a_state_without_fingerprints_gets_them_and_all_that_is_not_known_is_written(state: Any) -> None:
    iterable = Iterable(*(NOW - DAY * number - 10 for number in range(20)))
    syncs = Syncs(iterable)
    syncs.state, syncs.cursor = state, NOW
    if isinstance(state, dict) and "seconds" in state and state["start"] == iso(NOW - DAY):
        syncs.state["start"] = iso((NOW - DAY) // 900 * 900)
    repeated = syncs.sync(NOW + 60)
    assert set(repeated) >= {NOW - DAY * number - 10 for number in range(7)}
    assert syncs.sync(NOW + DAY) == [], "now it has them"


def test_what_is_too_old_to_be_read_again_leaves_the_state() -> None:
    syncs = Syncs(Iterable(*(NOW - 600 * number for number in range(1, 5000))), days=3)
    syncs.sync(NOW)
    before = len(json.dumps(syncs.state))
    for day in range(1, 9):
        syncs.sync(NOW + day * DAY)
    assert len(json.dumps(syncs.state)) < 200 < before


def test_an_earlier_end_writes_nothing_again() -> None:
    """As when lookback_window is raised."""
    syncs = Syncs(Iterable(*(NOW - 60 * number for number in range(20_000))))
    syncs.sync(NOW)
    for number in (1, 2):
        now = NOW + number * DAY
        again = Rereading(syncs.state, 7, NOW, syncs.first, now)
        assert again.is_due
        assert sum(batch.count for batch in again.read(syncs.iterable.windows, NOW - 3 * 3600 - 77)) == 0
        syncs.state = again.state
    assert syncs.sync(NOW + 3 * DAY) == []


def test_the_first_time_is_due_until_it_is_done() -> None:
    first = Rereading(None, 7, NOW - 60, 0, NOW)
    killed = Rereading(first.state, 7, NOW - 30, 0, NOW + 60)
    assert killed.is_due
    list(killed.read(Iterable().windows, NOW))
    assert not Rereading(killed.state, 7, NOW, 0, NOW + 120).is_due


def test_more_days_write_what_was_not_known_and_fewer_write_nothing() -> None:
    times = [NOW - DAY * number - 10 for number in range(40)]
    syncs = Syncs(Iterable(*times))
    syncs.sync(NOW)
    syncs.days = 30
    repeated = syncs.sync(NOW + DAY)
    assert set(repeated) == {time for time in times if NOW - 30 * DAY <= time < NOW - 7 * DAY}
    syncs.days = 2
    assert syncs.sync(NOW + 2 * DAY) == []
    syncs.iterable.times.append(NOW + 100)
    assert syncs.sync(NOW + 3 * DAY) == [NOW + 100]


def test_deleted_events_are_no_reason_to_write() -> None:
    syncs = Syncs(Iterable(NOW - 1000, NOW - 90_000))
    syncs.sync(NOW)
    syncs.iterable.times = [NOW - 90_000]
    asked = len(syncs.iterable.asked)
    assert syncs.sync(NOW + DAY) == []
    assert len(syncs.iterable.asked) == asked + 2, "what is new, and one window again"


def test_nothing_before_the_start_date_is_read() -> None:
    syncs = Syncs(Iterable(NOW - 3 * DAY), first=NOW - 2 * DAY - 77)
    syncs.sync(NOW)
    syncs.sync(NOW + DAY)
    assert min(start for start, _ in syncs.iterable.asked) == NOW - 2 * DAY - 77


def test_events_without_a_time_are_written_again() -> None:
    record = {"_event_id": "0" * 32, "data": {"createdAt": "soon"}}
    stray = batch_of("email_open", [record])

    def windows(plan: WindowPlan) -> Iterator[tuple[Window, RecordBatch | None]]:
        yield plan.cut(UNIT_BYTES), stray

    again = Rereading(None, 7, NOW, 0, NOW + DAY)
    assert sum(batch.count for batch in again.read(windows, NOW + DAY)) == 1


def test_an_event_of_another_time_does_not_spoil_the_fingerprints() -> None:
    syncs = Syncs(Iterable(*(NOW - 1000 * number for number in range(1, 400))))
    windows = syncs.iterable.windows
    odd = opens(253_402_000_000, 0)

    def with_odd_ones(plan: WindowPlan) -> Iterator[tuple[Window, RecordBatch | None]]:
        for window, batch in windows(plan):
            yield window, batch
            if batch is not None:
                yield window, odd

    syncs.iterable.windows = with_odd_ones  # type: ignore[method-assign]
    syncs.sync(NOW)
    assert syncs.state["seconds"] == 3600
    assert set(syncs.sync(NOW + DAY)) == {253_402_000_000, 0}, "nobody knows whether these were written"


@pytest.mark.parametrize("value", [-1, 31, 1.5, True, "soon"])
def test_the_option_is_a_number_of_days(value: Any) -> None:
    with pytest.raises(ConfigError, match="reread_window"):
        Config.parse({"api_key": "k", "start_date": "2024-01-01T00:00:00Z", "reread_window": value})


def test_what_fails_while_reading_again_is_done_the_next_time(caplog: pytest.LogCaptureFixture) -> None:
    cursor = time.time() - 3600
    event = {"createdAt": iso(int(cursor) - DAY), "email": "bob@example.com"}
    state = {"createdAt": iso(int(cursor))}
    with requests_mock.Mocker() as server, caplog.at_level(logging.INFO), a_context(reread_window=3) as context:
        answers = [{"text": ""}, {"status_code": 400, "json": {"code": "BadParams", "msg": "no"}}]
        server.get(f"{ROOT}export/data.json", answers)
        server.post(f"{ROOT}export/start", status_code=400, json={"code": "BadParams", "msg": "no"})
        done = gather(STREAMS["email_open"].read(context, state))
        assert done.error is not None
        (after,) = done.states
        assert after["createdAt"] > state["createdAt"], "what is new was read, and is kept"
    with requests_mock.Mocker() as server, a_context(reread_window=3) as context:
        server.get(f"{ROOT}export/data.json", text=json.dumps(event))
        after["reread"]["at"] = iso(cursor - 2 * DAY)
        done = gather(STREAMS["email_open"].read(context, {**after, "createdAt": state["createdAt"]}))
    assert done.error is None
    assert len(done.records) >= 2

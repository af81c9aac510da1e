"""Days: whatever a sync comes to, every day is read, and read again while its numbers move."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from source_iterable.errors import ConfigError
from source_iterable.reading.days import Days, is_ahead, must_be_readable

TODAY, DAY = date(2026, 3, 10), timedelta(days=1)
# Days between two syncs, days that the configuration lets be read, and after how many days each is cut off.
syncs = some.lists(some.tuples(some.integers(0, 9), some.integers(1, 40), some.integers(0, 45)), min_size=1, max_size=8)


@given(syncs)
def test_every_day_is_read_when_its_numbers_no_longer_move(plan: list[tuple[int, int, int]]) -> None:
    now, state = TODAY, {}
    last_read: dict[date, date] = {}
    for pause, back, most in [*plan, (0, 40, 100)]:
        now += pause * DAY
        must_be_readable("some_stream", state)
        days = Days(state, now)
        unread = list(days.unread(now - (back - 1) * DAY, now))
        assert unread == sorted(unread, reverse=True), "newest first"
        for day in unread[:most]:
            # Unless it still moved when it was last read, or is one of the last three.
            assert day not in last_read or last_read[day] - day < 2 * DAY or now - day < 3 * DAY
            last_read[day] = now
            days.add(day)
            state = json.loads(json.dumps(days.state))
    for back in range(40):
        day = now - back * DAY
        assert last_read[day] - day >= min(2 * DAY, now - day), "it was read when it was done, or today"
    assert state["date"] == now.isoformat()
    assert len(json.dumps(state)) < 500


def test_a_first_sync_and_one_a_day_later() -> None:
    days = Days({}, TODAY)
    assert list(days.unread(TODAY - 4 * DAY, TODAY)) == [TODAY - n * DAY for n in range(5)]
    for day in days.unread(TODAY - 4 * DAY, TODAY):
        days.add(day)
    assert days.state == {"date": "2026-03-10", "read": [["2026-03-06", "2026-03-08"]]}
    again = Days(days.state, TODAY + DAY)
    assert list(again.unread(TODAY - 4 * DAY, TODAY + DAY)) == [TODAY + n * DAY for n in (1, 0, -1)]


def test_the_first_days_of_all() -> None:
    assert list(Days({}, TODAY).unread(date.min, date.min + DAY)) == [date.min + DAY, date.min]
    assert list(Days({"date": "0001-01-02"}, TODAY).unread(date.min, date.min + 2 * DAY)) == [
        date.min + 2 * DAY,
        date.min + DAY,
    ]


def test_ranges_that_overlap_are_joined() -> None:
    days = Days({"date": "2026-03-09", "read": [["2026-01-01", "2026-01-20"], ["2026-01-05", "2026-01-10"]]}, TODAY)
    days.add(date(2026, 1, 21))
    assert days.state["read"] == [["2026-01-01", "2026-01-21"]]


def test_a_clock_that_was_ahead_loses_no_day() -> None:
    ahead = Days({}, TODAY + 10 * DAY)
    for day in list(ahead.unread(TODAY - DAY, TODAY + 10 * DAY)):
        ahead.add(day)
    assert not is_ahead(ahead.state, TODAY), "it is not taken for a state that was moved by hand"
    state, last_read = ahead.state, {}
    for n in range(13):
        now = TODAY + n * DAY
        days = Days(state, now)
        for day in days.unread(TODAY, now):
            last_read[day] = now
            days.add(day)
        state = days.state
        assert state["date"] == now.isoformat()
    assert all(last_read[TODAY + n * DAY] == TODAY + (n + 2) * DAY for n in range(11))


@pytest.mark.parametrize(
    "ranges", [[["0001-01-01", "9999-12-31"]], [["2027-03-05", "9999-12-31"], ["2027-03-06", "2027-03-06"]]]
)
def test_days_that_have_not_come_were_not_read(ranges: list[list[str]]) -> None:
    state = {"date": "2026-03-09", "read": ranges}
    must_be_readable("some_stream", state)
    days = Days(state, TODAY)
    assert list(days.unread(TODAY - 2 * DAY, TODAY)) == [TODAY, TODAY - DAY, TODAY - 2 * DAY]
    days.add(TODAY - 2 * DAY)
    assert days.state["read"][-1][1] == (TODAY - 2 * DAY).isoformat()


@pytest.mark.parametrize(
    ("state", "ahead"),
    [
        ({}, False),
        ({"date": None}, False),
        ({"date": "2026-03-10"}, False),
        ({"date": "2026-03-10T23:00:00Z"}, False),
        ({"date": "2026-03-11"}, True),
        ({"date": "2026-03-11", "after": 5}, False),
    ],
)
def test_a_state_that_was_moved_to_the_future(state: dict[str, object], ahead: bool) -> None:
    assert is_ahead(state, TODAY) is ahead


@pytest.mark.parametrize(
    "state",
    [
        {"date": "2026-3-1"},
        {"date": "20260301"},
        {"date": "2026-W10-1"},
        {"date": ""},
        {"date": 20260301},
        {"date": ["2026-03-01"]},
        {"read": "2026-03-01"},
        {"read": [["2026-03-01"]]},
        {"read": [["2026-03-02", "2026-03-01"]]},
        {"read": [[1, 2]]},
        {"read": 5},
        {"date": "2026-03-01", "read": {"2026-03-01": "2026-03-02"}},
    ],
)
def test_a_state_of_another_form_is_refused(state: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="The state of stream some_stream cannot be read: date or read is not"):
        must_be_readable("some_stream", state)


@pytest.mark.parametrize("state", [{}, {"date": None}, {"date": "2026-03-01T12:00:00Z", "read": None}, {"other": 1}])
def test_a_state_without_anything_of_ours_starts_over(state: dict[str, object]) -> None:
    must_be_readable("some_stream", state)
    Days(state, TODAY)

"""Days: whatever a sync comes to, every day is read, and read again while its numbers move."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from source_iterable.errors import ConfigError
from source_iterable.reading.days import DailyStream, Days, is_ahead
from source_iterable.reading.stream import Reading, State, StreamContext

TODAY, DAY = date(2026, 3, 10), timedelta(days=1)
# Days between two syncs, and after how many days each is cut off.
syncs = some.lists(some.tuples(some.integers(0, 9), some.integers(0, 45)), min_size=1, max_size=8)


class SomeStream(DailyStream):
    """A stream whose states are checked."""

    name = "some_stream"

    def _read_days(self, context: StreamContext, state: State, today: date) -> Reading:
        yield from ()


@given(syncs, some.integers(1, 40))
def test_every_day_is_read_when_its_numbers_no_longer_move(plan: list[tuple[int, int]], back: int) -> None:
    now, state = TODAY, {}
    last_read: dict[date, date] = {}
    for pause, most in [*plan, (0, 100)]:
        now += pause * DAY
        SomeStream().check_state(state)
        days = Days(state, now)
        for day in days.unread(now - (back - 1) * DAY, now)[:most]:
            # Unless it still moved when it was last read, or is one of the last three.
            assert day not in last_read or last_read[day] - day < 2 * DAY or now - day < 3 * DAY
            last_read[day] = now
            days.add(day)
            state = json.loads(json.dumps(days.state))
            assert len(state["read"]) <= 1, "one interval, wherever the sync ends"
    for number in range(back):
        day = now - number * DAY
        assert last_read[day] - day >= min(2 * DAY, now - day), "it was read when it was done, or today"
    assert state["date"] == now.isoformat()


@given(some.lists(some.tuples(some.integers(0, 9), some.integers(1, 40), some.integers(0, 45)), max_size=8))
def test_no_day_is_lost_when_other_days_are_to_be_read(plan: list[tuple[int, int, int]]) -> None:
    now, state = TODAY, {}
    last_read: dict[date, date] = {}
    for pause, back, most in [*plan, (0, 40, 100)]:
        now += pause * DAY
        days = Days(state, now)
        for day in days.unread(now - (back - 1) * DAY, now)[:most]:
            last_read[day] = now
            days.add(day)
            state = json.loads(json.dumps(days.state))
    for number in range(40):
        day = now - number * DAY
        assert last_read[day] - day >= min(2 * DAY, now - day)


def test_a_first_sync_and_one_a_day_later() -> None:
    days = Days({}, TODAY)
    assert list(days.unread(TODAY - 4 * DAY, TODAY)) == [TODAY - n * DAY for n in range(5)]
    for day in days.unread(TODAY - 4 * DAY, TODAY):
        days.add(day)
    assert days.state == {"date": "2026-03-10", "read": [["2026-03-06", "2026-03-08"]]}
    again = Days(days.state, TODAY + DAY)
    assert list(again.unread(TODAY - 4 * DAY, TODAY + DAY)) == [TODAY + n * DAY for n in (-1, 0, 1)]


def test_the_first_days_of_all() -> None:
    assert list(Days({}, TODAY).unread(date.min, date.min + DAY)) == [date.min + DAY, date.min]
    assert list(Days({"date": "0001-01-02"}, TODAY).unread(date.min, date.min + 2 * DAY)) == [
        date.min + DAY,
        date.min + 2 * DAY,
    ]


def test_after_a_pause_the_days_since_the_last_sync_come_first_oldest_first() -> None:
    state = {"date": "2026-03-04", "read": [["2026-03-01", "2026-03-02"]]}
    days = Days(state, TODAY)
    unread = days.unread(date(2026, 2, 27), TODAY)
    assert [day.isoformat() for day in unread] == [
        *(f"2026-03-{number:02}" for number in range(3, 11)),
        "2026-02-28",
        "2026-02-27",
    ]
    days.add(unread[0])
    assert days.state == {"date": "2026-03-04", "read": [["2026-03-01", "2026-03-03"]]}


def test_of_several_ranges_the_newest_counts() -> None:
    """As states of earlier versions have them."""
    state = {"date": "2026-03-10", "read": [["2026-01-01", "2026-02-20"], ["2026-03-01", "2026-03-08"]]}
    days = Days(state, TODAY)
    assert days.unread(date(2026, 2, 27), TODAY) == [
        *(TODAY - n * DAY for n in (2, 1, 0)),
        date(2026, 2, 28),
        date(2026, 2, 27),
    ]
    assert days.state["read"] == [["2026-03-01", "2026-03-08"]]


def test_an_earlier_end_begins_a_new_interval() -> None:
    days = Days({"date": "2026-03-10", "read": [["2026-03-01", "2026-03-08"]]}, TODAY)
    unread = days.unread(date(2026, 1, 1), date(2026, 1, 3))
    assert [day.day for day in unread] == [3, 2, 1]
    for day in unread:
        days.add(day)
    assert days.state == {"date": "2026-03-10", "read": [["2026-01-01", "2026-01-03"]]}
    assert days.unread(date(2026, 1, 1), date(2026, 1, 3)) == []


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
    SomeStream().check_state(state)
    days = Days(state, TODAY)
    assert sorted(days.unread(TODAY - 2 * DAY, TODAY)) == [TODAY - 2 * DAY, TODAY - DAY, TODAY]
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
        SomeStream().check_state(state)


@pytest.mark.parametrize("state", [{}, {"date": None}, {"date": "2026-03-01T12:00:00Z", "read": None}, {"other": 1}])
def test_a_state_without_anything_of_ours_starts_over(state: dict[str, object]) -> None:
    SomeStream().check_state(state)
    Days(state, TODAY)

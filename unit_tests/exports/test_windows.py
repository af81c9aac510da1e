"""Windows tile a stream's time range, whatever its span and their size."""

import time
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_iterable.exports.windows import DAY, FIRST_SIZE, UNIT_BYTES, Window, WindowPlan, units

START = int(datetime(2020, 1, 1, tzinfo=timezone.utc).timestamp())


def read_all(plan: WindowPlan, bytes_a_second: float, size: int = UNIT_BYTES) -> list[Window]:
    windows = []
    while plan.left:
        windows.append(plan.cut(size))
        plan.learn(windows[-1], int(bytes_a_second * windows[-1].seconds))
    return windows


@given(
    span=st.integers(min_value=-5, max_value=10 * 365 * DAY),
    bytes_a_second=st.one_of(st.just(0.0), st.floats(min_value=0.001, max_value=1e6)),
)
def test_the_windows_of_a_sync_tile_its_time_range(span: int, bytes_a_second: float) -> None:
    # Dense streams have many windows: bound their number, not the property.
    span = min(span, int(500 * UNIT_BYTES / max(bytes_a_second, 1e-9))) if bytes_a_second else span
    plan = WindowPlan(START, START + span)
    windows = read_all(plan, bytes_a_second)
    if span <= 0:
        assert windows == []
        return
    assert windows[0].start == START
    assert windows[-1].end == START + span
    assert all(earlier.end == later.start for earlier, later in zip(windows, windows[1:], strict=False))
    assert all(window.seconds > 0 for window in windows)
    assert plan.share(windows[-1].end) == 1.0


@given(start=st.integers(0, 4 * 10**9), seconds=st.integers(2, 10**9), expected=st.integers(0, 10**12))
def test_parts_tile_their_window(start: int, seconds: int, expected: int) -> None:
    parts = Window(start, start + seconds, expected).parts()
    assert (parts[0].start, parts[-1].end) == (start, start + seconds)
    assert all(earlier.end == later.start for earlier, later in zip(parts, parts[1:], strict=False))
    assert all(part.seconds > 0 for part in parts)
    assert len(parts) == min(max(units(expected), 2), seconds)


def test_a_month_is_one_window_and_ten_empty_years_are_few() -> None:
    assert len(read_all(WindowPlan(START, START + FIRST_SIZE), 0)) == 1
    assert len(read_all(WindowPlan(START, START + 3650 * DAY), 0)) <= 4


def test_windows_are_read_one_by_one_until_it_is_known_how_large_they_are() -> None:
    plan = WindowPlan(START, START + 4000 * DAY)
    first = plan.cut(UNIT_BYTES)
    assert (first.expected_bytes, plan.at_once, plan.bytes_left) == (0, 1, 0)
    plan.learn(first, 0)
    assert plan.at_once == 1
    second = plan.cut(UNIT_BYTES)
    plan.learn(second, 100 * second.seconds)
    assert plan.at_once == 12
    assert plan.bytes_left == 100 * (4000 * DAY - first.seconds - second.seconds)
    third = plan.cut(10**9)
    assert third.expected_bytes == 100 * third.seconds == pytest.approx(10**9, rel=0.001)


def test_parameters_are_in_utc_and_in_the_references_format() -> None:
    assert Window(START, START + 1).parameters == {
        "startDateTime": "2020-01-01 00:00:00 +00:00",
        "endDateTime": "2020-01-01 00:00:01 +00:00",
    }


@pytest.mark.parametrize(
    ("received", "size", "seconds"),
    [
        (0, UNIT_BYTES, 8 * 31 * DAY),  # nothing came: eight times as long
        (1, UNIT_BYTES, 8 * 31 * DAY),  # next to nothing: no more than that
        (UNIT_BYTES, UNIT_BYTES, 31 * DAY),
        (UNIT_BYTES, 3 * UNIT_BYTES, 3 * 31 * DAY),  # as large as the transport wants it
        (2 * UNIT_BYTES, UNIT_BYTES, 31 * DAY // 2),
        (10**15, UNIT_BYTES, 31 * DAY // 8),  # too much: an eighth, no less
    ],
)
def test_windows_grow_and_shrink_within_bounds(received: int, size: int, seconds: int) -> None:
    plan = WindowPlan(START, START + 4000 * DAY)
    plan.learn(plan.cut(size), received)
    following = plan.cut(size)
    assert following.seconds == seconds
    assert type(following.seconds) is type(following.expected_bytes) is int


def test_a_window_is_never_shorter_than_a_second() -> None:
    plan = WindowPlan(0, 100, density=UNIT_BYTES)
    assert plan.cut(UNIT_BYTES) == Window(0, 1, UNIT_BYTES)
    plan.learn(Window(0, 1), 10**12)
    assert plan.cut(UNIT_BYTES) == Window(1, 2, 10**12)


def test_a_guess_leaves_every_window_to_all_transports() -> None:
    assert WindowPlan(0, 100, density=1e12).cut(UNIT_BYTES) == Window(0, 1, UNIT_BYTES)


def test_a_stream_of_which_the_size_is_known_begins_with_windows_of_the_wanted_size() -> None:
    plan = WindowPlan(0, DAY, density=950_000_000 / DAY)
    assert (plan.at_once, plan.bytes_left) == (12, 950_000_000)
    assert plan.cut(UNIT_BYTES).expected_bytes == pytest.approx(UNIT_BYTES, rel=0.001)
    assert plan.cut(2 * UNIT_BYTES).expected_bytes == pytest.approx(2 * UNIT_BYTES, rel=0.001)


def test_a_small_rest_belongs_to_the_window_before_it() -> None:
    day = 86_400
    assert WindowPlan(0, 43 * day).cut(UNIT_BYTES) == Window(0, 43 * day)
    assert WindowPlan(0, 44 * day).cut(UNIT_BYTES) == Window(0, 31 * day)
    assert [units(size) for size in (0, 1, UNIT_BYTES, 200 * 10**6, 220 * 10**6, 10**9)] == [1, 1, 1, 1, 2, 7]
    # As many windows as are expected to be cut.
    for size in range(10**7 + 1, 2 * 10**9, 10**7):
        plan, number = WindowPlan(0, 10**6, density=size / 10**6), 0
        while plan.left:
            plan.cut(UNIT_BYTES)
            number += 1
        assert number == units(size)


def test_a_window_that_was_too_large_is_cut_again() -> None:
    plan = WindowPlan(0, 310 * DAY)
    first = plan.cut(UNIT_BYTES)
    assert plan.retract(first, 31 * UNIT_BYTES)
    assert plan.bytes_left == 310 * UNIT_BYTES
    assert plan.cut(UNIT_BYTES) == Window(0, 4 * DAY - DAY // 8, 31 * UNIT_BYTES // 8), "an eighth of it, no less"


def test_a_window_is_not_cut_again_if_it_is_small_or_later_ones_were_cut() -> None:
    plan = WindowPlan(0, 310 * DAY)
    first = plan.cut(UNIT_BYTES)
    assert not plan.retract(first, UNIT_BYTES), "it failed for another reason"
    plan.cut(UNIT_BYTES)
    assert not plan.retract(first, 31 * UNIT_BYTES)
    short = WindowPlan(0, 7)
    assert not short.retract(short.cut(UNIT_BYTES), 31 * UNIT_BYTES), "it would come again as it is"


def test_the_mean_of_a_plan_is_of_all_that_was_read() -> None:
    plan = WindowPlan(0, 100 * DAY)
    assert plan.mean_density == 0
    plan.add(Window(0, 100), 1000)
    plan.add(Window(100, 200), 0)
    assert plan.mean_density == 5


def test_parts_expect_their_share_each_and_an_unknown_size_stays_unknown() -> None:
    assert Window(0, 5, 9).parts() == [Window(0, 2, 4), Window(2, 5, 4)]
    assert Window(0, 2).parts() == [Window(0, 1), Window(1, 2)]
    assert Window(0, 40, 4 * UNIT_BYTES).parts() == [Window(10 * n, 10 * n + 10, UNIT_BYTES) for n in range(4)]
    assert Window(0, 3, 10**12).parts() == [Window(n, n + 1, 10**12 // 3) for n in range(3)]


def test_a_window_is_named_by_its_times() -> None:
    assert str(Window(0, 86_399)) == "1970-01-01T00:00:00+00:00 to 1970-01-01T23:59:59+00:00"


def test_the_share_of_a_plan() -> None:
    plan = WindowPlan(100, 300)
    assert [plan.share(position) for position in (100, 150, 300)] == [0.0, 0.25, 1.0]
    assert WindowPlan(100, 101).share(101) == 1.0
    assert WindowPlan(100, 100).share(100) == 0.0


def test_times_are_in_utc_wherever_the_machine_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        window = Window(0, 60)
        told = (str(window), window.parameters["startDateTime"])
    time.tzset()
    assert told == ("1970-01-01T00:00:00+00:00 to 1970-01-01T00:01:00+00:00", "1970-01-01 00:00:00 +00:00")

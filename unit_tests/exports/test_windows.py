"""Windows tile a stream's time range, whatever its span and their size."""

import time
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_iterable.exports.windows import DAY, FIRST_SIZE, TARGET_BYTES, Window, WindowPlan, next_size

START = int(datetime(2020, 1, 1, tzinfo=timezone.utc).timestamp())


def read_all(plan: WindowPlan, bytes_a_second: float) -> list[Window]:
    windows = []
    while plan.left:
        windows.append(plan.next())
        plan.learn(windows[-1], int(bytes_a_second * windows[-1].seconds))
    return windows


@given(
    span=st.integers(min_value=-5, max_value=10 * 365 * DAY),
    bytes_a_second=st.one_of(st.just(0.0), st.floats(min_value=0.001, max_value=1e6)),
)
def test_the_windows_of_a_sync_tile_its_time_range(span: int, bytes_a_second: float) -> None:
    # Dense streams have many windows: bound their number, not the property.
    span = min(span, int(500 * TARGET_BYTES / max(bytes_a_second, 1e-9))) if bytes_a_second else span
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
def test_halves_tile_their_window(start: int, seconds: int, expected: int) -> None:
    first, second = Window(start, start + seconds, expected).halves()
    assert (first.start, first.end, second.end) == (start, second.start, start + seconds)
    assert first.seconds > 0 and second.seconds > 0


def test_a_month_is_one_window_and_ten_empty_years_are_few() -> None:
    assert len(read_all(WindowPlan(START, START + FIRST_SIZE), 0)) == 1
    assert len(read_all(WindowPlan(START, START + 3650 * DAY), 0)) <= 4


def test_windows_of_a_dense_stream_shrink_to_the_target_size() -> None:
    size = next_size(FIRST_SIZE, FIRST_SIZE, 4 * TARGET_BYTES)
    assert size == FIRST_SIZE // 4
    assert next_size(size, size, TARGET_BYTES) == size


def test_windows_are_read_one_by_one_until_their_density_is_known() -> None:
    plan = WindowPlan(START, START + 400 * DAY)
    first = plan.next()
    assert (first.expected_bytes, plan.at_once) == (0, 1)
    plan.learn(first, 0)
    assert plan.at_once == 1
    second = plan.next()
    plan.learn(second, 1000 * second.seconds)
    assert plan.at_once == 4
    third = plan.next()
    assert third.expected_bytes == 1000 * third.seconds


def test_parameters_are_in_utc_and_in_the_references_format() -> None:
    assert Window(START, START + 1).parameters == {
        "startDateTime": "2020-01-01 00:00:00 +00:00",
        "endDateTime": "2020-01-01 00:00:01 +00:00",
    }


@pytest.mark.parametrize(
    ("size", "seconds", "received", "following"),
    [
        (100, 100, 0, 800),  # nothing came: eight times as long
        (100, 100, 1, 800),  # next to nothing: no more than that
        (100, 100, 128 * 2**20, 100),
        (100, 100, 256 * 2**20, 50),
        (100, 100, 10**15, 12),  # too much: an eighth, no less
        (4, 4, 10**15, 1),  # and never less than a second
        (100, 40, 64 * 2**20, 80),  # a shorter last window counts by its own time
    ],
)
def test_windows_grow_and_shrink_within_bounds(size: int, seconds: int, received: int, following: int) -> None:
    assert next_size(size, seconds, received) == following
    assert type(next_size(size, seconds, received)) is int


def test_a_plan_expects_what_the_window_before_had_a_second() -> None:
    plan = WindowPlan(START, START + 400 * DAY)
    first = plan.next()
    assert first == Window(START, START + 31 * DAY)
    plan.learn(first, first.seconds // 2)
    second = plan.next()
    # Half a byte a second is next to nothing: eight times as long.
    assert second == Window(first.end, first.end + 8 * 31 * DAY, 4 * 31 * DAY)


def test_a_first_window_has_31_days_and_a_month_is_one_request() -> None:
    day = 86_400
    assert WindowPlan(0, 31 * day).next() == Window(0, 31 * day)
    plan = WindowPlan(0, 31 * day + 1)
    assert plan.next() == Window(0, 31 * day)
    assert (plan.left, plan.next(), plan.left) == (True, Window(31 * day, 31 * day + 1), False)


def test_halves_expect_half_each_and_an_unknown_size_stays_unknown() -> None:
    assert Window(0, 5, 9).halves() == (Window(0, 2, 4), Window(2, 5, 4))
    assert Window(0, 2).halves() == (Window(0, 1), Window(1, 2))
    assert all(type(half.expected_bytes) is int for half in Window(0, 4, 9).halves()), "bytes are whole"


def test_a_window_is_named_by_its_times() -> None:
    assert str(Window(0, 86_399)) == "1970-01-01T00:00:00+00:00 to 1970-01-01T23:59:59+00:00"


def test_the_share_of_a_plan() -> None:
    plan = WindowPlan(100, 300)
    assert [plan.share(position) for position in (100, 150, 300)] == [0.0, 0.25, 1.0]
    assert WindowPlan(100, 101).share(101) == 1.0
    assert WindowPlan(100, 100).share(100) == 0.0


def test_the_next_window_goes_for_128_megabytes() -> None:
    assert next_size(1000, 1000, 2**28) == 500
    assert next_size(1000, 500, 2**27) == 500
    assert next_size(16, 16, 2**40) == 2


def test_times_are_in_utc_wherever_the_machine_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        window = Window(0, 60)
        told = (str(window), window.parameters["startDateTime"])
    time.tzset()
    assert told == ("1970-01-01T00:00:00+00:00 to 1970-01-01T00:01:00+00:00", "1970-01-01 00:00:00 +00:00")

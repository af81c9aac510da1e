"""When states are written: as often as time and records allow, and the last one of a stream in any case."""

from __future__ import annotations

from typing import Any

import pytest

from source_iterable.reading import pace as module
from source_iterable.reading.pace import Pace
from source_iterable.reading.stream import Checkpoint
from source_iterable.records.batch import RecordBatch


class Clock:
    """Stands in for the module `time`."""

    now = 5_000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module, "time", made)
    return made


@pytest.fixture
def pace(clock: Clock) -> Pace:
    """Of a stream `lists` that has begun, and of `sent`, whose states never wait."""
    made = Pace(["sent"])
    for name in ("lists", "sent"):
        made.note(name, None)
    return made


def batch(size: int) -> RecordBatch:
    return RecordBatch("lists", 1, b"x" * size)


def written(pace: Pace) -> list[tuple[str, Any]]:
    return [(name, checkpoint.state) for name, checkpoint in pace.due()]


def test_a_small_state_waits_for_ten_seconds(pace: Pace, clock: Clock) -> None:
    state = {"x": 1}
    pace.note("lists", Checkpoint(state))
    clock.now += 10.0
    assert written(pace) == []
    clock.now += 0.1
    assert written(pace) == [("lists", state)]
    clock.now += 60.0
    assert written(pace) == [], "once"
    # Ten seconds since the last one have passed already.
    pace.note("lists", Checkpoint({"x": 2}))
    assert written(pace) == [("lists", {"x": 2})]
    pace.note("lists", Checkpoint({"x": 3}))
    assert written(pace) == []


def test_of_those_that_wait_the_newest_is_written(pace: Pace, clock: Clock) -> None:
    for number in range(5):
        pace.note("lists", Checkpoint({"x": number}))
        assert written(pace) == []
    clock.now += 11.0
    assert written(pace) == [("lists", {"x": 4})]


@pytest.mark.parametrize(("size", "seconds"), [(100, 11), (1_000, 20), (10_000, 110), (350_000, 3_510)])
def test_a_larger_state_waits_longer(pace: Pace, clock: Clock, size: int, seconds: int) -> None:
    pace.note("lists", Checkpoint({"x": "y" * (size - len('{"x":""}'))}))
    clock.now += seconds - 0.1
    assert written(pace) == []
    clock.now += 0.2
    assert len(written(pace)) == 1


@pytest.mark.parametrize(("size", "records"), [(100, 11_000), (10_000, 110_000)])
def test_no_state_waits_beside_many_records(pace: Pace, clock: Clock, size: int, records: int) -> None:
    checkpoint = Checkpoint({"x": "y" * (size - len('{"x":""}'))})
    for _ in range(2):
        pace.note("lists", batch(records - 5_000))
        pace.note("lists", checkpoint)
        assert written(pace) == []
        # It is written before the batch that makes it worth it.
        pace.note("lists", batch(5_000))
        assert len(written(pace)) == 1
    pace.note("lists", checkpoint)
    assert written(pace) == []


def test_a_stream_that_begins_late_has_earned_nothing_before(clock: Clock) -> None:
    pace = Pace([])
    clock.now += 3_600.0
    pace.note("lists", None)
    pace.note("lists", Checkpoint({"x": 1}))
    assert written(pace) == []


def test_records_of_others_count_for_them(pace: Pace) -> None:
    pace.note("users", batch(10**6))
    pace.note("lists", Checkpoint({"x": 1}))
    pace.note("users", Checkpoint({"x": 2}))
    assert written(pace) == [("users", {"x": 2})]


def test_the_last_state_of_a_stream_does_not_wait(pace: Pace) -> None:
    pace.note("lists", Checkpoint({"x": 1}))
    pace.note("lists", Checkpoint({"x": 2}))
    pace.end("lists")
    assert written(pace) == [("lists", {"x": 2})]
    assert written(pace) == []


def test_states_of_windows_never_wait(pace: Pace) -> None:
    for number in range(5):
        pace.note("sent", Checkpoint({"x": number}))
        assert written(pace) == [("sent", {"x": number})]


def test_states_stay_few_whatever_a_stream_yields(pace: Pace, clock: Clock) -> None:
    """A tenth of the bytes of its records, and 100 bytes a second."""
    state, total = {"after": 10**6}, 0
    for _ in range(10_000):
        clock.now += 0.25
        pace.note("lists", batch(40))
        pace.note("lists", Checkpoint(state))
        total += sum(module.STATE + len(str(each)) for each in written(pace))
    assert 0.9 < total / (10_000 * (40 * 0.1 + 0.25 * 100)) <= 1.001

"""Progress: what streams have read, what their threads wait for, and for which limits of Iterable."""

from __future__ import annotations

import threading
import time

import pytest

from source_iterable.process.progress import STREAM, Progress, StreamProgress, inherited


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The monotonic time, in seconds; the epoch's is 1,000,000 more."""
    now = [500.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "time", lambda: now[0] + 1e6)
    return now


@pytest.fixture
def progress() -> Progress:
    made = Progress()
    made.short_wait = 2.0
    return made


def test_a_stream_adds_up_what_it_has_written(progress: Progress) -> None:
    progress.advance("lists", records=3, size=10, window="a to b", share=0.25)
    progress.advance("lists", records=2, size=5)
    assert progress.stream("lists") == StreamProgress(5, 15, "a to b", 0.25)
    assert progress.stream("unknown") == StreamProgress()


def test_counts_are_those_of_the_threads_stream(progress: Progress) -> None:
    progress.count("retries")
    STREAM.set("lists")
    progress.count("retries")
    thread = threading.Thread(target=inherited(progress.count), args=("retries",))
    thread.start()
    thread.join()
    STREAM.set(None)
    assert {name: dict(stream.counts) for name, stream in progress.snapshot().items()} == {"lists": {"retries": 2}}


def test_what_is_waited_for_is_told_with_the_age_of_each_wait(progress: Progress, clock: list[float]) -> None:
    with progress.waiting("the rate limit"):
        clock[0] += 3
        with progress.waiting("the rate limit"), progress.waiting("a response"):
            clock[0] += 4
            waits = {what: sorted(each.seconds for each in waiting) for what, waiting in progress.waits().items()}
            assert waits == {"a response": [4.0], "the rate limit": [4.0, 7.0]}
            assert not any(each.is_limit or each.stream for waiting in progress.waits().values() for each in waiting)
    assert progress.waits() == {}


@pytest.mark.parametrize(("seconds", "is_long"), [(1.9, False), (2.0, True), (60.0, True)])
def test_a_long_wait_for_a_limit_is_told_with_its_end(
    progress: Progress, clock: list[float], seconds: float, is_long: bool
) -> None:
    STREAM.set("lists")
    with progress.waiting("a response"), progress.waiting("the limit", lambda: 500 + seconds):
        assert progress.limited() == ({"lists": 1_000_500 + seconds} if is_long else {})
    assert progress.limited() == {}
    STREAM.set(None)
    with progress.waiting("the limit", lambda: 900.0):
        assert progress.limited() == {}, "no stream waits"


def test_many_short_waits_in_a_row_are_a_long_one(progress: Progress, clock: list[float]) -> None:
    STREAM.set("lists")
    ends = [500.5]
    with progress.waiting("the limit", lambda: ends[0]):
        assert progress.limited() == {}
        clock[0], ends[0] = 501.6, 502.1
        assert progress.limited() == {"lists": 1_000_502.1}
        clock[0] = 503.0
        assert progress.limited() == {"lists": 1_000_503.0}, "it should be over"
    STREAM.set(None)


def test_the_last_of_a_streams_limits_is_told(progress: Progress, clock: list[float]) -> None:
    STREAM.set("events")
    with progress.waiting("one", lambda: 510.0), progress.waiting("another", lambda: 530.0):
        assert progress.limited() == {"events": 1_000_530.0}
    STREAM.set(None)

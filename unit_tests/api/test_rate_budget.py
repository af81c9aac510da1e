"""No request arrives earlier than the limits allow, as the server counts."""

import threading
from collections.abc import Iterable
from contextlib import suppress
from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from source_iterable.api import rate_budget
from source_iterable.api.rate_budget import LIMITS, MAX_TRANSIT, NotYet, Permit, RateBudget, RateBudgets


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


@given(
    limit=st.integers(1, 5),
    period=st.floats(0.01, 60),
    steps=st.lists(
        st.tuples(st.floats(0, MAX_TRANSIT * 0.99), st.floats(0, 3), st.floats(0, 30)), min_size=1, max_size=30
    ),
)
@example(limit=1, period=2.0, steps=[(1.0, 0.0, 0.0), (0.0, 0.0, 0.0)])
def test_a_server_never_counts_more_than_the_limit_in_a_period(
    limit: int, period: float, steps: list[tuple[float, float, float]]
) -> None:
    # However latency changes, as long as the way back takes no less than the way there.
    clock = Clock()
    budget = RateBudget(limit, period, clock)
    arrivals = []
    with patch.object(rate_budget, "ENOUGH", 1):
        for transit, more, idle in steps:
            with budget.acquire(clock.wait):
                clock.now += transit
                arrivals.append(clock.now)
                clock.now += transit + more
            clock.now += idle
    for first, last in zip(arrivals, arrivals[limit:], strict=False):
        assert last - first >= period - 1e-9


def seconds_between_permits(budget: RateBudget, clock: Clock, response_times: Iterable[float]) -> float:
    """What the last of these requests had to wait for, one after the other."""
    taken = [0.0]
    for response_time in response_times:
        with budget.acquire(clock.wait):
            taken.append(clock.now)
            clock.now += response_time
    return taken[-1] - taken[-2]


def test_where_latency_is_steady_a_permit_ends_half_a_response_time_early() -> None:
    clock = Clock()
    budget = RateBudget(1, 1.0, clock)
    assert seconds_between_permits(budget, clock, [0.4] * 10) == pytest.approx(1.4, abs=0.01)
    assert seconds_between_permits(budget, clock, [0.4] * 20) == pytest.approx(1.2, abs=0.01)


def test_where_latency_jitters_it_does_not() -> None:
    clock = Clock()
    budget = RateBudget(1, 1.0, clock)
    assert seconds_between_permits(budget, clock, [0.4, 0.1, 0.4] * 20) == pytest.approx(1.1, abs=0.01)


def test_slower_latency_is_learned_and_a_single_slow_response_does_not_matter() -> None:
    clock = Clock()
    budget = RateBudget(1, 1.0, clock)
    seconds_between_permits(budget, clock, [0.1] * 300)
    assert seconds_between_permits(budget, clock, [0.4] * 300) == pytest.approx(1.2, abs=0.01)
    assert seconds_between_permits(budget, clock, [600.0, 0.4, 0.4]) == pytest.approx(1.2, abs=0.01)


def test_a_request_that_failed_at_once_says_nothing_about_latency() -> None:
    clock = Clock()
    budget = RateBudget(1, 1.0, clock)
    seconds_between_permits(budget, clock, [0.4] * 20)
    with suppress(ConnectionError), budget.acquire(clock.wait):
        raise ConnectionError
    assert seconds_between_permits(budget, clock, [0.4] * 2) == pytest.approx(1.2, abs=0.01)


def test_a_permit_counts_from_when_it_is_used() -> None:
    clock = Clock()
    budget = RateBudget(1, 1.0, clock)
    permit = budget.acquire(clock.wait)
    clock.now += 2.9
    with permit:
        clock.now += 0.2
    assert budget.within(0.9) == 0


def test_a_permit_that_may_end_before_its_response_does_not() -> None:
    clock = Clock()
    budget = RateBudget(1, 0.5, clock)
    seconds_between_permits(budget, clock, [1.8] * 20)
    budget.acquire(clock.wait).__enter__()
    clock.now += 1.7
    assert isinstance(budget.try_acquire(), NotYet)


def test_permits_within_a_time() -> None:
    clock = Clock()
    budget = RateBudget(4, 60.0, clock)
    assert [budget.within(seconds) for seconds in (0, 59, 60, 120)] == [4, 4, 8, 12]
    for _ in range(3):
        with budget.acquire(clock.wait):
            clock.now += 1.0
    # Three end after 58, 59 and 60 seconds.
    assert [budget.within(seconds) for seconds in (0, 57.5, 58.5, 59.5, 60.5)] == [1, 1, 2, 3, 5]
    clock.now += 1_000
    assert budget.within(0) == 4


def test_a_response_that_takes_an_hour_does_not_hold_up_others() -> None:
    clock = Clock()
    budget = RateBudget(1, 1.0, clock)
    budget.acquire(clock.wait)
    started = clock.now
    budget.acquire(clock.wait)
    assert clock.now - started < MAX_TRANSIT + 1.5


def test_nor_does_it_when_it_has_come() -> None:
    clock = Clock()
    budget = RateBudget(1, 60.0, clock)
    started = clock.now
    with budget.acquire(clock.wait):
        clock.now += 50.0
    budget.acquire(clock.wait)
    assert clock.now - started < MAX_TRANSIT + 60.5


def test_threads_share_one_budget() -> None:
    clock = Clock()
    budget = RateBudget(4, 60.0, clock)
    taken: list[Permit | NotYet] = []
    threads = [threading.Thread(target=lambda: taken.append(budget.try_acquire())) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(each, Permit) for each in taken) == 4


def test_a_permit_is_available_after_the_seconds_of_notyet() -> None:
    clock = Clock()
    budget = RateBudget(1, 60.0, clock)
    with budget.acquire(clock.wait):
        pass
    refused = budget.try_acquire()
    assert isinstance(refused, NotYet)
    clock.now += refused.seconds
    assert isinstance(budget.try_acquire(), Permit)


@pytest.mark.parametrize(
    ("path", "requests", "seconds"),
    [
        ("export/data.json", 4, 60),
        ("export/start", 1, 1),
        ("export/123/files", 1, 1),
        ("lists/getUsers", 5, 60),
        ("lists/1001/size", 5, 60),
        ("lists", 100, 1),
        ("experiments/7/totals", 10, 1),
        ("templates/getByClientTemplateId", 100, 1),
        ("campaigns/metrics", 10, 60),
        ("campaigns", 100, 1),
        ("users/getFields", 3, 1),
        ("export/userEvents", 10, 1),
        ("journeys", 10, 1),
    ],
)
def test_the_limit_of_every_endpoint(path: str, requests: int, seconds: float) -> None:
    row = next(row for row in LIMITS if path.startswith(row[0]))
    assert row[1:] == (requests, seconds)
    budget = RateBudgets().for_path(path)
    permits = [budget.try_acquire() for _ in range(requests + 1)]
    assert [isinstance(permit, Permit) for permit in permits] == [True] * requests + [False]


def test_the_three_job_calls_share_one_budget() -> None:
    budgets = RateBudgets()
    assert budgets.for_path("export/start") is budgets.for_path("export/9/files") is budgets.for_path("export/9")


def test_members_and_sizes_of_lists_share_one_budget() -> None:
    budgets = RateBudgets()
    assert budgets.for_path("lists/getUsers") is budgets.for_path("lists/1001/size")
    assert budgets.for_path("lists") is not budgets.for_path("lists/getUsers")


def test_threads_are_served_in_turn() -> None:
    clock = Clock()
    budget = RateBudget(1, 60.0, clock)
    with budget.acquire(clock.wait):
        pass
    served: list[str] = []
    second = threading.Thread(target=lambda: served.append("second") if budget.acquire(clock.wait) else None)

    def wait(seconds: float) -> None:
        clock.wait(seconds)  # a permit is there, for the thread that has waited for it
        second.start()
        second.join(0.05)
        assert served == []

    first = budget.acquire(wait)
    served.append("first")
    first.__exit__()
    second.join(10)
    assert served == ["first", "second"]

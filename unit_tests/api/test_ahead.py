"""Concurrent requests: their order, and how far they run ahead."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from source_iterable.api.ahead import run_ahead
from source_iterable.errors import IterableError


def test_results_keep_their_order_and_are_never_far_ahead_of_the_consumer() -> None:
    begun: list[int] = []

    def work(item: int) -> int:
        begun.append(item)
        return -item

    results = run_ahead(work, iter(range(100)), threads=3)
    assert next(results) == (0, 0)
    assert len(begun) <= 6
    assert list(results) == [(item, -item) for item in range(1, 100)]


def test_a_slow_item_does_not_hold_up_the_others() -> None:
    released = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            assert released.wait(30)
        return item

    results = run_ahead(work, range(20), 2, ordered=False)
    assert sorted(next(results)[0] for _ in range(19)) == list(range(1, 20))
    released.set()
    assert list(results) == [(0, 0)]


class Growing(Iterator[int]):
    """Ends for now after each item, until the next is added."""

    def __init__(self) -> None:
        self.waiting = [1]

    def __next__(self) -> int:
        if not self.waiting:
            raise StopIteration
        return self.waiting.pop()


@pytest.mark.parametrize("ordered", [True, False])
def test_a_result_may_bring_more_items(ordered: bool) -> None:
    items, results = Growing(), []
    for item, _ in run_ahead(lambda item: item, items, 3, ordered):
        results.append(item)
        items.waiting += [number for number in (2 * item, 2 * item + 1) if number < 16]
    assert sorted(results) == list(range(1, 16))


@pytest.mark.parametrize("ordered", [True, False])
def test_an_error_reaches_the_consumer_and_stops_the_work(ordered: bool) -> None:
    begun: list[int] = []
    told = threading.Event()

    def work(item: int) -> int:
        begun.append(item)
        if item == 5:
            raise IterableError("no")
        # However late the error is noticed, what follows it has not ended.
        assert item < 5 or told.wait(60)
        return item

    with pytest.raises(IterableError):
        list(run_ahead(work, range(1000), 2, ordered))
    told.set()
    assert len(begun) < 10


def counted(pulled: list[int]) -> Iterator[int]:
    for number in range(1000):
        pulled.append(number)
        yield number


def test_no_more_work_is_taken_than_twice_the_threads_or_as_many() -> None:
    pulled: list[int] = []
    results = run_ahead(lambda item: item, counted(pulled), threads=3)
    next(results)
    assert len(pulled) == 6
    next(results)
    assert len(pulled) == 7
    results.close()
    pulled = []
    results = run_ahead(lambda item: item, counted(pulled), 3, ordered=False)
    next(results)
    assert len(pulled) == 3
    results.close()


def test_no_more_is_worked_on_at_once_than_there_are_threads() -> None:
    begun, release = threading.Semaphore(0), threading.Event()

    def work(item: int) -> int:
        begun.release()
        assert release.wait(10)
        return item

    consumed: list[tuple[int, int]] = []
    thread = threading.Thread(target=lambda: consumed.extend(run_ahead(work, range(8), threads=2)), daemon=True)
    thread.start()
    assert begun.acquire(timeout=10) and begun.acquire(timeout=10)
    assert not begun.acquire(timeout=0.05)
    release.set()
    thread.join(10)
    assert consumed == [(item, item) for item in range(8)]

"""The building blocks of the streams outside the export API."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from source_iterable.api.ahead import as_done, in_order, read_ahead
from source_iterable.api.client import IterableClient
from source_iterable.config import REGION_BASE_URLS, Config
from source_iterable.errors import IterableError

ROOT = REGION_BASE_URLS["US"]


def a_config(**changes: Any) -> Config:
    return Config.parse({"api_key": "k", "start_date": "2024-01-01T00:00:00Z", "rate_limit_factor": 1000, **changes})


@pytest.fixture
def client() -> IterableClient:
    return IterableClient(a_config(), logging.getLogger("test"))


# concurrent requests


def test_results_keep_their_order_and_are_never_far_ahead_of_the_consumer() -> None:
    begun: list[int] = []

    def work(item: int) -> int:
        begun.append(item)
        return -item

    results = in_order(work, iter(range(100)), threads=3)
    assert next(results) == (0, 0)
    assert len(begun) <= 6
    assert list(results) == [(item, -item) for item in range(1, 100)]


def test_a_slow_item_does_not_hold_up_the_others() -> None:
    released = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            assert released.wait(30)
        return item

    results = as_done(work, range(20), threads=2)
    assert sorted(next(results)[0] for _ in range(19)) == list(range(1, 20))
    released.set()
    assert list(results) == [(0, 0)]


@pytest.mark.parametrize("run", [in_order, as_done])
def test_an_error_reaches_the_consumer_and_stops_the_work(run: Any) -> None:
    begun: list[int] = []

    def work(item: int) -> int:
        begun.append(item)
        if item == 5:
            raise IterableError("no")
        return item

    with pytest.raises(IterableError):
        list(run(work, range(1000), 2))
    assert len(begun) < 20


def counted(pulled: list[int]) -> Iterator[int]:
    for number in range(1000):
        pulled.append(number)
        yield number


def test_no_more_work_is_taken_than_twice_the_threads_or_as_many() -> None:
    pulled: list[int] = []
    results = in_order(lambda item: item, counted(pulled), threads=3)
    next(results)
    assert len(pulled) == 6
    next(results)
    assert len(pulled) == 7
    results.close()
    pulled = []
    results = as_done(lambda item: item, counted(pulled), threads=3)
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
    thread = threading.Thread(target=lambda: consumed.extend(in_order(work, range(8), threads=2)), daemon=True)
    thread.start()
    assert begun.acquire(timeout=10) and begun.acquire(timeout=10)
    assert not begun.acquire(timeout=0.05)
    release.set()
    thread.join(10)
    assert consumed == [(item, item) for item in range(8)]


def test_what_is_read_ahead_is_produced_by_one_thread() -> None:
    threads: set[int] = set()

    def produce() -> Iterator[int]:
        for number in range(20):
            threads.add(threading.get_ident())
            threading.Event().wait(0.001)  # the others would have their turn
            yield number

    assert list(read_ahead(produce(), 5)) == list(range(20))
    assert len(threads) == 1


def test_what_is_read_ahead_is_what_there_is() -> None:
    assert list(read_ahead(iter([1, None, 0, "", 2]), 2)) == [1, None, 0, "", 2]
    assert list(read_ahead(iter([]), 3)) == []
    pulled: list[int] = []
    ahead = read_ahead(counted(pulled), 3)
    assert [next(ahead), next(ahead)] == [0, 1]
    assert len(pulled) <= 5
    assert [next(ahead) for _ in range(998)] == list(range(2, 1000))

    def failing() -> Iterator[int]:
        yield 1
        raise IterableError("no")

    ahead = read_ahead(failing(), 2)
    assert next(ahead) == 1
    with pytest.raises(IterableError, match="no"):
        next(ahead)

"""Concurrent requests of one stream, with a bounded number of results ahead of the consumer."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

from source_iterable.process.progress import inherited

T = TypeVar("T")
R = TypeVar("R")


def in_order(work: Callable[[T], R], items: Iterable[T], threads: int) -> Iterator[tuple[T, R]]:
    """Yield each item with its `work(item)`, in item order, at most `2 * threads` ahead.

    Raises what `work` raises, and cancels pending work.
    """
    with _pool(threads) as pool:
        ahead: deque[tuple[T, Future[R]]] = deque()
        for item in items:
            ahead.append((item, pool.submit(inherited(work), item)))
            if len(ahead) >= 2 * threads:
                first, future = ahead.popleft()
                yield first, future.result()
        for item, future in ahead:
            yield item, future.result()


def as_done(work: Callable[[T], R], items: Iterable[T], threads: int) -> Iterator[tuple[T, R]]:
    """Like `in_order`, but in order of completion, at most `threads` ahead: a slow item does not hold up the others."""
    with _pool(threads) as pool:
        pending: dict[Future[R], T] = {}
        for item in items:
            pending[pool.submit(inherited(work), item)] = item
            if len(pending) >= threads:
                yield from _take(pending)
        while pending:
            yield from _take(pending)


def _take(pending: dict[Future[R], T]) -> Iterator[tuple[T, R]]:
    for future in wait(pending, return_when=FIRST_COMPLETED).done:
        yield pending.pop(future), future.result()


@contextmanager
def _pool(threads: int) -> Iterator[ThreadPoolExecutor]:
    pool = ThreadPoolExecutor(threads, thread_name_prefix="ahead")
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)

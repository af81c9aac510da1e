"""Concurrent requests of one stream, with a bounded number of results ahead of the consumer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import TypeVar

from source_iterable.process.progress import inherited

T = TypeVar("T")
R = TypeVar("R")
# Of the results that are under way, in the order of their items: those to yield next.
_Next = Callable[[dict[Future[R], T]], Iterable[Future[R]]]


def in_order(work: Callable[[T], R], items: Iterable[T], threads: int) -> Iterator[tuple[T, R]]:
    """Yield each item with its `work(item)`, in item order, at most `2 * threads` ahead.

    Raises what `work` raises, and cancels pending work.
    """
    return _results(work, items, threads, 2 * threads, lambda pending: [next(iter(pending))])


def as_done(work: Callable[[T], R], items: Iterable[T], threads: int) -> Iterator[tuple[T, R]]:
    """Like `in_order`, but in order of completion, at most `threads` ahead: a slow item does not hold up the others."""
    return _results(work, items, threads, threads, lambda pending: wait(pending, return_when=FIRST_COMPLETED).done)


def _results(
    work: Callable[[T], R], items: Iterable[T], threads: int, most: int, ready: _Next[R, T]
) -> Iterator[tuple[T, R]]:
    pool = ThreadPoolExecutor(threads, thread_name_prefix="ahead")
    pending: dict[Future[R], T] = {}
    left = iter(items)
    try:
        while True:
            for item in islice(left, most - len(pending)):
                pending[pool.submit(inherited(work), item)] = item
            if not pending:
                return
            for future in ready(pending):
                yield pending.pop(future), future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)

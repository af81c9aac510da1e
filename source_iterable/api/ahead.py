"""Concurrent requests of one stream, with a bounded number of results ahead of the consumer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import TypeVar

from source_iterable.process.progress import inherited

T = TypeVar("T")
R = TypeVar("R")


def run_ahead(work: Callable[[T], R], items: Iterable[T], threads: int, ordered: bool = True) -> Iterator[tuple[T, R]]:
    """Yield each item with its `work(item)`. Raises what `work` raises, and cancels pending work.

    Args:
        items: one that has ended is asked again after each result, which may have brought more; not once all are there.
        ordered: in the order of the items, at most `2 * threads` of them ahead. Otherwise in order of completion, so that a
            slow item does not hold up the others, and at most `threads` ahead.
    """
    most = 2 * threads if ordered else threads
    pool = ThreadPoolExecutor(threads, thread_name_prefix="ahead")
    pending: dict[Future[R], T] = {}
    left = iter(items)
    try:
        while True:
            for item in islice(left, most - len(pending)):
                pending[pool.submit(inherited(work), item)] = item
            if not pending:
                return
            for future in [next(iter(pending))] if ordered else wait(pending, return_when=FIRST_COMPLETED).done:
                yield pending.pop(future), future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)

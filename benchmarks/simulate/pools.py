"""What the module concurrent.futures offers, for the threads of a Scheduler."""

from __future__ import annotations

import concurrent.futures
from collections import deque
from collections.abc import Callable, Collection
from typing import Any, NamedTuple, TypeVar

from benchmarks.simulate.primitives import Condition, Waiting
from benchmarks.simulate.scheduler import Scheduler

T = TypeVar("T")


class Future(concurrent.futures.Future[T]):
    """concurrent.futures.Future."""

    def __init__(self, scheduler: Scheduler) -> None:
        super().__init__()
        self._condition: Any = Condition(scheduler)


class Done(NamedTuple):
    """What concurrent.futures.wait returns, but in the order of what it was given: that of sets varies."""

    done: list[Any]
    not_done: list[Any]


def wait(scheduler: Scheduler, fs: Collection[Any], timeout: float | None = None, return_when: str = "") -> Done:
    """concurrent.futures.wait."""
    changed, is_first = Waiting(scheduler), return_when == concurrent.futures.FIRST_COMPLETED

    def is_enough() -> bool:
        done: int = sum(future.done() for future in fs)
        return done > 0 if is_first else done == len(fs)

    def wake(_: object) -> None:
        changed.wake()

    if not is_enough():
        for future in fs:
            future.add_done_callback(wake)
        changed.wait_for(is_enough, timeout)
    return Done([each for each in fs if each.done()], [each for each in fs if not each.done()])


class ThreadPoolExecutor:
    """concurrent.futures.ThreadPoolExecutor: work waits for one of its threads, in order."""

    def __init__(self, scheduler: Scheduler, max_workers: int, thread_name_prefix: str = "pool") -> None:
        self._scheduler = scheduler
        self._most, self._name = max_workers, thread_name_prefix
        self._work: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._running = 0
        self._ended = Waiting(scheduler)

    def submit(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future(self._scheduler)
        self._work.append((future, lambda: work(*args, **kwargs)))
        if self._running < self._most:
            self._running += 1
            self._scheduler.start(self._run, self._name)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        if cancel_futures:
            while self._work:
                self._work.popleft()[0].cancel()
        if wait:
            self._ended.wait_for(lambda: self._running == 0)

    def __enter__(self) -> ThreadPoolExecutor:
        return self

    def __exit__(self, *exception: object) -> None:
        self.shutdown()

    def _run(self) -> None:
        while self._work:
            future, work = self._work.popleft()
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(work())
                except Exception as error:
                    future.set_exception(error)
        self._running -= 1
        self._ended.wake()

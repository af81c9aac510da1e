"""What the module threading offers, for the threads of a Scheduler."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Collection
from functools import partial
from typing import Any, TypeVar

from benchmarks.simulate.scheduler import Scheduler, Task

T = TypeVar("T")


class Waiting:
    """The threads that wait for something, in the order in which they came."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._tasks: deque[Task] = deque()

    def __len__(self) -> int:
        return len(self._tasks)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for `wake`. Returns whether it came in time."""
        task = self._scheduler.current
        self._tasks.append(task)
        if self._scheduler.wait(timeout):
            return True
        self._tasks.remove(task)
        return False

    def wait_for(self, predicate: Callable[[], T], timeout: float | None = None) -> T:
        """Wait until the predicate holds. Returns what it returned last."""
        return _wait_for(self._scheduler, self.wait, predicate, timeout)

    def wake(self, most: int | None = None) -> None:
        """Wake so many threads, or all."""
        for _ in range(len(self._tasks) if most is None else min(most, len(self._tasks))):
            self._scheduler.wake(self._tasks.popleft())


def _wait_for(
    scheduler: Scheduler, wait: Callable[[float | None], object], predicate: Callable[[], T], timeout: float | None
) -> T:
    end = None if timeout is None else scheduler.now + timeout
    while not (result := predicate()):
        left = None if end is None else end - scheduler.now
        if left is not None and left <= 0:
            break
        wait(left)
    return result


class _Lock(ABC):
    @abstractmethod
    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """As threading's locks do."""

    @abstractmethod
    def release(self) -> None:
        """As threading's locks do."""

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *exception: object) -> None:
        self.release()


class Lock(_Lock):
    """threading.Lock; who waits longest gets it."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._waiting = Waiting(scheduler)
        self._is_held = False

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        if not self._is_held:
            self._is_held = True
            return True
        # Whoever releases it hands it over.
        return blocking and self._waiting.wait(None if timeout < 0 else timeout)

    def release(self) -> None:
        self._is_held = len(self._waiting) > 0
        self._waiting.wake(1)

    def locked(self) -> bool:
        return self._is_held


class RLock(Lock):
    """threading.RLock."""

    def __init__(self, scheduler: Scheduler) -> None:
        super().__init__(scheduler)
        self._scheduler = scheduler
        self._owner: Task | None = None
        self._times = 0

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        task = self._scheduler.current
        if self._owner is not task:
            if not super().acquire(blocking, timeout):
                return False
            self._owner = task
        self._times += 1
        return True

    def release(self) -> None:
        self._times -= 1
        if self._times == 0:
            self._owner = None
            super().release()


class Condition(_Lock):
    """threading.Condition, whose lock the waiting thread holds once."""

    def __init__(self, scheduler: Scheduler, lock: Lock | None = None) -> None:
        self._scheduler = scheduler
        self._lock = lock or RLock(scheduler)
        self._waiting = Waiting(scheduler)

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        return self._lock.acquire(blocking, timeout)

    def release(self) -> None:
        self._lock.release()

    def wait(self, timeout: float | None = None) -> bool:
        self.release()
        try:
            return self._waiting.wait(timeout)
        finally:
            self.acquire()

    def wait_for(self, predicate: Callable[[], T], timeout: float | None = None) -> T:
        return _wait_for(self._scheduler, self.wait, predicate, timeout)

    def notify(self, n: int = 1) -> None:
        self._waiting.wake(n)

    def notify_all(self) -> None:
        self._waiting.wake()


class Event:
    """threading.Event."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._waiting = Waiting(scheduler)
        self._is_set = False

    def is_set(self) -> bool:
        return self._is_set

    def set(self) -> None:
        self._is_set = True
        self._waiting.wake()

    def clear(self) -> None:
        self._is_set = False

    def wait(self, timeout: float | None = None) -> bool:
        # At once for zero seconds, as the real one.
        if not self._is_set and (timeout is None or timeout > 0):
            self._waiting.wait(timeout)
        return self._is_set


class Semaphore(_Lock):
    """threading.Semaphore and BoundedSemaphore."""

    def __init__(self, scheduler: Scheduler, value: int = 1) -> None:
        self._waiting = Waiting(scheduler)
        self._value = value

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        if self._value == 0 and blocking:
            self._waiting.wait_for(lambda: self._value > 0, timeout)
        if self._value == 0:
            return False
        self._value -= 1
        return True

    def release(self, n: int = 1) -> None:
        self._value += n
        self._waiting.wake(n)


class Thread:
    """threading.Thread."""

    def __init__(
        self,
        scheduler: Scheduler,
        target: Callable[..., object],
        name: str = "thread",
        args: Collection[Any] = (),
        kwargs: dict[str, Any] | None = None,
        daemon: bool | None = None,
    ) -> None:
        self.name = name
        self._scheduler = scheduler
        self._work: Callable[[], object] = partial(target, *args, **(kwargs or {}))
        self._ended = Event(scheduler)

    def start(self) -> None:
        self._scheduler.start(self._run, self.name)

    def join(self, timeout: float | None = None) -> None:
        self._ended.wait(timeout)

    def is_alive(self) -> bool:
        return not self._ended.is_set()

    def _run(self) -> None:
        try:
            self._work()
        finally:
            self._ended.set()


# What stands in for the members of the module threading, each with the scheduler as its first argument.
OF_THREADING: dict[str, Callable[..., Any]] = {
    "Lock": Lock,
    "RLock": RLock,
    "Condition": Condition,
    "Event": Event,
    "Semaphore": Semaphore,
    "BoundedSemaphore": Semaphore,
    "Thread": Thread,
}
assert all(hasattr(threading, name) for name in OF_THREADING)

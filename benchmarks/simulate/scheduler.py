"""Scheduler: threads one at a time, and a clock that jumps to the next wake-up when all of them wait.

Each virtual thread is a thread of Python, since the code that it runs blocks; but only one of them runs until it waits. So
the order of all that happens follows from the code alone, and is the same in every run and on every machine.
"""

from __future__ import annotations

import contextvars
import gc
import threading
from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import TypeVar

T = TypeVar("T")

# Seconds of wall time that a thread may take to see that the simulation is over.
_PATIENCE = 10.0


class Over(BaseException):
    """The simulation is over; raised in threads that still wait. Not an Exception: the code must not handle it."""


class Deadlock(RuntimeError):
    """All threads wait, and nothing will ever wake one."""


class Carrier(threading.Thread):
    """A thread of Python, which carries one virtual thread after another."""

    def __init__(self, carry: Callable[[Carrier], None]) -> None:
        super().__init__(target=carry, args=(self,), daemon=True)
        self.task: Task | None = None
        # Held while another thread runs.
        self.baton = threading.Lock()
        self.baton.acquire()


class Task:
    """A virtual thread."""

    def __init__(self, name: str, carrier: Carrier, work: Callable[[], object]) -> None:
        self.name = name
        self.carrier = carrier
        self.work = work
        self.is_done = False
        # Whether it waits, which of its waits this is, and whether the last one ended before its time.
        self.waits = False
        self.turn = 0
        self.woken = False


class Scheduler:
    """Runs virtual threads. `now` is in virtual seconds since the start; `switches` counts how often another thread ran."""

    def __init__(self) -> None:
        self.now = 0.0
        self.switches = 0
        self.current = Task("main", Carrier(self._carry), lambda: None)
        self._main = self.current
        self._ready: deque[Task] = deque()
        # What is due: time, order, thread, and which of its waits.
        self._due: list[tuple[float, int, Task, int]] = []
        self._order = count()
        self._tasks: dict[Task, None] = {}
        self._idle: list[Carrier] = []
        self._over: BaseException | None = None

    def run(self, work: Callable[[], T]) -> T:
        """Run `work` as the first thread. Returns what it returns; the other threads then end where they wait.

        Raises:
            Deadlock: all threads wait for each other.
            Exception: what `work` or another thread raised.
        """
        gc.collect()
        # When it runs, and what it ends, would depend on how much memory was used before.
        gc.disable()
        try:
            result = work()
            if isinstance(self._over, Exception):
                raise self._over
            return result
        except Over:
            assert self._over is not None
            raise self._over from None
        finally:
            self._end()
            gc.enable()

    def start(self, work: Callable[[], object], name: str) -> Task:
        """Start a virtual thread, which runs as soon as the current one waits."""
        carrier = self._idle.pop() if self._idle else Carrier(self._carry)
        carrier.task = task = Task(name, carrier, work)
        if not carrier.is_alive():
            carrier.start()
        self._tasks[task] = None
        self._ready.append(task)
        return task

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until another thread calls `wake` for this one, or for so many seconds. Returns whether it was woken."""
        task = self.current
        if self._over is not None:
            raise Over
        task.turn += 1
        task.waits, task.woken = True, False
        if seconds is not None:
            heappush(self._due, (self.now + max(seconds, 0.0), next(self._order), task, task.turn))
        self._switch(task)
        if self._over is not None:
            raise Over
        return task.woken

    def sleep(self, seconds: float) -> None:
        """Wait for so many seconds, like time.sleep."""
        self.wait(seconds)

    def wake(self, task: Task) -> None:
        """End the wait of a thread; it runs after those that were woken before."""
        if task.waits:
            task.waits, task.woken = False, True
            self._ready.append(task)

    def monotonic(self) -> float:
        """The virtual time, like time.monotonic."""
        return self.now

    def _carry(self, carrier: Carrier) -> None:
        while True:
            carrier.baton.acquire()
            if self._over is None and (task := carrier.task) is not None:
                try:
                    contextvars.Context().run(task.work)
                except Over:
                    pass
                except BaseException as error:
                    self._over = self._over or error
                task.is_done = True
                del self._tasks[task]
            if isinstance(self._over, Over) or carrier.task is None:
                return
            self._idle.append(carrier)
            self._switch(carrier.task)

    def _next(self) -> Task:
        if self._over is not None:
            self._main.waits = False
            return self._main
        if self._ready:
            return self._ready.popleft()
        while self._due:
            time, _, task, turn = heappop(self._due)
            if task.waits and task.turn == turn:
                self.now = time
                task.waits = False
                return task
        self._over = Deadlock("All threads wait: " + ", ".join(sorted(task.name for task in self._tasks)))
        return self._main

    def _switch(self, task: Task) -> None:
        """Let the next thread run, and return when it is this one's turn again; at once if it is done."""
        following = self._next()
        if following is task:
            return
        self.switches += 1
        self.current = following
        following.carrier.baton.release()
        if not task.is_done:
            task.carrier.baton.acquire()

    def _end(self) -> None:
        """End the threads that still wait, one after the other."""
        self._over = Over()
        for task in list(self._tasks):
            self.current = task
            self._release(task.carrier)
        for carrier in self._idle:
            self._release(carrier)
        self.current = self._main

    def _release(self, carrier: Carrier) -> None:
        carrier.baton.release()
        carrier.join(_PATIENCE)
        if carrier.is_alive():
            raise RuntimeError("A thread of a simulation does not end.")

"""ExportReader: reads the windows of a plan, several at a time, and in parts those that cannot be read whole."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import partial

from source_iterable.api.client import IterableClient
from source_iterable.api.retry import SHORTEST_WINDOW, WINDOW
from source_iterable.api.spooled import SpooledResponse
from source_iterable.config import Config
from source_iterable.errors import TransientError, WindowFailed
from source_iterable.exports.choice import TransportChoice
from source_iterable.exports.demand import Demand, Opening
from source_iterable.exports.windows import Window, WindowPlan

# After this many consecutive failed windows, across streams, the windows are not to blame.
MAX_FAILED_IN_A_ROW = 60
# Windows that are requested at a time, across streams: more than the transports ever have under way.
THREADS = 64


class SubWindow(Iterator[SpooledResponse]):
    """A window, or a part of one that is read on its own: an iterator over its complete responses.

    `size` is the bytes of those consumed so far.
    """

    def __init__(self, window: Window, responses: Iterator[SpooledResponse]) -> None:
        self.window = window
        self.size = 0
        self._responses = responses

    def __next__(self) -> SpooledResponse:
        response = next(self._responses)
        self.size += response.size
        return response


# Bytes of a window, and the seconds that it took, by the name of the transport.
Took = Mapping[str, tuple[int, float]]
SubWindows = Generator[SubWindow, None, None]


class ExportReader:
    """The export API as a stream sees it: a data type and a plan in, complete responses out. Shared by all threads."""

    def __init__(self, client: IterableClient, config: Config, logger: logging.Logger) -> None:
        self._client = client
        self._logger = logger
        self._choice = TransportChoice(client, config.export_method, logger)
        self._failed_in_a_row = 0
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="window")

    def read(self, data_type: str, plan: WindowPlan) -> Iterator[SubWindow]:
        """Yield the windows of a plan in time order, each whole or in parts. Later windows are opened ahead.

        Consume a SubWindow before advancing. Raises IterableError.
        """
        reading = _Reading(data_type, plan, self._pool, partial(self._sub_windows, data_type, plan))
        windows = self._choice.windows
        try:
            with windows.serving(reading):
                while True:
                    # While the dispatcher is locked: between the cut of a window and its opening, there seems to be none.
                    windows.wait(lambda: reading.opened or not plan.left)
                    if not reading.opened:
                        break
                    yield from reading.opened[0]
                    with windows.changing():
                        reading.opened.popleft()
        finally:
            for unread in reading.opened:
                unread.close()

    def expect(self, took: Took) -> None:
        """Begin with what the transports took in an earlier sync."""
        for transport in self._choice.transports:
            if transport.name in took:
                transport.durations.suppose(*took[transport.name])

    def took(self, data_type: str) -> Took:
        """What the transports have taken last for a data type in this sync."""
        transports = self._choice.transports
        return {each.name: last for each in transports if (last := each.durations.last.get(data_type)) is not None}

    def close(self) -> None:
        """Cancel what this sync has left running at Iterable."""
        self._choice.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _sub_windows(self, data_type: str, plan: WindowPlan, opening: Opening) -> SubWindows:
        window = opening.window
        ahead, received = [window], 0
        # The first attempt has a transport; others wait for one.
        openings = [opening]
        while ahead:
            current = ahead.pop()
            if not openings and current.seconds > 1 and self._choice.is_too_large(data_type, current):
                ahead += reversed(current.parts())
                continue
            try:
                policy = WINDOW if current.seconds > 1 else SHORTEST_WINDOW
                attempt = partial(self._open, data_type, current, openings)
                opened = SubWindow(current, self._client.with_retries(policy, f"{data_type}, {current}", attempt))
            except WindowFailed as why:
                expected = max(current.expected_bytes, why.expected_bytes)
                larger = current._replace(expected_bytes=expected)
                if current.seconds == 1:
                    if self._choice.is_for_fewer(data_type, larger, current):
                        ahead.append(larger)
                        continue
                    message = f"Iterable's export of {data_type}, {current}, failed: {why} The next sync will retry it."
                    raise TransientError(message) from None
                self._logger.info(f"Reading {data_type}, {current}, in smaller windows: {why}")
                with self._choice.windows.changing():
                    if current == window and plan.retract(window, expected):
                        return
                ahead += reversed(larger.parts())
            else:
                yield opened
                received += opened.size
                # What remains is probably as dense.
                ahead = [each._replace(expected_bytes=opened.size * each.seconds // current.seconds) for each in ahead]
        with self._choice.windows.changing():
            plan.learn(window, received)

    def _open(self, data_type: str, window: Window, openings: list[Opening]) -> Iterator[SpooledResponse]:
        try:
            responses = self._choice.open(data_type, window, openings.pop() if openings else None)
        except WindowFailed as why:
            self._failed_in_a_row += 1
            if self._failed_in_a_row < MAX_FAILED_IN_A_ROW:
                raise
            failed = f"{self._failed_in_a_row} consecutive windows failed, most recently {data_type}, {window}: {why}"
            raise TransientError(f"Iterable's export API is not working: {failed}") from None
        self._failed_in_a_row = 0
        return responses


class _Opened:
    """A window of which the first part is opened in the pool: an iterator over its parts."""

    def __init__(self, parts: SubWindows, first: Future[SubWindow | None], spool_bytes: int) -> None:
        self.spool_bytes = spool_bytes
        self._parts = parts
        self._first = first

    def __iter__(self) -> Iterator[SubWindow]:
        if (first := self._first.result()) is not None:
            yield first
            yield from self._parts

    def close(self) -> None:
        # At once, or when the thread is done with it: a running generator cannot be closed. One that has not begun is not
        # cancelled: only what is read gives the capacity of its transport back.
        self._first.add_done_callback(lambda _: self._parts.close())


class _Reading(Demand):
    """The windows of a plan; `opened` are those that were cut and are not yet consumed, in time order."""

    def __init__(
        self, data_type: str, plan: WindowPlan, pool: ThreadPoolExecutor, sub_windows: Callable[[Opening], SubWindows]
    ) -> None:
        super().__init__(data_type)
        self.opened: deque[_Opened] = deque()
        self._plan = plan
        self._pool = pool
        self._sub_windows = sub_windows
        # The pool reads for the stream of this thread.
        self._context = copy_context()

    @property
    def bytes_left(self) -> int | None:
        return self._plan.bytes_left if self._plan.left else None

    @property
    def is_open(self) -> bool:
        return self._plan.left and len(self.opened) < self._plan.at_once

    @property
    def spooled_bytes(self) -> int:
        return sum(each.spool_bytes for each in self.opened)

    def cut(self, size: int) -> Window:
        return self._plan.cut(size)

    def take(self, opening: Opening, spool_bytes: int) -> None:
        parts = self._sub_windows(opening)
        first = self._pool.submit(self._context.copy().run, lambda: next(parts, None))
        self.opened.append(_Opened(parts, first, spool_bytes))

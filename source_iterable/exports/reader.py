"""ExportReader: reads the windows of a plan, several at a time, and halves those that cannot be read whole."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from source_iterable.api.client import IterableClient
from source_iterable.api.retry import SHORTEST_WINDOW, WINDOW
from source_iterable.api.spooled import SpooledResponse
from source_iterable.config import Config
from source_iterable.errors import TransientError, WindowFailed
from source_iterable.exports.choice import TransportChoice
from source_iterable.exports.windows import Window, WindowPlan
from source_iterable.process.progress import inherited

# After this many consecutive failed windows, across streams, the windows are not to blame.
MAX_FAILED_IN_A_ROW = 60
# Windows opened ahead of their turn, across streams: twice as many as Iterable runs jobs.
WINDOWS_AHEAD = 8


class SubWindow(Iterator[SpooledResponse]):
    """A window, or what is read on its own of one that was halved: an iterator over its complete responses.

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


SubWindows = Generator[SubWindow, None, None]


class ExportReader:
    """The export API as a stream sees it: a data type and a plan in, complete responses out. Shared by all threads."""

    def __init__(self, client: IterableClient, config: Config, logger: logging.Logger) -> None:
        self._client = client
        self._logger = logger
        self._choice = TransportChoice(client, config.export_method, logger)
        self._failed_in_a_row = 0
        self._pool = ThreadPoolExecutor(WINDOWS_AHEAD, thread_name_prefix="window")
        self._slots = threading.Semaphore(WINDOWS_AHEAD)

    def read(self, data_type: str, plan: WindowPlan) -> Iterator[SubWindow]:
        """Yield the windows of a plan in time order, each whole or in parts. Later windows are opened ahead.

        Consume a SubWindow before advancing. Raises IterableError.
        """
        opened: deque[SubWindows | _OpenedAhead] = deque()
        try:
            while plan.left or opened:
                # The stream's own thread opens the first one when it gets there, the pool those behind it.
                while plan.left and len(opened) < plan.at_once and (not opened or self._slots.acquire(blocking=False)):
                    parts = self._sub_windows(data_type, plan, plan.next())
                    opened.append(_OpenedAhead(parts, self._pool, self._slots) if opened else parts)
                yield from opened.popleft()
        finally:
            for unread in opened:
                unread.close()

    def close(self) -> None:
        """Cancel what this sync has left running at Iterable."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._choice.close()

    def _sub_windows(self, data_type: str, plan: WindowPlan, window: Window) -> SubWindows:
        ahead, received = [window], 0
        while ahead:
            current = ahead.pop()
            if current.seconds > 1 and self._choice.is_too_large(data_type, current):
                ahead += reversed(current.halves())
                continue
            try:
                policy = WINDOW if current.seconds > 1 else SHORTEST_WINDOW
                attempt = partial(self._open, data_type, current)
                opened = SubWindow(current, self._client.with_retries(policy, f"{data_type}, {current}", attempt))
            except WindowFailed as why:
                if current.seconds == 1:
                    message = f"Iterable's export of {data_type}, {current}, failed: {why} The next sync will retry it."
                    raise TransientError(message) from None
                self._logger.info(f"Reading {data_type}, {current}, in halves: {why}")
                expected = max(current.expected_bytes, why.expected_bytes)
                ahead += reversed(current._replace(expected_bytes=expected).halves())
            else:
                yield opened
                received += opened.size
                # What remains is probably as dense.
                ahead = [each._replace(expected_bytes=opened.size * each.seconds // current.seconds) for each in ahead]
        plan.learn(window, received)

    def _open(self, data_type: str, window: Window) -> Iterator[SpooledResponse]:
        try:
            responses = self._choice.open(data_type, window)
        except WindowFailed as why:
            self._failed_in_a_row += 1
            if self._failed_in_a_row < MAX_FAILED_IN_A_ROW:
                raise
            failed = f"{self._failed_in_a_row} consecutive windows failed, most recently {data_type}, {window}: {why}"
            raise TransientError(f"Iterable's export API is not working: {failed}") from None
        self._failed_in_a_row = 0
        return responses


class _OpenedAhead:
    """Sub-windows, the first of which is opened in the pool. Its slot stays taken until it is consumed or closed.

    So the disk holds no more windows than there are slots.
    """

    def __init__(self, parts: SubWindows, pool: ThreadPoolExecutor, slots: threading.Semaphore) -> None:
        self._parts = parts
        self._slots = slots
        self._first = pool.submit(inherited(next), parts)

    def __iter__(self) -> Iterator[SubWindow]:
        try:
            first = self._first.result()
        finally:
            self._slots.release()
        yield first
        yield from self._parts

    def close(self) -> None:
        self._slots.release()
        self._first.cancel()
        # At once, or when the thread is done with it: a running generator cannot be closed.
        self._first.add_done_callback(lambda _: self._parts.close())

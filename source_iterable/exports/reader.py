"""ExportReader: reads the windows of a plan, several at a time, and halves those that cannot be read whole."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from source_iterable.api.client import IterableClient
from source_iterable.api.retry import SHORTEST_WINDOW, WINDOW
from source_iterable.api.spooled import SpooledResponse
from source_iterable.config import Config
from source_iterable.errors import TransientError, WindowFailed
from source_iterable.exports.choice import TransportChoice
from source_iterable.exports.windows import Window, WindowPlan
from source_iterable.process.progress import inherited

# After this many failed windows in a row, across streams, the windows are not to blame.
MAX_FAILED_IN_A_ROW = 60
# Windows opened ahead of their turn, across streams: twice as many as Iterable runs jobs.
WINDOWS_AHEAD = 8


class Parts(Iterator[SpooledResponse]):
    """The parts of a window; `size` is the bytes consumed so far."""

    def __init__(self, parts: Iterator[SpooledResponse]) -> None:
        self._parts = parts
        self.size = 0

    def __next__(self) -> SpooledResponse:
        part = next(self._parts)
        self.size += part.size
        return part


Piece = tuple[Window, Parts]


class Pieces(Protocol):
    """The pieces that a window is read in, in time order. Consume a piece's parts before advancing."""

    def __iter__(self) -> Iterator[Piece]: ...

    def close(self) -> None: ...


class ExportReader:
    """The export API as a stream sees it: a data type and a plan in, complete parts out. Shared by all threads."""

    def __init__(self, client: IterableClient, config: Config, logger: logging.Logger) -> None:
        self._client = client
        self._logger = logger
        self._choice = TransportChoice(client, config.export_method, logger)
        self._failed_in_a_row = 0
        self._pool = ThreadPoolExecutor(WINDOWS_AHEAD, thread_name_prefix="window")
        self._slots = threading.Semaphore(WINDOWS_AHEAD)

    def read(self, data_type: str, plan: WindowPlan) -> Iterator[Piece]:
        """Yield the windows of a plan in time order, in one or more pieces each. Later windows are opened ahead.

        Consume a piece's parts before advancing. Raises IterableError.
        """
        opened: deque[tuple[Window, Pieces]] = deque()
        try:
            while True:
                self._open_more(data_type, plan, opened)
                if not opened:
                    return
                window, pieces = opened.popleft()
                received = 0
                for piece, parts in pieces:
                    yield piece, parts
                    received += parts.size
                plan.learn(window, received)
        finally:
            for _, pieces in opened:
                pieces.close()

    def close(self) -> None:
        """Cancel what this sync has left running at Iterable."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._choice.close()

    def _open_more(self, data_type: str, plan: WindowPlan, opened: deque[tuple[Window, Pieces]]) -> None:
        """Open the next windows in the pool. The stream's own thread opens the first one when it gets there."""
        while plan.left and len(opened) < plan.at_once:
            ahead = bool(opened)
            if ahead and not self._slots.acquire(blocking=False):
                return
            window = plan.next()
            pieces = self._pieces(data_type, window)
            opened.append((window, _OpenedAhead(pieces, self._pool, self._slots) if ahead else pieces))

    def _pieces(self, data_type: str, window: Window) -> Generator[Piece, None, None]:
        ahead = [window]
        while ahead:
            current = ahead.pop()
            if current.seconds > 1 and self._choice.is_too_large(data_type, current):
                ahead += reversed(current.halves())
                continue
            try:
                parts = Parts(self._open(data_type, current))
            except WindowFailed as why:
                if current.seconds == 1:
                    raise TransientError(
                        f"Iterable's export of {data_type}, {current}, failed: {why} The next sync will retry it."
                    ) from None
                self._logger.info(f"Reading {data_type}, {current}, in halves: {why}")
                ahead += reversed(current.expecting(max(current.expected_bytes or 0, why.expected_bytes)).halves())
            else:
                yield current, parts
                # What remains is probably as dense.
                ahead = [each.expecting(parts.size * each.seconds // current.seconds) for each in ahead]

    def _open(self, data_type: str, window: Window) -> Iterator[SpooledResponse]:
        def attempt() -> Iterator[SpooledResponse]:
            try:
                parts = self._choice.open(data_type, window)
            except WindowFailed as why:
                self._note_failure(data_type, window, why)
                raise
            self._failed_in_a_row = 0
            return parts

        policy = WINDOW if window.seconds > 1 else SHORTEST_WINDOW
        return self._client.with_retries(policy, f"{data_type}, {window}", attempt)

    def _note_failure(self, data_type: str, window: Window, why: WindowFailed) -> None:
        self._failed_in_a_row += 1
        if self._failed_in_a_row >= MAX_FAILED_IN_A_ROW:
            raise TransientError(
                f"Iterable's export API is out of order: {self._failed_in_a_row} windows in a row failed, the last one "
                f"{data_type}, {window}: {why}"
            )


class _OpenedAhead:
    """Pieces whose first one is opened ahead in the pool. The slot stays taken until they are read or closed.

    So the disk holds no more windows than there are slots.
    """

    def __init__(
        self, pieces: Generator[Piece, None, None], pool: ThreadPoolExecutor, slots: threading.Semaphore
    ) -> None:
        self._pieces = pieces
        self._slots = slots
        self._first = pool.submit(inherited(next), pieces, None)

    def __iter__(self) -> Iterator[Piece]:
        try:
            first = self._first.result()
        finally:
            self._slots.release()
        if first is not None:
            yield first
            yield from self._pieces

    def close(self) -> None:
        self._slots.release()
        self._first.cancel()
        # At once, or when the thread is done with it: a running generator cannot be closed.
        self._first.add_done_callback(lambda _: self._pieces.close())

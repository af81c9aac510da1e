"""The queue between the reader threads and stdout: bounded in bytes, with states in order among the records."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import Empty, Full, Queue
from typing import Any

from airbyte_cdk.models import AirbyteMessage, Level
from airbyte_cdk.sources.message import MessageRepository
from airbyte_cdk.sources.message.repository import LogMessage

from source_iterable.airbyte.heartbeat import Heartbeat
from source_iterable.records.batch import RecordBatch

# Capacity of the queue, in bytes of batches.
QUEUE_BYTES = 8 * 2**20


class BatchQueue(Queue[Any]):
    """A queue of CDK items and batches, full at QUEUE_BYTES of batches, however many other items it holds.

    `get` returns a state of `heartbeat` when one is due and the queue is empty: all that was in it is written by then, so
    the state overtakes nothing.
    """

    def __init__(self) -> None:
        super().__init__(maxsize=QUEUE_BYTES)
        self.heartbeat = Heartbeat()

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        while block and timeout is None:
            try:
                return super().get(timeout=self.heartbeat.seconds_left)
            except Empty:
                if (state := self.heartbeat.beat()) is not None:
                    return state
        return super().get(block, timeout)

    def _init(self, maxsize: int) -> None:
        super()._init(maxsize)
        self._bytes = 0
        self._closed = False

    def close(self) -> None:
        """Unblock waiting producers: nothing is read from now on, and new items are dropped."""
        with self.mutex:
            self.maxsize = 0
            self._closed = True
            self.not_full.notify_all()

    def _qsize(self) -> int:
        # Every item adds one byte, so that a queue without batches does not look empty.
        return self._bytes + len(self.queue)

    def _put(self, item: Any) -> None:
        if not self._closed:
            self._bytes += _size(item)
            super()._put(item)

    def _get(self) -> Any:
        item = super()._get()
        self._bytes -= _size(item)
        return item


def _size(item: Any) -> int:
    return len(item.lines) if isinstance(item, RecordBatch) else 0


class QueueMessageRepository(MessageRepository):
    """Sends the reader threads' messages through the queue of their records, so that no state overtakes a record.

    The main thread, which drains the queue, must not block on it; its own messages (the state of a finished stream) are
    written at once. The CDK's ConcurrentMessageRepository writes them after the stream's COMPLETE status.
    """

    def __init__(self, queue: BatchQueue) -> None:
        self._queue = queue
        self._main_thread = threading.get_ident()
        self._of_main_thread: deque[AirbyteMessage] = deque()

    def emit_message(self, message: AirbyteMessage) -> None:
        if threading.get_ident() == self._main_thread:
            self._of_main_thread.append(message)
        elif message.trace and message.trace.stream_status:
            # A status may be left out, if nobody reads: who waits for a limit must not wait for stdout, too.
            with suppress(Full):
                self._queue.put_nowait(message)
        else:
            self._queue.put(message)

    def log_message(self, level: Level, message_provider: Callable[[], LogMessage]) -> None:
        """No-op: the connector logs through its logger."""

    def consume_queue(self) -> Iterator[AirbyteMessage]:
        while self._of_main_thread:
            yield self._of_main_thread.popleft()

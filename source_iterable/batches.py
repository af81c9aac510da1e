"""Batches: many finished RECORD messages that pass the CDK's queue as one item and reach stdout in one write.

Why: the CDK spends about 30 microseconds on each record that passes its queue and its serializer one by one (33,000 records
a second on two cores, where a bare orjson loop reaches 180,000); a batch costs the same once for a thousand of them.
Everything else stays the CDK's: stream status, state messages and their record counts, error traces, logs.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from queue import Queue
from typing import Any

import orjson
from airbyte_cdk.models import AirbyteMessage, AirbyteRecordMessage, AirbyteStreamStatus, Level, Type
from airbyte_cdk.sources.concurrent_source.concurrent_read_processor import ConcurrentReadProcessor
from airbyte_cdk.sources.concurrent_source.concurrent_source import ConcurrentSource
from airbyte_cdk.sources.message import MessageRepository
from airbyte_cdk.sources.message.repository import LogMessage
from airbyte_cdk.sources.streams.concurrent.partitions.types import QueueItem
from airbyte_cdk.sources.types import Record
from airbyte_cdk.utils.stream_status_utils import as_airbyte_message as stream_status

# The queue between the reading threads and stdout holds about this many bytes of batches.
QUEUE_BYTES = 8 * 2**20


class RecordBatch(Record):
    """`count` RECORD messages of one stream, serialized, each line with its newline.

    A Record to the CDK's typing alone: it holds no data of its own.
    """

    def __init__(self, stream_name: str, count: int, lines: bytes) -> None:
        super().__init__(data={}, stream_name=stream_name)
        self.count = count
        self.lines = lines

    def __bool__(self) -> bool:
        # The CDK takes what its queue holds for the end when it is false, and a Record without data is.
        return True

    def messages(self) -> Iterator[AirbyteMessage]:
        """The same records as the CDK's messages, for callers that are not stdout."""
        for line in self.lines.splitlines():
            yield AirbyteMessage(type=Type.RECORD, record=AirbyteRecordMessage(**orjson.loads(line)["record"]))


class LineFormat:
    """How a RECORD message of one stream looks around its data; the bytes are those of the CDK's serializer."""

    def __init__(self, stream_name: str) -> None:
        self.stream_name = stream_name
        self.before = b'{"type":"RECORD","record":{"stream":%b,"data":' % orjson.dumps(stream_name)

    def after(self) -> bytes:
        """The end of a line, with the time of now in milliseconds; taken once a batch."""
        return b',"emitted_at":%d}}\n' % (time.time_ns() // 1_000_000)

    def batch(self, records: Iterable[Mapping[str, Any]]) -> RecordBatch:
        """A batch of ready records."""
        before, after = self.before, self.after()
        lines = [before + orjson.dumps(record) + after for record in records]
        return RecordBatch(self.stream_name, len(lines), b"".join(lines))


class BatchQueue(Queue[QueueItem]):
    """A queue that is full when the batches in it have QUEUE_BYTES bytes, however many other items it holds."""

    def __init__(self) -> None:
        super().__init__(maxsize=QUEUE_BYTES)

    def _init(self, maxsize: int) -> None:
        super()._init(maxsize)
        self._bytes = 0
        self._closed = False

    def close(self) -> None:
        """Let nobody wait for room any more: nothing is read from now on, so what is put is dropped."""
        with self.mutex:
            self.maxsize = 0
            self._closed = True
            self.not_full.notify_all()

    def _qsize(self) -> int:
        # Other items count one byte each, so that a queue that holds any is not empty.
        return self._bytes + len(self.queue)

    def _put(self, item: QueueItem) -> None:
        if not self._closed:
            self._bytes += _size(item)
            super()._put(item)

    def _get(self) -> QueueItem:
        item: QueueItem = super()._get()
        self._bytes -= _size(item)
        return item


def _size(item: QueueItem) -> int:
    return len(item.lines) if isinstance(item, RecordBatch) else 0


class QueueMessageRepository(MessageRepository):
    """Sends the messages of reading threads through the queue of their records, so that no state overtakes a record.

    The main thread, which empties the queue, must not wait for room in it; its own messages (the state of a stream that is
    done) are written at once. The CDK's ConcurrentMessageRepository writes them behind the stream's COMPLETE status.
    """

    def __init__(self, queue: Queue[QueueItem]) -> None:
        self._queue = queue
        self._main_thread = threading.get_ident()
        self._of_main_thread: deque[AirbyteMessage] = deque()

    def emit_message(self, message: AirbyteMessage) -> None:
        if threading.get_ident() == self._main_thread:
            self._of_main_thread.append(message)
        else:
            self._queue.put(message)

    def log_message(self, level: Level, message_provider: Callable[[], LogMessage]) -> None:
        """Nothing: the connector logs through its logger."""

    def consume_queue(self) -> Iterator[AirbyteMessage]:
        while self._of_main_thread:
            yield self._of_main_thread.popleft()


class BatchingConcurrentSource(ConcurrentSource):
    """The CDK's concurrent source, which also understands batches and hands them on whole."""

    def _handle_item(
        self, queue_item: QueueItem, concurrent_stream_processor: ConcurrentReadProcessor
    ) -> Iterable[AirbyteMessage]:
        if not isinstance(queue_item, RecordBatch):
            yield from super()._handle_item(queue_item, concurrent_stream_processor)
        elif queue_item.count > 0:
            # What the CDK's on_record does for a record, once for all of them.
            counter = concurrent_stream_processor._record_counter
            name = queue_item.stream_name
            if counter[name] == 0:
                self._logger.info(f"Marking stream {name} as RUNNING")
                stream = concurrent_stream_processor._stream_name_to_instance[name]
                yield stream_status(stream.as_airbyte_stream(), AirbyteStreamStatus.RUNNING)
            counter[name] += queue_item.count
            yield queue_item  # type: ignore[misc]  # run.py writes it; SourceIterable.read unfolds it for others
            yield from self._message_repository.consume_queue()

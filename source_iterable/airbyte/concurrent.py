"""The CDK's concurrent source, passing batches through whole. The only module that uses private members of the CDK."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from airbyte_cdk.models import AirbyteMessage, AirbyteStreamStatus
from airbyte_cdk.sources.concurrent_source.concurrent_read_processor import ConcurrentReadProcessor
from airbyte_cdk.sources.concurrent_source.concurrent_source import ConcurrentSource
from airbyte_cdk.sources.concurrent_source.thread_pool_manager import ThreadPoolManager
from airbyte_cdk.utils.stream_status_utils import as_airbyte_message as stream_status

from source_iterable.airbyte.queue import BatchQueue, QueueMessageRepository
from source_iterable.records.batch import RecordBatch

# Threads, one for each stream (most just wait for Iterable), and how many streams start at once.
WORKERS, STARTERS = 100, 10


class BatchingConcurrentSource(ConcurrentSource):
    """Handles a whole batch the way the CDK handles one record."""

    def __init__(self, queue: BatchQueue, messages: QueueMessageRepository, logger: logging.Logger) -> None:
        threads = ThreadPoolExecutor(max_workers=WORKERS, thread_name_prefix="reader")
        super().__init__(
            ThreadPoolManager(threads, logger),
            logger,
            queue=queue,
            message_repository=messages,
            initial_number_partitions_to_generate=STARTERS,
        )

    def _handle_item(
        self, queue_item: Any, concurrent_stream_processor: ConcurrentReadProcessor
    ) -> Iterable[AirbyteMessage]:
        if not isinstance(queue_item, RecordBatch):
            yield from super()._handle_item(queue_item, concurrent_stream_processor)
            return
        # What ConcurrentReadProcessor.on_record does for a record.
        counter = concurrent_stream_processor._record_counter
        name = queue_item.stream_name
        if counter[name] == 0:
            self._logger.info(f"Marking stream {name} as RUNNING")
            stream = concurrent_stream_processor._stream_name_to_instance[name]
            yield stream_status(stream.as_airbyte_stream(), AirbyteStreamStatus.RUNNING)
        counter[name] += queue_item.count
        yield queue_item  # type: ignore[misc]  # the entrypoint writes it; SourceIterable.read unpacks it for others
        yield from self._message_repository.consume_queue()

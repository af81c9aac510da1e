"""The CDK internals that the adapter relies on. A CDK version that changes them fails here."""

from __future__ import annotations

import ast
import inspect
import logging
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from airbyte_cdk.models import AirbyteMessage, AirbyteStream, AirbyteStreamStatus, SyncMode, Type
from airbyte_cdk.sources.concurrent_source.concurrent_read_processor import ConcurrentReadProcessor
from airbyte_cdk.sources.concurrent_source.concurrent_source import ConcurrentSource
from airbyte_cdk.sources.concurrent_source.thread_pool_manager import ThreadPoolManager

import source_iterable
from source_iterable.airbyte import concurrent
from source_iterable.airbyte.concurrent import BatchingConcurrentSource
from source_iterable.airbyte.queue import BatchQueue, QueueMessageRepository
from source_iterable.records.batch import RecordBatch

OF_THE_PROCESSOR = {"_record_counter", "_stream_name_to_instance"}
OF_THE_SOURCE = {"_logger", "_message_repository"}
OVERRIDDEN = "_handle_item"
# Of named tuples, where the underscore does not mean private.
PUBLIC = {"_replace"}
LOGGER = logging.getLogger("airbyte")
FOLDER = Path(source_iterable.__file__).parent


class _Stream:
    name = "lists"
    block_simultaneous_read = ""

    def as_airbyte_stream(self) -> AirbyteStream:
        return AirbyteStream(name=self.name, json_schema={}, supported_sync_modes=[SyncMode.full_refresh])


def a_processor() -> ConcurrentReadProcessor:
    nothing: Any = None
    return ConcurrentReadProcessor(
        [_Stream()],  # type: ignore[list-item]
        nothing,
        nothing,
        LOGGER,
        nothing,
        nothing,
        nothing,
    )


def test_the_cdk_has_the_private_members_that_the_adapter_uses() -> None:
    assert set(vars(a_processor())) >= OF_THE_PROCESSOR
    queue = BatchQueue()
    source = ConcurrentSource(ThreadPoolManager(ThreadPoolExecutor(), LOGGER), LOGGER, queue=queue)
    assert set(vars(source)) >= OF_THE_SOURCE
    handle_item = getattr(ConcurrentSource, OVERRIDDEN)
    assert list(inspect.signature(handle_item).parameters)[1:] == ["queue_item", "concurrent_stream_processor"]


def test_the_adapter_uses_no_other_private_members_and_other_modules_use_none() -> None:
    used = set()
    for file in FOLDER.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and re.match("_[a-z]", node.attr):
                own = ast.unparse(node.value) in ("self", "super()", "os")
                if not own and node.attr not in PUBLIC:
                    used.add((file.name, node.attr))
    assert used == {(Path(concurrent.__file__).name, name) for name in OF_THE_PROCESSOR}


def test_only_the_adapter_imports_the_cdk() -> None:
    importing = {
        file.relative_to(FOLDER).parts[0] for file in FOLDER.rglob("*.py") if "airbyte_cdk" in file.read_text("utf-8")
    }
    assert importing == {"airbyte"}


def test_a_batch_counts_all_its_records_and_the_first_marks_the_stream_running() -> None:
    queue = BatchQueue()
    source = BatchingConcurrentSource(queue, QueueMessageRepository(queue), LOGGER)
    processor = a_processor()
    batches = [RecordBatch("lists", count, b"...") for count in (3, 2)]
    out = [list(source._handle_item(batch, processor)) for batch in batches]
    status, first = out[0]
    assert isinstance(status, AirbyteMessage)
    assert status.type == Type.TRACE
    assert status.trace and status.trace.stream_status
    assert status.trace.stream_status.status == AirbyteStreamStatus.RUNNING
    assert (first, out[1]) == (batches[0], [batches[1]])
    assert processor._record_counter == {"lists": 5}

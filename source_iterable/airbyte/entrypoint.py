"""The Airbyte protocol on stdout: the CDK's entrypoint, with batches written as they are."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from types import FrameType
from typing import Any, NoReturn

from airbyte_cdk.entrypoint import AirbyteEntrypoint
from airbyte_cdk.logger import PRINT_BUFFER
from airbyte_cdk.models import AirbyteMessage, ConnectorSpecification
from airbyte_cdk.sources.connector_state_manager import HashableStreamDescriptor

from source_iterable.airbyte.source import SourceIterable
from source_iterable.records.batch import RecordBatch


class Entrypoint(AirbyteEntrypoint):
    """The CDK's entrypoint, which also counts batches and writes their lines as they are."""

    def read(self, *arguments: Any) -> Iterator[AirbyteMessage]:
        for message in super().read(*arguments):
            if isinstance(message, RecordBatch):
                write(message.lines)
            else:
                yield message

    @staticmethod
    def validate_connection(source_spec: ConnectorSpecification, config: Any) -> None:
        """Nothing: the source validates with its own model, which names the key that is wrong where the CDK does not."""

    @staticmethod
    def handle_record_counts(
        message: AirbyteMessage, stream_message_count: defaultdict[HashableStreamDescriptor, float]
    ) -> AirbyteMessage:
        if isinstance(message, RecordBatch):
            stream_message_count[HashableStreamDescriptor(message.stream_name)] += message.count
            return message
        return AirbyteEntrypoint.handle_record_counts(message, stream_message_count)


def write(lines: bytes) -> None:
    """Write whole lines to stdout, behind whatever has been logged, and flush."""
    assert sys.__stdout__ is not None
    with PRINT_BUFFER.lock:
        PRINT_BUFFER.flush()
        sys.__stdout__.buffer.write(lines)
        sys.__stdout__.buffer.flush()


def launch(arguments: list[str]) -> None:
    """Run one command of the Airbyte protocol. SIGTERM ends it through its clean-up, with exit code 143."""
    # Before stdout and stderr are the CDK's: what argparse says about wrong arguments is no protocol.
    parsed = AirbyteEntrypoint.parse_args(arguments or ["--help"])
    signal.signal(signal.SIGTERM, _terminate)
    # The CDK's log handler holds lines back for a tenth of a second, or until the next one comes. Ours are written at once.
    PRINT_BUFFER.flush_interval = 0.0
    entrypoint = Entrypoint(SourceIterable(batched=True))
    # Imported modules stay: the garbage collector need not visit them again and again.
    gc.freeze()
    try:
        with PRINT_BUFFER, closing(entrypoint.run(parsed)) as messages:  # type: ignore[type-var]
            for message in messages:
                write(f"{message}\n".encode())
    except BaseException as error:
        code = error.code if isinstance(error, SystemExit) else 1
        if not isinstance(error, SystemExit):
            sys.excepthook(type(error), error, error.__traceback__)
        # Not left to the interpreter, which would wait for all threads: some may wait an hour for a response, and none of
        # what they read would be written any more.
        sys.stdout.flush()
        write(b"")
        os._exit(code if isinstance(code, int) else 1)


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    # Leaves the main thread through its `finally` blocks, which cancel this sync's export jobs.
    raise SystemExit(128 + number)

"""The Airbyte protocol on stdout: the CDK's entrypoint, with batches written at once."""

from __future__ import annotations

import argparse
import ctypes
import logging
import select
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any, NoReturn

import orjson
from airbyte_cdk.entrypoint import AirbyteEntrypoint
from airbyte_cdk.logger import PRINT_BUFFER
from airbyte_cdk.models import AirbyteMessage, ConnectorSpecification
from airbyte_cdk.sources.connector_state_manager import HashableStreamDescriptor

from source_iterable.airbyte.messages import traced
from source_iterable.airbyte.source import SourceIterable
from source_iterable.airbyte.state_file import HELP, StateFile, taken_from
from source_iterable.process.display import one_line
from source_iterable.process.ending import StopSignals, end
from source_iterable.process.machine import trouble
from source_iterable.records.batch import RecordBatch


class Entrypoint(AirbyteEntrypoint):
    """The CDK's entrypoint, which also counts and writes batches, and keeps a state file up to date."""

    state_file: StateFile | None = None

    def read(self, source_spec: Any, config: Any, catalog: Any, state: Any) -> Iterator[AirbyteMessage]:
        if self.state_file:
            state = self.state_file.begin(state, catalog)
        stdout = select.poll()
        stdout.register(1, 0)
        for message in super().read(source_spec, config, catalog, state):
            if not isinstance(message, RecordBatch):
                yield message
                # By now it is on stdout.
                if self.state_file and message.state:
                    self.state_file.update(message)
            elif message.count:
                write(record_messages(message))
            # An empty batch means that the sync waits for Iterable, perhaps for long: does anybody still read stdout?
            elif any(event & select.POLLERR for _, event in stdout.poll(0)):
                raise BrokenPipeError

    @staticmethod
    def validate_connection(source_spec: ConnectorSpecification, config: Any) -> None:
        """No-op: the source validates with its own model, whose errors name the offending key; the CDK's do not."""

    @staticmethod
    def handle_record_counts(
        message: AirbyteMessage, stream_message_count: defaultdict[HashableStreamDescriptor, float]
    ) -> AirbyteMessage:
        if isinstance(message, RecordBatch):
            stream_message_count[HashableStreamDescriptor(message.stream_name)] += message.count
            return message
        return AirbyteEntrypoint.handle_record_counts(message, stream_message_count)


def record_messages(batch: RecordBatch) -> bytes:
    """The RECORD messages of a batch, a line each, as the CDK's serializer writes them. The times are in milliseconds."""
    before = b'{"type":"RECORD","record":{"stream":%b,"data":' % orjson.dumps(batch.stream_name)
    after = b',"emitted_at":%d}}\n' % (time.time_ns() // 1_000_000)
    return before + batch.lines[:-1].replace(b"\n", after + before) + after


def write(lines: bytes) -> None:
    """Write whole lines to stdout, after everything logged so far, and flush."""
    assert sys.__stdout__ is not None
    with PRINT_BUFFER.lock:
        PRINT_BUFFER.flush()
        sys.__stdout__.buffer.write(lines)
        sys.__stdout__.buffer.flush()


def launch(arguments: list[str]) -> NoReturn:
    """Run one command of the Airbyte protocol, and end the process.

    SIGTERM and Ctrl-C end it through its clean-up, within ten seconds, and then by the signal itself. So does a reader of
    stdout that goes away, with exit code 141.
    """
    # Before the CDK takes over stdout and stderr: argparse's usage errors are not protocol messages.
    arguments, state_file = taken_from(arguments)
    try:
        with _errors_on_one_line():
            parsed = AirbyteEntrypoint.parse_args(arguments)
    except SystemExit as ended:
        if ended.code == 0 and arguments[:1] == ["read"]:
            print(HELP)
        raise
    stop = StopSignals()
    # No traceback on stderr for a line of the log that finds stdout closed: the next message ends the process.
    logging.raiseExceptions = False
    # The CDK's log handler holds lines back for a tenth of a second, or until the next one comes. Ours are written at once.
    PRINT_BUFFER.flush_interval = 0.0
    _return_memory_to_the_system()
    try:
        # The CDK would open every command with a line about the thresholds of its memory monitor.
        logging.getLogger("airbyte").setLevel(logging.WARNING)
        entrypoint = Entrypoint(SourceIterable(batched=True))
        logging.getLogger("airbyte").setLevel(logging.INFO)
        entrypoint.state_file = state_file
        with PRINT_BUFFER, closing(entrypoint.run(parsed)) as messages:  # type: ignore[type-var]
            for message in messages:
                write(f"{message}\n".encode())
        end(0)
    except BrokenPipeError:
        end(128 + signal.SIGPIPE)
    except BaseException as error:
        if isinstance(error, (OSError, MemoryError)):
            # The CDK's temporary files; or stdout, which then does not take this message either.
            error = traced(trouble(error))
        try:
            if stop.number is None:
                sys.excepthook(type(error), error, error.__traceback__)
            sys.stdout.flush()
            write(b"")
        except OSError as unwritable:  # a full disk behind stdout, say
            print(f"The output cannot be written: {unwritable.strerror}.", file=sys.__stderr__)
        end(1 if stop.number is None else 128 + stop.number)


@contextmanager
def _errors_on_one_line() -> Iterator[None]:
    """Meanwhile, errors of the CDK's parser quote arguments as those of ours do (arguments.py)."""
    error = argparse.ArgumentParser.error
    argparse.ArgumentParser.error = lambda parser, message: error(parser, one_line(message))  # type: ignore[assignment,method-assign]
    try:
        yield
    finally:
        argparse.ArgumentParser.error = error  # type: ignore[method-assign]


def _return_memory_to_the_system() -> None:
    """Make glibc give buffers of batches back when they are freed, instead of keeping them in arenas, one a thread.

    Measured while reading all export streams at once: 167 MB at the peak instead of 246 MB, in the same time. Does nothing
    with other C libraries.
    """
    arena_max, mmap_threshold = -8, -3  # M_ARENA_MAX and M_MMAP_THRESHOLD of malloc.h
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(arena_max, 2)
        libc.mallopt(mmap_threshold, 128 * 2**10)

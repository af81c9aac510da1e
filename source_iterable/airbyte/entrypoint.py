"""The commands of the Airbyte protocol, whose messages are written to stdout."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import time
from argparse import Namespace
from collections.abc import Generator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NoReturn

import orjson

from source_iterable.airbyte import commands, given
from source_iterable.airbyte.state_file import StateFile
from source_iterable.airbyte.stdout import LOGGER, error_message, hide, line, log_to_stdout, write
from source_iterable.process.arguments import Parser, add_config
from source_iterable.process.ending import StopSignals, end
from source_iterable.process.machine import trouble
from source_iterable.records.batch import RecordBatch
from source_iterable.spec import specification


def launch(arguments: list[str]) -> NoReturn:
    """Run one command of the Airbyte protocol, and end the process.

    SIGTERM and Ctrl-C end it through its clean-up, within ten seconds, and then by the signal itself. So does a reader of
    stdout that goes away, with exit code 141.
    """
    options = _parsed(arguments)
    stop = StopSignals()
    _return_memory_to_the_system()
    try:
        if os.environ.get("DEPLOYMENT_MODE", "").casefold() == "cloud":
            from source_iterable.airbyte.source import forbid_private_networks

            forbid_private_networks()
        log_to_stdout(options.debug)
        with closing(_lines(options)) as lines:
            for each in lines:
                write(each)
    except BrokenPipeError:
        end(128 + signal.SIGPIPE)
    except BaseException as error:
        if isinstance(error, (OSError, MemoryError)):
            # If it is of stdout, that does not take this message either.
            error = trouble(error)
        try:
            if stop.number is None:
                LOGGER.critical(error, exc_info=error)
                write(line(error_message(error)))
            # What a signal has interrupted.
            write(b"")
        except OSError as unwritable:
            print(f"The output cannot be written: {unwritable.strerror}.", file=sys.stderr)
        end(1 if stop.number is None else 128 + stop.number)
    end(0)


def _parsed(arguments: list[str]) -> Namespace:
    """The options of a command. Ends the process for wrong arguments, and for --help."""
    parser = Parser(prog="source-iterable")
    of_command = parser.add_subparsers(title="commands", dest="command", required=True)
    for command, what in (
        ("spec", "print the options, as a JSON schema"),
        ("check", "check that a sync would work"),
        ("discover", "print the streams and their columns"),
        ("read", "read streams, and print their records"),
    ):
        of = of_command.add_parser(command, help=what, description=f"{what.capitalize()}.")
        add = of.add_argument
        add("--debug", action="store_true", help="taken as by all connectors; this one has no more to log")
        if command != "spec":
            add_config(of, required=command != "check")
        if command == "read":
            add("--catalog", required=True, metavar="FILE", help="the streams to read, as from source-iterable catalog")
            add = of.add_mutually_exclusive_group().add_argument
            add("--state", metavar="FILE", help="start from the state in this file")
            add(
                "--state-file",
                metavar="FILE",
                type=Path,
                help="start from the state in this file, if it exists, and keep it up to date; not with --state",
            )
    return parser.parse_args(arguments)


def _lines(options: Namespace) -> Generator[bytes, None, None]:
    """What a command writes. Raises IterableError."""
    if options.command == "spec":
        yield line({"type": "SPEC", "spec": specification()})
        return
    config = given.configuration(options.config)
    hide(config)
    if options.command == "check":
        message = commands.check(config, LOGGER)
        if message["connectionStatus"]["status"] == "SUCCEEDED":
            LOGGER.info("Check succeeded")
        else:
            LOGGER.error("Check failed")
        yield line(message)
    elif options.command == "discover":
        yield line(commands.discover(config, LOGGER))
    else:
        yield from _lines_of_read(options, config)


def _lines_of_read(options: Namespace, config: dict[str, Any]) -> Generator[bytes, None, None]:
    catalog = given.catalog(options.catalog)
    path: Path | None = options.state_file
    if path is None:
        states = given.states(options.state) if options.state else {}
    else:
        # An empty file is no state.
        states = given.states(path) if path.exists() and path.stat().st_size else {}
        file = StateFile(path)
        states = file.begin(states, catalog)
    stdout = select.poll()
    stdout.register(1, 0)
    with closing(commands.read(config, catalog, states, LOGGER)) as messages:
        for message in messages:
            if not isinstance(message, RecordBatch):
                yield line(message)
                # By now it is on stdout.
                if path and message["type"] == "STATE":
                    file.update(message)
            elif message.count:
                yield record_messages(message)
            # An empty batch means that the sync waits for Iterable, perhaps for long: does anybody still read stdout?
            elif any(event & select.POLLERR for _, event in stdout.poll(0)):
                raise BrokenPipeError


def record_messages(batch: RecordBatch) -> bytes:
    """The RECORD messages of a batch, a line each, as the CDK's serializer writes them. The times are in milliseconds."""
    before = b'{"type":"RECORD","record":{"stream":%b,"data":' % orjson.dumps(batch.stream_name)
    after = b',"emitted_at":%d}}\n' % (time.time_ns() // 1_000_000)
    return before + batch.lines[:-1].replace(b"\n", after + before) + after


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

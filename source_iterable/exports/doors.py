"""Doors: which of the two export transports reads a window, and what becomes of a window that could not be read."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

from source_iterable.api import IterableClient
from source_iterable.config import Config
from source_iterable.errors import Forbidden, NotFound, Unreachable
from source_iterable.exports.jobs import JobsTransport
from source_iterable.exports.parts import Part
from source_iterable.exports.streaming import StreamingTransport
from source_iterable.exports.transport import Split, TryAgain
from source_iterable.exports.windows import DAY, TARGET_BYTES, Window
from source_iterable.rate_budget import Place

Transport = StreamingTransport | JobsTransport
# Windows longer than this are taken for large as long as nothing is known of their size.
LARGE_SECONDS = 8 * DAY
LARGE_BYTES = TARGET_BYTES // 2
# How often a window of one second, which cannot be cut, is asked for.
LAST_ATTEMPTS = 3
# After so many windows in a row that failed, whatever the stream, the fault is not in the windows.
MAX_FAILED_IN_A_ROW = 60


def is_large(window: Window) -> bool:
    """Whether a window had better go through a job.

    A job's files are fetched one at a time and cost no second try of the whole when one breaks; a streamed answer must
    fit its spool and arrive in one go. Small windows take whichever is free first: a streamed answer is one request
    where a job takes three, but there are four a minute of it, and a job may start every second.
    """
    if window.expected_bytes is not None:
        return window.expected_bytes > LARGE_BYTES
    return window.seconds > LARGE_SECONDS


class ExportDoors:
    """The export API as a stream sees it: a data type and a window in, complete parts out. Shared by all threads."""

    def __init__(self, client: IterableClient, config: Config, logger: logging.Logger) -> None:
        self._client = client
        self._logger = logger
        self._streaming = StreamingTransport(client)
        self._jobs = JobsTransport(client)
        doors: dict[str, list[Transport]] = {"streaming": [self._streaming], "jobs": [self._jobs]}
        self._doors = doors.get(config.export_method, [self._streaming, self._jobs])
        # What the key may not export through a door, and the doors that have let anything through.
        self._refused: dict[Transport, set[str]] = {door: set() for door in self._doors}
        self._worked: set[Transport] = set()
        # Large windows wait in a line of their own: for jobs, while small ones may go by either door.
        self._turns = {True: threading.Lock(), False: threading.Lock()}
        self._failed_in_a_row = 0

    def read(self, data_type: str, window: Window) -> Iterator[tuple[Window, Iterator[Part]]]:
        """The windows that `window` was read as, in the order of time, each with its parts.

        A window's parts are to be taken before the next window is asked for. Raises IterableError.
        """
        ahead = [window]
        while ahead:
            current = ahead.pop()
            if self._is_over_the_spool(data_type, current):
                ahead += reversed(current.halves())
                continue
            for attempt in range(1, LAST_ATTEMPTS + 1):
                try:
                    parts = self._parts(data_type, current)
                except Split as why:
                    self._note_failure(data_type, current, why)
                    if isinstance(why, TryAgain) and attempt == 1:
                        continue
                    if current.seconds > 1:
                        self._logger.info(f"Reading {data_type}, {current}, in halves: {why}.")
                        ahead += reversed(current.of_size(max(current.expected_bytes or 0, why.at_least)).halves())
                        break
                    if attempt == LAST_ATTEMPTS:
                        raise Unreachable(
                            f"Iterable's export of {data_type}, {current}, failed {attempt} times: {why}. "
                            "The next sync will try again."
                        ) from None
                    self._client.pause(attempt, f"the next attempt of {data_type}, {current}")
                else:
                    self._failed_in_a_row = 0
                    received = _Counted(parts)
                    yield current, received
                    # What is ahead is probably as dense as what came.
                    ahead = [window.of_size(received.size * window.seconds // current.seconds) for window in ahead]
                    break

    def _is_over_the_spool(self, data_type: str, window: Window) -> bool:
        """Whether a window would be streamed in vain: its answer would be received up to the bound, and thrown away."""
        is_over = (window.expected_bytes or 0) > self._streaming.spool_bytes and window.seconds > 1
        return is_over and self._jobs not in self._usable(data_type)

    def close(self) -> None:
        """Cancel what this sync has left running at Iterable."""
        self._jobs.cancel_all()

    def _parts(self, data_type: str, window: Window) -> Iterator[Part]:
        """The parts of one window, the first one fetched: what goes wrong before it is raised here."""
        while True:
            transport, place = self._enter(data_type, window)
            try:
                parts = transport.read(data_type, window, place)
                first = next(parts, None)
            except (Forbidden, NotFound) as error:
                # Some keys may use one of the two endpoints only, or not export some data types.
                self._refused[transport].add(data_type)
                if all(data_type in refused for refused in self._refused.values()):
                    raise
                self._logger.warning(f"{error} Trying the other way to export {data_type}.")
            else:
                self._worked.add(transport)
                return _chain(first, parts)

    def _enter(self, data_type: str, window: Window) -> tuple[Transport, Place]:
        """Wait for the first door that is free for this window; threads wait in turn."""
        large = is_large(window)
        with self._client.progress.waiting(f"a free export door for {data_type}"), self._turns[large]:
            while True:
                transports = self._usable(data_type)
                if large and self._jobs in transports:
                    transports = [self._jobs]
                pauses = []
                for transport in transports:
                    place = transport.try_enter()
                    if isinstance(place, Place):
                        return transport, place
                    pauses.append(place)
                self._client.wait(min(pauses))

    def _usable(self, data_type: str) -> list[Transport]:
        """The doors for a data type: not one that has refused it, nor one that refuses everything."""
        untried = [door for door in self._doors if data_type not in self._refused[door]]
        promising = [door for door in untried if door in self._worked or len(self._refused_only_by(door)) < 2]
        return promising or untried

    def _refused_only_by(self, door: Transport) -> set[str]:
        """The data types that the other door has not refused, too: those say something of the door."""
        return self._refused[door].difference(*(self._refused[other] for other in self._doors if other is not door))

    def _note_failure(self, data_type: str, window: Window, why: Split) -> None:
        self._failed_in_a_row += 1
        if self._failed_in_a_row >= MAX_FAILED_IN_A_ROW:
            raise Unreachable(
                f"Iterable's export API is out of order: {self._failed_in_a_row} windows in a row failed, the last one "
                f"{data_type}, {window}: {why}."
            )


class _Counted(Iterator[Part]):
    """Parts, and their `size` in bytes as far as they have been taken."""

    def __init__(self, parts: Iterator[Part]) -> None:
        self._parts = parts
        self.size = 0

    def __next__(self) -> Part:
        part = next(self._parts)
        self.size += part.size
        return part


def _chain(first: Part | None, rest: Iterator[Part]) -> Iterator[Part]:
    if first is not None:
        yield first
        yield from rest

"""TransportChoice: picks the transport for a window, and waits until it has capacity."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain
from typing import Protocol

from source_iterable.api.client import IterableClient
from source_iterable.api.rate_budget import NotYet, Permit, Turn
from source_iterable.api.spooled import SpooledResponse
from source_iterable.errors import BadRequest, Forbidden, NotFound
from source_iterable.exports.jobs import JobsTransport
from source_iterable.exports.streaming import StreamingTransport
from source_iterable.exports.windows import Window


class Transport(Protocol):
    """One way to read a window of records from the export API. Shared by all threads of a sync."""

    # The value of the option `export_method` that selects only this transport.
    name: str
    # The largest window that it can read, in bytes.
    max_bytes: int

    def prefers(self, window: Window) -> bool:
        """Whether it suits the window. Other windows go to it only if no usable transport prefers them."""

    def try_acquire(self) -> Permit | NotYet:
        """A permit to read one window now, or when to retry. Never waits."""

    def read(self, data_type: str, window: Window, permit: Permit) -> Iterator[SpooledResponse]:
        """Yield the window's responses or files, each received whole.

        Raises:
            WindowFailed: the window could not be read; raised before anything is yielded.
            IterableError: anything that halving the window would not fix.
        """

    def close(self) -> None:
        """Cancel what this sync has left running at Iterable."""


# All transports, in order of preference for a window that suits several.
TRANSPORTS: list[Callable[[IterableClient], Transport]] = [StreamingTransport, JobsTransport]

# Data types that connectors in production and Iterable's own client spell differently from the reference (seen).
OTHER_SPELLINGS = {"emailUnSubscribe": "emailUnsubscribe", "unknownSession": "anonSession"}


class TransportChoice:
    """The transports that the option `export_method` allows. Shared by all threads.

    A key may lack an endpoint altogether, or a data type: what is refused is not requested again.
    """

    def __init__(self, client: IterableClient, method: str, logger: logging.Logger) -> None:
        self._client = client
        self._logger = logger
        made = [make(client) for make in TRANSPORTS]
        self.transports = [transport for transport in made if method in ("auto", transport.name)]
        # The data types that each transport refused, and the transports that have worked.
        self._refused: dict[Transport, set[str]] = {transport: set() for transport in self.transports}
        self._worked: set[Transport] = set()
        self._spellings: dict[str, str] = {}
        # Windows with different candidates queue separately, so that large ones do not hold up small ones.
        self._turns: defaultdict[tuple[str, ...], Turn] = defaultdict(Turn)

    def open(self, data_type: str, window: Window) -> Iterator[SpooledResponse]:
        """Open a window of a data type, by the spelling that Iterable accepts.

        Its first response is received already, so that failures up to it are raised here: WindowFailed if halves of the
        window may work, or another IterableError.
        """
        spelling = self._spellings.get(data_type, data_type)
        try:
            return self._open(spelling, window)
        except BadRequest:
            if other := OTHER_SPELLINGS.get(spelling):
                with suppress(BadRequest):
                    responses = self._open(other, window)
                    self._logger.info(f"Iterable does not accept {data_type}, but {other}.")
                    self._spellings[data_type] = other
                    return responses
            raise

    def _open(self, data_type: str, window: Window) -> Iterator[SpooledResponse]:
        while True:
            transport, permit = self.acquire(data_type, window)
            try:
                responses = transport.read(data_type, window, permit)
                first = next(responses, None)
            except (Forbidden, NotFound) as error:
                self._refused[transport].add(data_type)
                if not self._not_refused(data_type):
                    raise
                self._logger.warning(f"{error} Trying another transport for {data_type}.")
            else:
                self._worked.add(transport)
                self._client.progress.count(f"{transport.name} windows")
                return chain([] if first is None else [first], responses)

    def acquire(self, data_type: str, window: Window) -> tuple[Transport, Permit]:
        """Wait for the first free transport that suits the window. One thread of those with the same candidates tries."""

        def attempt() -> tuple[Transport, Permit] | NotYet:
            pauses = []
            for transport in self._candidates(data_type, window):
                permit = transport.try_acquire()
                if isinstance(permit, Permit):
                    return transport, permit
                pauses.append(permit)
            return min(pauses)

        turn = self._turns[tuple(transport.name for transport in self._candidates(data_type, window))]
        with self._client.progress.waiting(f"the export rate limit ({data_type})", turn.ends):
            return turn.wait(attempt, self._client.wait)

    def is_too_large(self, data_type: str, window: Window) -> bool:
        """Whether the window is expected to exceed the size limit of every usable transport."""
        return all(window.expected_bytes > transport.max_bytes for transport in self._usable(data_type))

    def close(self) -> None:
        """Cancel what this sync has left running at Iterable."""
        for transport in self.transports:
            transport.close()

    def _candidates(self, data_type: str, window: Window) -> list[Transport]:
        usable = self._usable(data_type)
        return [transport for transport in usable if transport.prefers(window)] or usable

    def _usable(self, data_type: str) -> list[Transport]:
        """The transports for a data type, without those that refused it or seem to refuse everything.

        If all have refused it, all: another window of it gets the same error.
        """
        left = self._not_refused(data_type) or self.transports
        return [each for each in left if each in self._worked or len(self._refused[each]) < 2] or left

    def _not_refused(self, data_type: str) -> list[Transport]:
        return [transport for transport, refused in self._refused.items() if data_type not in refused]

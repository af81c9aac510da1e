"""TransportChoice: picks the transport for a window, and waits until it has capacity."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator

from source_iterable.api.client import IterableClient
from source_iterable.api.rate_budget import NotYet, Permit, Turn
from source_iterable.api.spooled import SpooledResponse
from source_iterable.errors import BadRequest, Forbidden, NotFound
from source_iterable.exports.jobs import JobsTransport
from source_iterable.exports.refusals import Refusals
from source_iterable.exports.streaming import StreamingTransport
from source_iterable.exports.transport import Transport
from source_iterable.exports.windows import Window

# All transports, in order of preference for a window that suits several.
TRANSPORTS: list[Callable[[IterableClient], Transport]] = [StreamingTransport, JobsTransport]

# Data types that connectors in production and Iterable's own client spell differently from the reference (seen).
OTHER_SPELLINGS = {"emailUnSubscribe": "emailUnsubscribe", "unknownSession": "anonSession"}


class TransportChoice:
    """The transports that the option `export_method` allows. Shared by all threads."""

    def __init__(self, client: IterableClient, method: str, logger: logging.Logger) -> None:
        self._client = client
        self._logger = logger
        made = [make(client) for make in TRANSPORTS]
        self.transports = [transport for transport in made if method in ("auto", transport.name)]
        self._refusals = Refusals(self.transports)
        self._spellings: dict[str, str] = {}
        # Windows with different candidates queue separately, so that large ones do not hold up small ones.
        self._lines: defaultdict[tuple[str, ...], Turn] = defaultdict(Turn)

    def open(self, data_type: str, window: Window) -> Iterator[SpooledResponse]:
        """Open a window of a data type, by the spelling that Iterable accepts. Raises as `_open` does."""
        spelling = self._spellings.get(data_type, data_type)
        try:
            return self._open(spelling, window)
        except BadRequest as error:
            other = OTHER_SPELLINGS.get(spelling)
            if other is None:
                raise
            try:
                parts = self._open(other, window)
            except BadRequest:
                raise error from None
            self._logger.info(f"Iterable does not accept {spelling}, but {other}.")
            self._spellings[data_type] = other
            return parts

    def _open(self, data_type: str, window: Window) -> Iterator[SpooledResponse]:
        """The parts of a window, the first already received, so that failures up to it are raised here.

        Raises WindowFailed if halves of the window may work, or another IterableError.
        """
        while True:
            transport, permit = self.acquire(data_type, window)
            try:
                parts = transport.read(data_type, window, permit)
                first = next(parts, None)
            except (Forbidden, NotFound) as error:
                if not self._refusals.add(transport, data_type):
                    raise
                self._logger.warning(f"{error} Trying another transport for {data_type}.")
            else:
                self._refusals.note_success(transport)
                return _chain(first, parts)

    def acquire(self, data_type: str, window: Window) -> tuple[Transport, Permit]:
        """Wait for the first free transport that suits the window. One thread a line tries, the others wait."""
        line = tuple(transport.name for transport in self._candidates(data_type, window))
        with (
            self._client.progress.waiting(f"the export rate limit ({data_type})"),
            self._lines[line].taken(self._client.limit_teller()) as turn,
        ):
            while True:
                pauses = []
                for transport in self._candidates(data_type, window):
                    permit = transport.try_acquire()
                    if not isinstance(permit, NotYet):
                        return transport, permit
                    pauses.append(permit.seconds)
                turn.wait(min(pauses), self._client.wait)

    def is_too_large(self, data_type: str, window: Window) -> bool:
        """Whether the window is expected to exceed the size limit of every usable transport."""
        bounds = [transport.max_bytes for transport in self._refusals.usable(data_type)]
        return all(bound is not None and (window.expected_bytes or 0) > bound for bound in bounds)

    def close(self) -> None:
        """Cancel what this sync has left running at Iterable."""
        for transport in self.transports:
            transport.close()

    def _candidates(self, data_type: str, window: Window) -> list[Transport]:
        usable = self._refusals.usable(data_type)
        return [transport for transport in usable if transport.prefers(window)] or usable


def _chain(first: SpooledResponse | None, rest: Iterator[SpooledResponse]) -> Iterator[SpooledResponse]:
    if first is not None:
        yield first
        yield from rest

"""TransportChoice: opens windows, by the transports and the spellings of data types that Iterable accepts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import chain

from source_iterable.api.client import IterableClient
from source_iterable.api.spooled import SpooledResponse
from source_iterable.errors import BadRequest, Forbidden, NotFound
from source_iterable.exports.demand import Opening
from source_iterable.exports.dispatcher import Dispatcher
from source_iterable.exports.jobs import JobsTransport
from source_iterable.exports.streaming import StreamingTransport
from source_iterable.exports.transport import Transport
from source_iterable.exports.windows import Window

# All transports. Where several have capacity, the first one is given a window first.
TRANSPORTS: list[Callable[[IterableClient, Callable[[], None]], Transport]] = [StreamingTransport, JobsTransport]

# Data types that connectors in production and Iterable's own client spell differently from the reference (seen).
OTHER_SPELLINGS = {"emailUnSubscribe": "emailUnsubscribe", "unknownSession": "anonSession"}


class TransportChoice:
    """The transports that the option `export_method` allows. Shared by all threads.

    `windows` gives the windows of streams to them.
    """

    def __init__(self, client: IterableClient, method: str, logger: logging.Logger) -> None:
        self._client = client
        self._logger = logger

        def made(freed: Callable[[], None]) -> list[Transport]:
            transports = [make(client, freed) for make in TRANSPORTS]
            return [each for each in transports if method in ("auto", each.name)]

        self.windows = Dispatcher(client, made)
        self._usable = self.windows.usable
        self._spellings: dict[str, str] = {}

    @property
    def transports(self) -> list[Transport]:
        """All that are allowed, whatever the key may use."""
        return self._usable.all

    def open(self, data_type: str, window: Window, opening: Opening | None = None) -> Iterator[SpooledResponse]:
        """Open a window of a data type, by the spelling that Iterable accepts. Without an `opening`, wait for one.

        Its first response is received already, so that failures up to it are raised here: WindowFailed if parts of the
        window may work, or another IterableError.
        """
        spelling = self._spellings.get(data_type, data_type)
        try:
            return self._open(data_type, spelling, window, opening)
        except BadRequest:
            if (other := OTHER_SPELLINGS.get(spelling)) is not None:
                with suppress(BadRequest):
                    responses = self._open(data_type, other, window)
                    self._logger.info(f"Iterable does not accept {data_type}, but {other}.")
                    self._spellings[data_type] = other
                    return responses
            raise

    def is_too_large(self, data_type: str, window: Window) -> bool:
        """Whether the window is expected to exceed the size limit of every usable transport."""
        return all(window.expected_bytes > transport.max_bytes for transport in self._usable.of(data_type))

    def is_for_fewer(self, data_type: str, larger: Window, window: Window) -> bool:
        """Whether some transports that a window was for cannot read it, now that it is known to be larger; others can."""
        return self._usable.of(data_type, larger.expected_bytes) != self._usable.of(data_type, window.expected_bytes)

    def close(self) -> None:
        """Give no more windows, and cancel what this sync has left running at Iterable."""
        self.windows.close()
        for transport in self.transports:
            transport.close()

    def _open(
        self, data_type: str, spelling: str, window: Window, opening: Opening | None = None
    ) -> Iterator[SpooledResponse]:
        while True:
            transport, _, read = opening or self.windows.acquire(data_type, window)
            opening = None
            elsewhere = partial(self.windows.is_faster_elsewhere, transport, data_type, window)
            try:
                responses = read(spelling, window, elsewhere)
                first = next(responses, None)
            except (Forbidden, NotFound) as error:
                if not self._usable.refuse(transport, data_type):
                    raise
                self._logger.warning(f"{error} Trying another transport for {data_type}.")
            else:
                self._usable.confirm(transport)
                self._client.progress.count(f"{transport.name} windows")
                return chain([] if first is None else [first], responses)

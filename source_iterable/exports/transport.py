"""Transport: one way to read a window of records from the export API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from source_iterable.api.rate_budget import NotYet, Permit
from source_iterable.api.spooled import SpooledResponse
from source_iterable.exports.windows import Window


class Transport(Protocol):
    """The interface that TransportChoice uses. Shared by all threads of a sync."""

    # The value of the option `export_method` that selects only this transport.
    name: str

    @property
    def max_bytes(self) -> int | None:
        """The largest window that it can read, in bytes; None for no limit."""

    def prefers(self, window: Window) -> bool:
        """Whether it suits the window. A transport that does not gets the window only if no usable one does."""

    def try_acquire(self) -> Permit | NotYet:
        """A permit to read one window now, or when to retry. Never waits."""

    def read(self, data_type: str, window: Window, permit: Permit) -> Iterator[SpooledResponse]:
        """Yield the parts of the window, each received whole.

        Raises:
            WindowFailed: the window could not be read; raised before any part is yielded.
            IterableError: anything that halving the window would not fix.
        """

    def close(self) -> None:
        """Cancel what this sync has left running at Iterable."""

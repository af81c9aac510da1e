"""Transport: one way to get a window of records out of the export API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from source_iterable.api.parts import Part
from source_iterable.api.rate_budget import NotYet, Permit
from source_iterable.exports.windows import Window


class Transport(Protocol):
    """What the choice between transports (choice.py) needs to know of one. Shared by all threads of a sync."""

    # The value of the option `export_method` that selects it alone.
    name: str
    # The largest window that it can read, in bytes; None for any size.
    max_bytes: int | None

    def prefers(self, window: Window) -> bool:
        """Whether it suits the window. Others get a window only where no usable transport prefers it."""

    def try_acquire(self) -> Permit | NotYet:
        """A permit to read one window now, or when to try again. Never waits."""

    def read(self, data_type: str, window: Window, permit: Permit) -> Iterator[Part]:
        """The parts of the window, each received whole.

        Raises:
            WindowFailed: the window could not be read; raised before any part is yielded.
            IterableError: anything that halves of the window would not help.
        """

    def close(self) -> None:
        """Cancel what this sync has left running at Iterable."""

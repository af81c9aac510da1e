"""Demand: the windows that a reader wants, which a dispatcher gives to transports."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

from source_iterable.exports.transport import Read, Transport
from source_iterable.exports.windows import Window, units


class Opening(NamedTuple):
    """A window, and the transport that reads it by calling `read`."""

    transport: Transport
    window: Window
    read: Read


class Demand(ABC):
    """The windows of one data type that somebody wants to read. Used only while the dispatcher is locked."""

    # Bytes that a transport must be able to read at once.
    least_bytes = 0
    # Whether a thread waits for it, and perhaps others for that thread: it has no limit of temporary files.
    is_urgent = False

    def __init__(self, data_type: str) -> None:
        self.data_type = data_type

    @property
    @abstractmethod
    def bytes_left(self) -> int | None:
        """The expected size of all windows that were not cut yet, 0 if unknown; None if there are none."""

    @property
    def spooled_bytes(self) -> int:
        """Bytes of temporary files that its windows may take."""
        return 0

    @property
    def units(self) -> int:
        """About how many windows of UNIT_BYTES are left."""
        return 0 if self.bytes_left is None else units(self.bytes_left)

    @property
    @abstractmethod
    def is_open(self) -> bool:
        """Whether it takes another window now."""

    @abstractmethod
    def cut(self, size: int) -> Window:
        """The next window, of about so many bytes."""

    @abstractmethod
    def take(self, opening: Opening, spool_bytes: int) -> None:
        """Read a window that was cut, which may take so many bytes of temporary files. Never waits."""


class Again(Demand):
    """One window, for a thread that waits to read it: all others of its stream come later."""

    is_urgent = True

    def __init__(self, data_type: str, window: Window) -> None:
        super().__init__(data_type)
        self._window = window
        self.least_bytes = window.expected_bytes
        self.opening: Opening | None = None

    @property
    def bytes_left(self) -> int | None:
        return self.least_bytes if self.is_open else None

    @property
    def is_open(self) -> bool:
        return self.opening is None

    def cut(self, size: int) -> Window:
        return self._window

    def take(self, opening: Opening, spool_bytes: int) -> None:
        self.opening = opening

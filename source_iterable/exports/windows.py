"""Windows: a stream's time range, split into half-open intervals of whole seconds."""

from __future__ import annotations

import math
from typing import NamedTuple

from source_iterable.api.clock import iso_time

DAY = 86_400
# A first sync of up to this many seconds is one request; a longer one starts with a window of this size.
FIRST_SIZE = 31 * DAY
# Bytes of a window that suits every transport: a failure costs little, and a streamed response fits its spool even if the
# window holds half as much again.
UNIT_BYTES = 150 * 10**6
# A window is at most this many times longer, or shorter, than the one that was read last.
MAX_CHANGE = 8
# A window that would leave a small rest takes it, too: the rest would cost as many requests as a whole window.
_AND_REST = 1.4
# Windows of one stream that are read at a time, or wait until those before them have been.
AT_ONCE = 12


class Window(NamedTuple):
    """[start, end) in whole seconds since the epoch (UTC), and its expected size in bytes; 0 if unknown."""

    start: int
    end: int
    expected_bytes: int = 0

    @property
    def seconds(self) -> int:
        return self.end - self.start

    @property
    def parameters(self) -> dict[str, str]:
        """The export API's two parameters, in the reference's format `yyyy-MM-dd HH:mm:ss ZZ`."""
        start, end = (iso_time(time).replace("T", " ").replace("+", " +") for time in (self.start, self.end))
        return {"startDateTime": start, "endDateTime": end}

    def parts(self) -> list[Window]:
        """Windows of about UNIT_BYTES each that make up this one, of more than a second: two, or more if it is large."""
        number = min(max(units(self.expected_bytes), 2), self.seconds)
        times = [self.start + self.seconds * index // number for index in range(number + 1)]
        return [Window(start, end, self.expected_bytes // number) for start, end in zip(times, times[1:], strict=False)]

    def __str__(self) -> str:
        return f"{iso_time(self.start)} to {iso_time(self.end)}"


def units(size: int) -> int:
    """How many windows of about UNIT_BYTES so many bytes are: one at least."""
    return max(math.ceil(size / UNIT_BYTES - _AND_REST + 1), 1)


class WindowPlan:
    """Splits [start, end), in seconds since the epoch, into windows, sizing each by those read before it.

    Args:
        density: bytes a second that are expected at first; 0 if unknown.
    """

    def __init__(self, start: int, end: int, density: float = 0.0) -> None:
        # A guess of more in one second would keep all of it from the transport for small windows.
        density = min(density, UNIT_BYTES)
        self._start = start
        self._end = end
        self._next = start
        # Seconds of the window that was read last, or would have been.
        self._size = max(int(UNIT_BYTES / density), 1) if density else FIRST_SIZE
        # Seconds and bytes that were read.
        self._seconds = self._bytes = 0
        self.density = density

    @property
    def at_once(self) -> int:
        """How many windows to read at a time: one while all were empty, as the next is far longer and worth waiting for."""
        return AT_ONCE if self.density else 1

    @property
    def left(self) -> bool:
        """Whether there is a next window."""
        return self._next < self._end

    @property
    def mean_density(self) -> float:
        """Bytes a second of what was read; 0 if nothing was."""
        return self._bytes / max(self._seconds, 1)

    @property
    def bytes_left(self) -> int:
        """The expected size of all windows to come; 0 if unknown."""
        return int(self.density * max(self._end - self._next, 0))

    def cut(self, size: int) -> Window:
        """The next window, of about `size` bytes if it is known how many there are."""
        start = self._next
        wanted = size / self.density if self.density else self._size
        seconds = max(1, int(min(max(wanted, self._size / MAX_CHANGE), self._size * MAX_CHANGE)))
        self._next = self._end if self._end - start < _AND_REST * seconds else start + seconds
        return Window(start, self._next, int(self.density * (self._next - start)))

    def learn(self, window: Window, received: int) -> None:
        """Adjust to a window that holds `received` bytes."""
        self._size = window.seconds if received else window.seconds * MAX_CHANGE
        self.density = received / window.seconds

    def add(self, window: Window, received: int) -> None:
        """Note that all of a window, or of a part of one, was read: `received` bytes."""
        self._seconds += window.seconds
        self._bytes += received

    def retract(self, window: Window, expected: int) -> bool:
        """Take back a window, which holds `expected` bytes, so that it is cut into smaller ones. Returns whether it can be.

        It cannot if it is as small as it should be, or if later ones were cut already.
        """
        if self._next != window.end or expected <= UNIT_BYTES or window.seconds < MAX_CHANGE:
            return False
        self._next, self._size, self.density = window.start, window.seconds, expected / window.seconds
        return True

    def share(self, position: int) -> float:
        """The share (0 to 1) of the time range before `position`."""
        return (position - self._start) / max(self._end - self._start, 1)

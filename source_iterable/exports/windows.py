"""Windows: a stream's time range, split into half-open intervals of whole seconds."""

from __future__ import annotations

from typing import NamedTuple

from source_iterable.api.clock import iso_time

DAY = 86_400
# A first sync of up to this many seconds is one request; a longer one starts with a window of this size.
FIRST_SIZE = 31 * DAY
# Target size of a window in bytes: a failure costs little, and a streamed response fits its spool.
TARGET_BYTES = 128 * 2**20
# A window is at most this many times longer, or shorter, than the one before it.
MAX_CHANGE = 8
# Windows of one stream read at a time: Iterable runs four jobs at once.
AT_ONCE = 4


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

    def halves(self) -> tuple[Window, Window]:
        """The two halves of a window of more than one second."""
        middle, expected = self.start + self.seconds // 2, self.expected_bytes // 2
        return Window(self.start, middle, expected), Window(middle, self.end, expected)

    def __str__(self) -> str:
        return f"{iso_time(self.start)} to {iso_time(self.end)}"


class WindowPlan:
    """Splits [start, end), in seconds since the epoch, into windows, sizing each by those read before it."""

    def __init__(self, start: int, end: int) -> None:
        self._start = start
        self._end = end
        self._next = start
        self._size = FIRST_SIZE
        # Bytes a second in the window that was read last.
        self._density = 0.0

    @property
    def at_once(self) -> int:
        """How many windows to read at a time: one while all were empty, as the next is far longer and worth waiting for."""
        return AT_ONCE if self._density else 1

    @property
    def left(self) -> bool:
        """Whether there is a next window."""
        return self._next < self._end

    def next(self) -> Window:
        """The next window."""
        start, self._next = self._next, min(self._next + self._size, self._end)
        return Window(start, self._next, int(self._density * (self._next - start)))

    def learn(self, window: Window, received: int) -> None:
        """Adjust to a window that returned `received` bytes."""
        self._size = next_size(self._size, window.seconds, received)
        self._density = received / window.seconds

    def share(self, position: int) -> float:
        """The share (0 to 1) of the time range before `position`."""
        return (position - self._start) / max(self._end - self._start, 1)


def next_size(size: int, seconds: int, received: int) -> int:
    """The length in seconds of the next window, after one of `seconds` (planned: `size`) returned `received` bytes."""
    wanted = MAX_CHANGE * size if received == 0 else seconds * TARGET_BYTES // received
    return max(1, size // MAX_CHANGE, min(wanted, MAX_CHANGE * size))

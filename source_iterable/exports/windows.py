"""Windows: the time of a stream, cut into half-open pieces of whole seconds."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import NamedTuple

DAY = 86_400
# A first sync of up to this many seconds is one request; a longer one begins with a window of this size.
FIRST_SIZE = 31 * DAY
# A window is aimed at this many bytes of lines: a failure costs little, and a streamed answer fits its spool.
TARGET_BYTES = 128 * 2**20
# One window is at most this many times longer, or shorter, than the one before it.
MAX_CHANGE = 8


class Window(NamedTuple):
    """[start, end) in whole seconds since the epoch (UTC), with the bytes to expect where that is known."""

    start: int
    end: int
    expected_bytes: int | None = None

    @property
    def seconds(self) -> int:
        return self.end - self.start

    @property
    def parameters(self) -> dict[str, str]:
        """The two parameters of the export API; the format is the reference's `yyyy-MM-dd HH:mm:ss ZZ`."""
        return {"startDateTime": _export_time(self.start), "endDateTime": _export_time(self.end)}

    def halves(self) -> tuple[Window, Window]:
        """The two windows that this one is cut into; it must be longer than a second."""
        middle = self.start + self.seconds // 2
        expected = None if self.expected_bytes is None else self.expected_bytes // 2
        return Window(self.start, middle, expected), Window(middle, self.end, expected)

    def of_size(self, expected_bytes: int) -> Window:
        """The same window with other bytes to expect; 0 says nothing."""
        return self._replace(expected_bytes=expected_bytes or None)

    def __str__(self) -> str:
        return f"{iso_time(self.start)} to {iso_time(self.end)}"


def next_size(size: int, seconds: int, received: int) -> int:
    """The seconds of the next windows, after a window of `seconds` brought `received` bytes; `size` was its aim."""
    wanted = MAX_CHANGE * size if received == 0 else seconds * TARGET_BYTES // received
    return max(1, size // MAX_CHANGE, min(wanted, MAX_CHANGE * size))


def iso_time(seconds: int) -> str:
    """Seconds since the epoch as an RFC 3339 time in UTC."""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S+00:00")


def _export_time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M:%S +00:00")

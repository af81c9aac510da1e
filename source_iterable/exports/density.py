"""Density: how many bytes a window holds, guessed from the beginning of a response that was too large to receive."""

from __future__ import annotations

import re
from datetime import datetime

from source_iterable.exports.windows import Window
from source_iterable.records.timestamps import rfc3339

_TIME = re.compile(rb'"(?:createdAt|profileUpdatedAt)" ?: ?"([^"\\]+)"')
# A guess may be wrong, and smaller windows cost requests: at most this many times as many bytes as were received.
_MOST_TIMES = 64


def expected_bytes(window: Window, received: int, head: bytes, tail: bytes) -> int:
    """The bytes that a window probably holds, at least those that were `received`.

    Args:
        head: the first lines that were received.
        tail: the last ones. How far they have come in the window tells its size, but only if lines come in order of time,
            which Iterable does not promise.
    """
    times = [*_times(head), *_times(tail)]
    if len(times) < 2 or times != sorted(times) or not window.start < times[-1] <= window.end:
        return received
    return min(int(received * window.seconds / (times[-1] - window.start)), received * _MOST_TIMES)


def _times(lines: bytes) -> list[float]:
    found = (rfc3339(text.decode(errors="replace")) for text in _TIME.findall(lines))
    # Without fractions, of which Python 3.10 reads some lengths only.
    return [datetime.fromisoformat(f"{time[:19]}+00:00").timestamp() for time in found if time is not None]

"""The streaming transport: `GET export/data.json`, one response per window, four requests a minute."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from functools import partial

from source_iterable.api.client import IterableClient
from source_iterable.api.rate_budget import NotYet, Permit
from source_iterable.api.request import TIMEOUT, Request
from source_iterable.api.retry import STREAMED_WINDOW
from source_iterable.api.spooled import SpooledResponse, receive
from source_iterable.errors import BrokenResponse, ServerError, TimedOut, TooLarge, Unreachable, WindowFailed
from source_iterable.exports.windows import DAY, TARGET_BYTES, Window
from source_iterable.records.timestamps import rfc3339

# Most bytes of a response to spool; a larger window is halved.
SPOOL_BYTES = 256 * 2**20
# Windows of unknown size longer than this, in seconds, are better read by jobs; so are windows over LARGE_BYTES.
LONG_WINDOW = 8 * DAY
LARGE_BYTES = TARGET_BYTES // 2
_TIME = re.compile(rb'"(?:createdAt|profileUpdatedAt)" ?: ?"([^"\\]+)"')
# A guess may be wrong, and smaller windows cost requests: at most this many times as many bytes as were received.
_MOST_TIMES = 64


class StreamingTransport:
    """Reads a window as one streamed response."""

    name = "streaming"
    path = "export/data.json"

    def __init__(self, client: IterableClient, max_bytes: int = SPOOL_BYTES) -> None:
        self._client = client
        self.max_bytes = max_bytes

    def prefers(self, window: Window) -> bool:
        """Whether the window is small: a streamed response must fit its spool and arrive in one go.

        Small windows take whichever transport is free first: streaming takes one request where a job takes three, but is
        limited to four a minute, while a job may start every second.
        """
        if window.expected_bytes:
            return window.expected_bytes <= LARGE_BYTES
        return window.seconds <= LONG_WINDOW

    def try_acquire(self) -> Permit | NotYet:
        return self._client.budgets.for_path(self.path).try_acquire()

    def read(self, data_type: str, window: Window, permit: Permit) -> Iterator[SpooledResponse]:
        """Yield the window's only response. Raises WindowFailed if it should be halved, or another IterableError."""
        parameters = {"dataTypeName": data_type, **window.parameters}
        request = Request(self.path, parameters, timeout=TIMEOUT, retry=STREAMED_WINDOW)
        spool = partial(receive, max_bytes=self.max_bytes, guess=partial(expected_bytes, window))
        try:
            yield self._client.fetch(request, spool, permit)
        except (TooLarge, BrokenResponse, TimedOut, ServerError, Unreachable) as error:
            raise WindowFailed(str(error), error.expected_bytes) from None

    def close(self) -> None:
        """No-op: a streamed response leaves nothing running at Iterable."""


def expected_bytes(window: Window, received: int, head: bytes, tail: bytes) -> int:
    """The bytes that a window probably holds, at least those that were `received`.

    Args:
        head: the first lines that were received.
        tail: the last ones. How far they have come in the window tells its size, but only if lines come in order of time,
            which Iterable does not promise.
    """
    found = (rfc3339(text.decode(errors="replace")) for text in _TIME.findall(head + b"\n" + tail))
    # Without fractions, of which Python 3.10 reads some lengths only.
    times = [datetime.fromisoformat(f"{time[:19]}+00:00").timestamp() for time in found if time is not None]
    if len(times) < 2 or times != sorted(times) or not window.start < times[-1] <= window.end:
        return received
    return min(int(received * window.seconds / (times[-1] - window.start)), received * _MOST_TIMES)

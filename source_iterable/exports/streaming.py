"""The streaming transport: `GET export/data.json`, one response per window, four requests a minute."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial

from source_iterable.api.client import IterableClient
from source_iterable.api.rate_budget import NotYet, Permit
from source_iterable.api.request import TIMEOUT, Request
from source_iterable.api.retry import STREAMED_WINDOW
from source_iterable.api.spooled import SpooledResponse, receive
from source_iterable.errors import BrokenResponse, ServerError, TimedOut, TooLarge, Unreachable, WindowFailed
from source_iterable.exports.durations import Durations
from source_iterable.exports.transport import Elsewhere, Read
from source_iterable.exports.windows import UNIT_BYTES, Window
from source_iterable.records.timestamps import rfc3339

# Most bytes of a response to spool; a larger window is read in parts.
SPOOL_BYTES = 256 * 2**20
_TIME = re.compile(rb'"(?:createdAt|profileUpdatedAt)" ?: ?"([^"\\]+)"')
# Seconds that a window takes, as long as none was read.
FIRST_GUESS = 2.0
# Fewer times, of large records, may be in order by chance.
_FEWEST_TIMES = 6
# A guess may be wrong, and smaller windows cost requests: at most this many times as many bytes as were received.
_MOST_TIMES = 64


class StreamingTransport:
    """Reads a window as one streamed response. Its permits come by the clock: `freed` is not called."""

    name = "streaming"
    path = "export/data.json"
    window_bytes = UNIT_BYTES

    def __init__(self, client: IterableClient, freed: Callable[[], None] = lambda: None) -> None:
        self._client = client
        self._budget = client.budgets.for_path(self.path)
        self.max_bytes = self.spool_bytes = SPOOL_BYTES
        self.durations = Durations(FIRST_GUESS)

    def try_acquire(self) -> Read | NotYet:
        permit = self._budget.try_acquire()
        return permit if isinstance(permit, NotYet) else partial(self._read, permit)

    def within(self, seconds: float) -> int:
        return self._budget.within(seconds)

    def _read(self, permit: Permit, data_type: str, window: Window, elsewhere: Elsewhere) -> Iterator[SpooledResponse]:
        """Yield the window's only response. Raises WindowFailed if smaller ones may work, or another IterableError."""
        parameters = {"dataTypeName": data_type, **window.parameters}
        request = Request(self.path, parameters, timeout=TIMEOUT, retry=STREAMED_WINDOW)
        spool = partial(receive, max_bytes=self.max_bytes, guess=partial(expected_bytes, window))
        began = time.monotonic()
        try:
            response = self._client.fetch(request, spool, permit)
        except (TooLarge, BrokenResponse, TimedOut, ServerError, Unreachable) as error:
            raise WindowFailed(str(error), error.expected_bytes) from None
        self.durations.learn(data_type, response.size, time.monotonic() - began)
        yield response

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
    if len(times) < _FEWEST_TIMES or times != sorted(times) or not window.start < times[-1] <= window.end:
        return received
    return min(int(received * window.seconds / (times[-1] - window.start)), received * _MOST_TIMES)

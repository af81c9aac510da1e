"""Transport: what all ways to read a window of records have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from source_iterable.api.rate_budget import NotYet
from source_iterable.api.spooled import SpooledResponse
from source_iterable.exports.durations import Durations
from source_iterable.exports.windows import Window

# Whether another transport has nothing to do, and would read the window in much less than so many seconds.
Elsewhere = Callable[[float], bool]
# Yields the responses or files of a window of a data type, each received whole.
#
# Raises:
#     WindowFailed: the window could not be read; raised before anything is yielded.
#     IterableError: anything that smaller windows would not mend.
Read = Callable[[str, Window, Elsewhere], Iterator[SpooledResponse]]


class Transport(Protocol):
    """One way to read a window of records from the export API. Shared by all threads of a sync."""

    # The value of the option `export_method` that selects only this transport.
    name: str
    # The largest window that it can read, in bytes.
    max_bytes: int
    # The largest window that is cut for it, in bytes.
    window_bytes: int
    # Bytes of temporary files that a window may take until its records are read.
    spool_bytes: int
    # What it has taken.
    durations: Durations

    def try_acquire(self) -> Read | NotYet:
        """What reads one window, once and soon; or when to ask again. Never waits."""

    def within(self, seconds: float) -> int:
        """How many windows it can begin to read within so many seconds."""

    def close(self) -> None:
        """Cancel what this sync has left running at Iterable."""

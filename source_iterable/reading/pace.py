"""Pace: how often states are written, so that they stay few, and small beside the records, however many slices there are."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Iterator

from source_iterable.api import exact_json
from source_iterable.reading.stream import Checkpoint
from source_iterable.records.batch import RecordBatch

# What a state costs in bytes, besides its own: the message around it, and what whoever keeps it does for each.
STATE = 1_000
# Bytes of states that may be written for a second since a stream's last one, and for a byte of records.
A_SECOND, A_BYTE = 100, 0.1


class Pace:
    """Holds back each stream's newest state until it is worth being written, in time or in records.

    A small state waits for ten seconds, or for 10 KB of records; a larger one for ten seconds more per kilobyte, or for ten
    times its bytes in records. So whatever a stream yields, its states have at most a tenth of the bytes of its records and
    a hundred bytes a second, and one is written at its end. After a kill, what was read meanwhile is read again.

    Args:
        at_once: the streams whose states never wait.
    """

    def __init__(self, at_once: Collection[str]) -> None:
        self._at_once = at_once
        # The newest state of each stream, if it waits, and what it costs; when the last one was written, and the bytes of
        # records since then.
        self._waiting: dict[str, Checkpoint] = {}
        self._costs: dict[str, int] = {}
        self._since: dict[str, float] = {}
        self._bytes: Counter[str] = Counter()

    def note(self, name: str, item: object) -> None:
        """Note what a stream has yielded; the first time, it begins."""
        self._since.setdefault(name, time.monotonic())
        if isinstance(item, Checkpoint):
            self._waiting[name] = item
            self._costs[name] = 0 if name in self._at_once else STATE + len(exact_json.dumps(item.state))
        elif isinstance(item, RecordBatch):
            self._bytes[name] += len(item.lines)

    def end(self, name: str) -> None:
        """Note that a stream has ended: its newest state waits no longer."""
        self._costs[name] = 0

    def due(self) -> Iterator[tuple[str, Checkpoint]]:
        """Yield the states that are to be written now, each with its stream's name."""
        for name, checkpoint in [*self._waiting.items()]:
            earned = A_SECOND * (time.monotonic() - self._since[name]) + A_BYTE * self._bytes[name]
            if earned >= self._costs[name]:
                del self._waiting[name], self._bytes[name]
                self._since[name] = time.monotonic()
                yield name, checkpoint

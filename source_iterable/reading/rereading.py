"""Rereading: compares what a stream has written with what Iterable has now, and writes again what has changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from source_iterable.api.clock import iso_time
from source_iterable.exports.windows import DAY, Window, WindowPlan
from source_iterable.reading.fingerprints import (
    BUCKET,
    MODULUS,
    NO_BUCKET,
    Time,
    bucket_of,
    events_in,
    state_as,
    sums_from_state,
    sums_state,
)
from source_iterable.records.batch import RecordBatch

# The batches of each window of a plan, and None where the window has been read to its end.
Windows = Iterator[tuple[Window, "RecordBatch | None"]]
# Seconds after which the days are read again: a little less than a day, so that a daily sync does it every time.
_EVERY = 23 * 3600


class Rereading:
    """What one stream has written of its last `days`, and what it writes again.

    Times are in seconds since the epoch. `at` is when all of them were last read: what was visible then is written.

    Args:
        given: what an earlier `state` returned, or anything else.
        days: the option `reread_window`.
        cursor: up to where the stream was read before; None if this is the first time.
        first: nothing before it is read.
        now: the time of this sync.
    """

    def __init__(self, given: Any, days: int, cursor: int | None, first: int, now: int) -> None:
        self._days, self._cursor, self._first, self._now = days, cursor, first, now
        before = state_as(_State, given)
        # A state from before there were fingerprints: until all has been read once, the time of its cursor stands in.
        self._is_first = cursor is not None and (before is None or before.first)
        at = int(before.at.timestamp()) if before and cursor is not None else cursor
        self._at = now if at is None else at
        self.is_due = self._is_first or abs(now - self._at) >= _EVERY
        # Of what was read before there were fingerprints, nothing is known: it counts as not written.
        self._known = sums_from_state(given)
        self._new: Counter[int] = Counter()

    @property
    def _begin(self) -> int:
        """Where the last days begin: an event that shows up later than this is more than `days` late."""
        return self._at - self._days * DAY

    @property
    def state(self) -> dict[str, Any]:
        """What to keep for the next sync: less than 16 KB."""
        first = {"first": True} if self._is_first else {}
        return {"at": iso_time(self._at), **first, **sums_state(_since(self._begin, self._known + self._new))}

    def note_new(self, window: Window, batch: RecordBatch) -> None:
        """Note the events of a window that is read for the first time."""
        if window.end > self._begin:
            for event in events_in(batch, window.start, window.end):
                if event.bucket != NO_BUCKET:
                    self._new[event.bucket] += event.fingerprint

    def read(self, windows: Callable[[WindowPlan], Windows], until: int, density: float = 0.0) -> Iterator[RecordBatch]:
        """Read the last days before the cursor again, and yield all events of each hour that has changed.

        First all are read for their fingerprints; then those of the hours that have changed. So nothing is kept on disk,
        and `windows` may cut the time anywhere. Nothing is read at or after `until`, which may be earlier than the cursor.
        `density` is the bytes a second that are expected, 0 if unknown.
        """
        begin, end = max(bucket_of(self._begin), self._first), self._cursor or 0
        later: Counter[int] = Counter()
        if until < end:
            end = bucket_of(until)
            later = _since(end, self._known)
        if begin < end:
            seen: Counter[int] = Counter()
            for batch in _batches(windows(WindowPlan(begin, end, density))):
                for event in events_in(batch, begin, end):
                    seen[event.bucket] += event.fingerprint
            # Not deletions: a bucket without events now is not in `seen`. For events in no bucket, all is unknown.
            changed = {each for each in seen if each == NO_BUCKET or (seen[each] - self._known[each]) % MODULUS}
            written: Counter[int] = Counter()
            if changed:
                # From the first to the last changed bucket; all of it for events that are in none.
                if NO_BUCKET not in changed:
                    begin, end = max(min(changed), begin), min(max(changed) + BUCKET, end)
                for batch in _batches(windows(WindowPlan(begin, end, density))):
                    events = [event for event in events_in(batch, begin, end) if event.bucket in changed]
                    for event in events:
                        written[event.bucket] += event.fingerprint
                    yield RecordBatch(batch.stream_name, len(events), b"".join(event.line + b"\n" for event in events))
            del written[NO_BUCKET]
            same = Counter({bucket: each for bucket, each in seen.items() if bucket not in changed})
            self._known = same + written + later
        self._is_first = False
        self._at = self._now


def _since(time: int, sums: Counter[int]) -> Counter[int]:
    """The sums of the bucket of this time, and of later ones."""
    return Counter({bucket: each for bucket, each in sums.items() if bucket >= bucket_of(time)})


def _batches(windows: Windows) -> Iterator[RecordBatch]:
    return (batch for _, batch in windows if batch is not None)


class _State(msgspec.Struct):
    at: Time
    first: bool = False

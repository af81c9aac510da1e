"""Rereading: what a stream read before is compared with what Iterable has now, and what has changed is written again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from source_iterable.api.clock import iso_time
from source_iterable.exports.windows import DAY, Window, WindowPlan
from source_iterable.reading.fingerprints import BUCKET, Fingerprints, bucket_of, events_in, seconds_of
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
        at = now if cursor is None else _time_in(given)
        # A state from before there were fingerprints: until all has been read once, the time of its cursor stands in.
        self._is_first = at is None or (isinstance(given, dict) and given.get("first") is True)
        self.is_due = self._is_first or at is None or abs(now - at) >= _EVERY
        self._read_at(at if at is not None else cursor or now)
        # Of what was read before there were fingerprints, nothing is known: it counts as not written.
        self._known = Fingerprints.from_state(given)
        self._new = Fingerprints()

    def _read_at(self, at: int) -> None:
        self._at = at
        # An event that shows up later than this is more than `days` late.
        self._begin = at - self._days * DAY

    @property
    def state(self) -> dict[str, Any]:
        """What to keep for the next sync: less than 16 KB."""
        first = {"first": True} if self._is_first else {}
        return {"at": iso_time(self._at), **first, **self._known.joined(self._new).since(self._begin).state}

    def note_new(self, window: Window, batch: RecordBatch) -> None:
        """Note the events of a window that is read for the first time."""
        if window.end > self._begin:
            for event in events_in(batch):
                if event.time is not None and window.start <= event.time < window.end:
                    self._new.add(event.time, event.fingerprint)

    def read(self, windows: Callable[[WindowPlan], Windows], until: int) -> Iterator[RecordBatch]:
        """Read the last days before the cursor again, and yield all events of each hour that has changed.

        First all are read for their fingerprints; then those of the hours that have changed. So nothing is kept on disk,
        and `windows` may cut the time anywhere. Nothing is read at or after `until`, which may be earlier than the cursor.
        """
        begin, end = max(bucket_of(self._begin), self._first), self._cursor or 0
        later = Fingerprints()
        if until < end:
            end = bucket_of(until)
            later = self._known.since(end)
        if begin < end:
            seen, has_strays = self._seen(windows, begin, end)
            # An hour without events now has nothing to write: deletions are not read.
            changed = {bucket for bucket, each in seen.sums.items() if self._known.sums.get(bucket) != each}
            written = Fingerprints()
            if has_strays or changed:
                plan = WindowPlan(begin, end)
                if not has_strays:
                    plan = WindowPlan(max(min(changed), begin), min(max(changed) + BUCKET, end))
                for batch in _batches(windows(plan)):
                    lines = []
                    for event in events_in(batch):
                        if event.time is None or not begin <= event.time < end:
                            # It is in no hour, so nobody knows whether it was written.
                            lines.append(event.line + b"\n")
                        elif bucket_of(event.time) in changed:
                            lines.append(event.line + b"\n")
                            written.add(event.time, event.fingerprint)
                    yield RecordBatch(batch.stream_name, len(lines), b"".join(lines))
            same = Fingerprints({bucket: each for bucket, each in seen.sums.items() if bucket not in changed})
            self._known = same.joined(written, later)
        self._is_first = False
        self._read_at(self._now)

    @staticmethod
    def _seen(windows: Callable[[WindowPlan], Windows], begin: int, end: int) -> tuple[Fingerprints, bool]:
        """The fingerprints of the events of a time, and whether there are any with another time or none."""
        seen, has_strays = Fingerprints(), False
        for batch in _batches(windows(WindowPlan(begin, end))):
            for event in events_in(batch):
                if event.time is not None and begin <= event.time < end:
                    seen.add(event.time, event.fingerprint)
                else:
                    has_strays = True
        return seen, has_strays


def _batches(windows: Windows) -> Iterator[RecordBatch]:
    return (batch for _, batch in windows if batch is not None)


def _time_in(given: Any) -> int | None:
    try:
        return seconds_of(given["at"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return None

"""Rereading: what a stream read before is compared with what Iterable has now, and what has changed is written again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from source_iterable.api.client import IterableClient
from source_iterable.api.clock import iso_time
from source_iterable.exports.windows import DAY, Window, WindowPlan
from source_iterable.reading.fingerprints import Event, Fingerprints, events_in, piece_seconds, seconds_of
from source_iterable.records.batch import RecordBatch

# The batches of each window of a plan, and None where the window has been read to its end.
Windows = Iterator[tuple[Window, "RecordBatch | None"]]
# Seconds after which the days are read again: a little less than a day, so that a daily sync does it every time.
_EVERY = 23 * 3600
# Seconds between looks whether all other streams have read what is new.
_LOOK_SECONDS = 0.2


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
        self._seconds = piece_seconds(days)
        at = now if cursor is None else _time_in(given)
        # A state from before there were fingerprints: until all has been read once, the time of its cursor stands in.
        self._is_first = at is None or (isinstance(given, dict) and given.get("first") is True)
        self.is_due = self._is_first or at is None or abs(now - at) >= _EVERY
        self._read_at(at if at is not None else cursor or now)
        # Of what was read before there were fingerprints, nothing is known: it counts as not written.
        self._known = Fingerprints.from_state(given) or Fingerprints(self._seconds)
        self._new = Fingerprints(self._seconds)

    def _read_at(self, at: int) -> None:
        self._at = at
        # An event that shows up later than this is more than `days` late.
        self._begin = at - self._days * DAY

    @property
    def state(self) -> dict[str, Any]:
        """What to keep for the next sync: less than 16 KB."""
        pieces = self._known.joined(self._seconds, self._new).since(self._begin)
        return {"at": iso_time(self._at), **({"first": True} if self._is_first else {}), **pieces.state}

    def note_new(self, window: Window, batch: RecordBatch) -> None:
        """Note the events of a window that is read for the first time."""
        if window.end > self._begin:
            for event in events_in(batch):
                if event.time is not None and window.start <= event.time < window.end:
                    self._new.add(event.time, event.fingerprint)

    def read(self, windows: Callable[[WindowPlan], Windows], until: int) -> Iterator[RecordBatch]:
        """Read the last days before the cursor again, and yield all events of each piece that is not as it was.

        First all are read for their fingerprints; then those of the pieces that have changed. So nothing is kept on disk,
        and `windows` may cut the time anywhere. Nothing is read at or after `until`, which may be earlier than the cursor.
        """
        longest = max(self._known.seconds, self._seconds)
        begin, end = max(self._begin // longest * longest, self._first), self._cursor or 0
        later = Fingerprints(longest)
        if until < end:
            end = until // longest * longest
            later = self._known.joined(longest).since(end)
        if begin < end:
            seen, written = Fingerprints(self._seconds), Fingerprints(self._seconds)
            has_strays = False
            for event in _events(windows(WindowPlan(begin, end))):
                if event.time is not None and begin <= event.time < end:
                    seen.add(event.time, event.fingerprint)
                else:
                    has_strays = True
            was, now = self._known.joined(longest), seen.joined(longest)
            # Where there is nothing now, there is nothing to write: deletions are not told.
            changed = {piece for piece, fingerprint in now.sums.items() if was.sums.get(piece) != fingerprint}
            if changed or has_strays:
                plan = WindowPlan(begin, end)
                if not has_strays:
                    plan = WindowPlan(max(min(changed), begin), min(max(changed) + longest, end))
                for _, batch in windows(plan):
                    if batch is None:
                        continue
                    lines = []
                    for event in events_in(batch):
                        if event.time is None or not begin <= event.time < end:
                            # It is in no piece, so nobody knows whether it was written.
                            lines.append(event.line + b"\n")
                        elif now.piece_of(event.time) in changed:
                            lines.append(event.line + b"\n")
                            written.add(event.time, event.fingerprint)
                    yield RecordBatch(batch.stream_name, len(lines), b"".join(lines))
            same = {piece: each for piece, each in seen.sums.items() if now.piece_of(piece) not in changed}
            self._known = Fingerprints(self._seconds, same).joined(
                self._seconds, written, *([later] if later.sums else [])
            )
        self._is_first = False
        self._read_at(self._now)


class NewFirst:
    """Holds back rereading until all streams have read what is new: they share Iterable's limits. Thread-safe."""

    def __init__(self, client: IterableClient) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._reading: set[str] = set()

    def expect(self, names: Iterable[str]) -> None:
        """These streams will read what is new, and each has a thread of its own."""
        with self._lock:
            self._reading.update(names)

    def done(self, name: str) -> None:
        """A stream has read what is new, or has failed."""
        with self._lock:
            self._reading.discard(name)

    def wait(self) -> None:
        """Wait until all have. Raises Stopped."""
        with self._client.progress.waiting("other streams to read what is new"):
            while self._reading:
                self._client.wait(_LOOK_SECONDS)


def _events(windows: Windows) -> Iterator[Event]:
    for _, batch in windows:
        if batch is not None:
            yield from events_in(batch)


def _time_in(given: Any) -> int | None:
    try:
        return seconds_of(given["at"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return None

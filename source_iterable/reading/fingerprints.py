"""Fingerprints: which events were written, for each small piece of time, in a few kilobytes of a stream's state."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

from source_iterable.api import exact_json
from source_iterable.api.clock import iso_time
from source_iterable.exports.windows import DAY
from source_iterable.records.batch import RecordBatch

# Lengths of a piece in seconds: each a multiple of the one before, so that pieces can be joined to longer ones.
SMALLEST = 225
# Pieces that the option's days are cut into at the most, and those of a state, which may hold more days.
_PIECES, _MOST_PIECES = 768, 1500
# Bytes of a fingerprint. Two different sets of events have the same one in 1 of 2**48 cases.
_BYTES = 6
_HEX_DIGITS, _MODULUS = 2 * _BYTES, 2 ** (8 * _BYTES)
_ID, _CREATED_AT = b'{"_event_id":"', b'"createdAt":"'
_WITHOUT_FRACTION = 19  # characters


class Event(NamedTuple):
    """An event of a batch: its line, the fingerprint of its id, and its time in whole seconds, None if it has none."""

    line: bytes
    fingerprint: int
    time: int | None


def events_in(batch: RecordBatch) -> Iterator[Event]:
    """The events of a batch of an event stream."""
    for line in batch.lines.split(b"\n")[:-1]:
        yield Event(line, int(line[len(_ID) :][:_HEX_DIGITS], 16), _time_of(line))


def piece_seconds(days: int) -> int:
    """How long the pieces are if so many days are read again."""
    return _at_most(_PIECES, lambda seconds: days * DAY // seconds)


class Fingerprints:
    """The sum of the ids of all events in each piece of time; a piece without any is not in `sums`.

    Pieces are named by their begin, a multiple of `seconds` since the epoch. Sums can be added: a piece may be read in
    several windows.
    """

    def __init__(self, seconds: int, sums: Mapping[int, int] = MappingProxyType({})) -> None:
        self.seconds = seconds
        self.sums = dict(sums)

    def piece_of(self, time: int) -> int:
        """The piece of a time."""
        return time // self.seconds * self.seconds

    def add(self, time: int, fingerprint: int) -> None:
        """Add an event."""
        piece = self.piece_of(time)
        self.sums[piece] = (self.sums.get(piece, 0) + fingerprint) % _MODULUS

    def since(self, time: int) -> Fingerprints:
        """Those of the piece of this time, and later ones."""
        first = self.piece_of(time)
        return Fingerprints(
            self.seconds, {piece: fingerprint for piece, fingerprint in self.sums.items() if piece >= first}
        )

    def joined(self, seconds: int, *more: Fingerprints) -> Fingerprints:
        """These and the events of `more`, with pieces of at least so many seconds."""
        joined = Fingerprints(max([seconds, self.seconds, *(each.seconds for each in more)]))
        for each in (self, *more):
            for piece, fingerprint in each.sums.items():
                joined.add(piece, fingerprint)
        return joined

    @property
    def state(self) -> Mapping[str, Any]:
        """As it stands in a state; of a long time in longer pieces, so that it stays small."""
        first, last = min(self.sums, default=0), max(self.sums, default=0)
        shown = self.joined(_at_most(_MOST_PIECES, lambda seconds: last // seconds - first // seconds + 1))
        pieces = range(min(shown.sums, default=0), shown.piece_of(last) + 1, shown.seconds) if shown.sums else ()
        packed = b"".join(shown.sums.get(piece, 0).to_bytes(_BYTES, "big") for piece in pieces)
        return {
            "start": iso_time(min(shown.sums, default=0)),
            "seconds": shown.seconds,
            "sums": base64.b64encode(packed).decode(),
        }

    @classmethod
    def from_state(cls, state: Any) -> Fingerprints | None:
        """Those of a state; None for anything else: all is then read as if it had not been."""
        try:
            seconds, start = state["seconds"], seconds_of(state["start"])
            packed = base64.b64decode(state["sums"], validate=True)
        except (KeyError, TypeError, ValueError, OverflowError, binascii.Error):
            return None
        if (
            type(seconds) is not int
            or seconds < SMALLEST
            or seconds % SMALLEST
            or start % seconds
            or len(packed) % _BYTES
        ):
            return None
        made = cls(seconds)
        for number in range(len(packed) // _BYTES):
            fingerprint = int.from_bytes(packed[number * _BYTES : (number + 1) * _BYTES], "big")
            if fingerprint:
                made.sums[start + number * seconds] = fingerprint
        return made


def _at_most(count: int, pieces: Callable[[int], int]) -> int:
    seconds = SMALLEST
    while pieces(seconds) > count:
        seconds *= 2
    return seconds


def _time_of(line: bytes) -> int | None:
    if line.count(_CREATED_AT) > 1:  # one of them within an object
        text = str(exact_json.loads(line).get("createdAt"))
    else:
        at = line.find(_CREATED_AT)
        text = line[at + len(_CREATED_AT) :][:_WITHOUT_FRACTION].decode(errors="replace") if at >= 0 else ""
    return _known_time(text[:_WITHOUT_FRACTION])


@lru_cache(10_000)
def _known_time(text: str) -> int | None:
    try:
        return seconds_of(f"{text}+00:00")
    except ValueError:
        return None


def seconds_of(text: str) -> int:
    """The seconds since the epoch of a time in RFC 3339, without its fraction. Raises ValueError or TypeError."""
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(text)
    return int(time.timestamp())

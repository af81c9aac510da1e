"""Fingerprints: what was written, as hashes of a few kilobytes in a stream's state, by item or by hour."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Literal, NamedTuple

import msgspec
import orjson

from source_iterable.api import exact_json
from source_iterable.api.clock import iso_time
from source_iterable.records.batch import RecordBatch

# Bytes of a hash in a state. What has changed has the hash of something else in 1 of 2**48 cases.
_BYTES = 6
_MODULUS = 2 ** (8 * _BYTES)
# Of the state of a list's content. One of another version is not read: all items are emitted once.
VERSION = 1
# Items whose hashes a state holds, each by itself. It has as many buckets for the items of a longer list.
MOST = 1500
# Seconds of a bucket of events.
BUCKET = 3600
# Buckets of events in a state; rereading needs 24 a day, for up to 30 days. While a sync catches up on more than a month,
# older ones are dropped: they count as not written, so that no late event is lost.
_MOST_BUCKETS = 60 * 24
_ID, _CREATED_AT = b'{"_event_id":"', b'"createdAt":"'
_WITHOUT_FRACTION = 19  # characters


def _packed(hashes: Iterable[int]) -> str:
    return base64.b64encode(b"".join(each.to_bytes(_BYTES, "big") for each in hashes)).decode()


def _unpacked(text: str) -> list[int]:
    """The hashes in a state. Raises ValueError."""
    packed = base64.b64decode(text, validate=True)
    if len(packed) % _BYTES:
        raise ValueError(text)
    return [int.from_bytes(packed[at : at + _BYTES], "big") for at in range(0, len(packed), _BYTES)]


class Fingerprint(NamedTuple):
    """An item's bucket, which depends on its kind and id alone, and the hash of its content."""

    bucket: int
    hash: int


def fingerprint(kind: str, key: Any, item: dict[str, Any], secret: bytes = b"") -> Fingerprint:
    """The fingerprint of an item as Iterable sent it, in any order of its keys. With a `secret`, its hash is keyed."""
    name = exact_json.dumps([kind, key])
    content = name + exact_json.dumps(item, None, orjson.OPT_SORT_KEYS)
    return Fingerprint(
        int.from_bytes(blake2b(name, digest_size=8).digest(), "big") % MOST,
        int.from_bytes(blake2b(content, digest_size=_BYTES, key=secret).digest(), "big"),
    )


class _ContentsState(msgspec.Struct):
    version: Literal[1]
    form: Literal["items", "buckets"]
    hashes: str


class Contents:
    """What a list holds, in 12 KB: the hash of each item, or for more than MOST items the sum of the hashes in each bucket.

    In buckets, one change makes all items of its bucket count as changed; a deletion does, too.
    """

    def __init__(self) -> None:
        # None if there are too many.
        self.hashes: set[int] | None = set()
        self.sums = [0] * MOST

    def add(self, item: Fingerprint) -> None:
        """Add an item."""
        self.sums[item.bucket] = (self.sums[item.bucket] + item.hash) % _MODULUS
        if self.hashes is not None:
            self.hashes.add(item.hash)
            if len(self.hashes) > MOST:
                self.hashes = None

    def since(self, before: Contents | None) -> Callable[[Fingerprint], bool]:
        """A test for the items added here: whether one is new or has changed since `before`, in whatever form that is."""
        if before is None:
            return lambda item: True
        hashes, sums = before.hashes, before.sums
        if hashes is not None:
            return lambda item: item.hash not in hashes
        return lambda item: self.sums[item.bucket] != sums[item.bucket]

    @property
    def state(self) -> dict[str, Any]:
        """What to keep for the next sync."""
        form, hashes = ("buckets", self.sums) if self.hashes is None else ("items", sorted(self.hashes))
        return {"version": VERSION, "form": form, "hashes": _packed(hashes)}

    @classmethod
    def from_state(cls, state: Any) -> Contents | None:
        """The contents of a state; None for anything else."""
        try:
            given = msgspec.convert(state, _ContentsState)
            hashes = _unpacked(given.hashes)
        except ValueError:
            return None
        contents = cls()
        if given.form == "items":
            contents.hashes = set(hashes)
            return contents
        contents.hashes, contents.sums = None, hashes
        return contents if len(hashes) == MOST else None


class Event(NamedTuple):
    """An event of a batch: its line, the fingerprint of its id, and its time in whole seconds, None if it has none."""

    line: bytes
    fingerprint: int
    time: int | None


def events_in(batch: RecordBatch) -> Iterator[Event]:
    """The events of a batch of an event stream."""
    for line in batch.lines.split(b"\n")[:-1]:
        yield Event(line, int(line[len(_ID) :][: 2 * _BYTES], 16), _time_of(line))


def bucket_of(time: int) -> int:
    """The bucket of a time: its first second."""
    return time // BUCKET * BUCKET


class Fingerprints:
    """The sum of the ids of all events in each bucket, an hour; one without events is not in `sums`.

    Sums can be added: an hour may be read in several windows.
    """

    def __init__(self, sums: Mapping[int, int] | None = None) -> None:
        self.sums = dict(sums or {})

    def add(self, time: int, fingerprint: int) -> None:
        """Add an event, or the sum of several of one hour."""
        bucket = bucket_of(time)
        self.sums[bucket] = (self.sums.get(bucket, 0) + fingerprint) % _MODULUS

    def since(self, time: int) -> Fingerprints:
        """Those of the bucket of this time, and later ones."""
        return Fingerprints({bucket: each for bucket, each in self.sums.items() if bucket >= bucket_of(time)})

    def joined(self, *more: Fingerprints) -> Fingerprints:
        """These and the events of `more`."""
        joined = Fingerprints(self.sums)
        for other in more:
            for bucket, each in other.sums.items():
                joined.add(bucket, each)
        return joined

    @property
    def state(self) -> dict[str, Any]:
        """What to keep for the next sync: the newest _MOST_BUCKETS."""
        end = max(self.sums, default=-BUCKET) + BUCKET
        start = max(min(self.sums, default=0), end - _MOST_BUCKETS * BUCKET)
        sums = _packed(self.sums.get(bucket, 0) for bucket in range(start, end, BUCKET))
        return {"start": iso_time(start), "seconds": BUCKET, "sums": sums}

    @classmethod
    def from_state(cls, state: Any) -> Fingerprints:
        """The fingerprints of a state; none of anything else: all is then read as if it had not been.

        Earlier versions had buckets of other lengths; shorter ones are summed up.
        """
        fingerprints = cls()
        try:
            seconds, start, sums = state["seconds"], seconds_of(state["start"]), _unpacked(state["sums"])
            if type(seconds) is int and seconds > 0 and BUCKET % seconds == start % seconds == 0:
                for number, each in enumerate(sums):
                    if each:
                        fingerprints.add(start + number * seconds, each)
        except (KeyError, TypeError, ValueError, OverflowError):
            return cls()
        return fingerprints


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

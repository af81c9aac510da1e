"""Fingerprints: what was written, as hashes of a few kilobytes in a stream's state, by item or by hour."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

import msgspec
import orjson

from source_iterable.api import exact_json
from source_iterable.api.clock import iso_time
from source_iterable.records.batch import RecordBatch

T = TypeVar("T")
# Bytes of a hash in a state, and how many hashes there are: the chance that a change goes unnoticed is 1 in MODULUS.
_BYTES = 6
MODULUS = 2 ** (8 * _BYTES)
# A time in a state.
Time = Annotated[datetime, msgspec.Meta(tz=True)]
# Version of the state of a list's content. With a state of another one, all items are emitted once.
VERSION = 1
# Items whose hashes a state holds, each by itself. It has as many buckets for the items of a longer list.
MOST = 1500
# Seconds of a bucket of events.
BUCKET = 3600
# Buckets of events in a state; rereading needs 24 a day, for up to 30 days. While a sync catches up on more than a month,
# older ones are dropped: they count as not written, so that no late event is lost.
_MOST_BUCKETS = 60 * 24
# The bucket of an event without a known time.
NO_BUCKET = -1
_ID, _CREATED_AT = b'{"_event_id":"', b'"createdAt":"'
_WITHOUT_FRACTION = 19  # characters


def _packed(hashes: Iterable[int]) -> str:
    return base64.b64encode(b"".join((each % MODULUS).to_bytes(_BYTES, "big") for each in hashes)).decode()


def _unpacked(packed: bytes) -> list[int]:
    return [int.from_bytes(packed[at : at + _BYTES], "big") for at in range(0, len(packed), _BYTES)]


def state_as(model: type[T], state: Any) -> T | None:
    """A state, or a part of one, as a msgspec model; None for anything else."""
    try:
        return msgspec.convert(state, model)
    except msgspec.ValidationError:
        return None


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
    hashes: bytes


@dataclass
class Contents:
    """What a list holds, in 12 KB: the hash of each item, or for more than MOST items the sum of the hashes in each bucket.

    In buckets, one change makes all items of its bucket count as changed; a deletion does, too.
    """

    # At most MOST + 1, which are too many.
    hashes: set[int] = field(default_factory=set)
    # Of what a state holds, only one of both.
    sums: Counter[int] = field(default_factory=Counter)

    def add(self, item: Fingerprint) -> None:
        """Add an item."""
        self.sums[item.bucket] += item.hash
        if len(self.hashes) <= MOST:
            self.hashes.add(item.hash)

    def since(self, before: Contents) -> Callable[[Fingerprint], bool]:
        """A test for the items added here: whether one is new or has changed since `before`, which a state held."""
        hashes, sums = before.hashes, before.sums
        if sums:
            return lambda item: (self.sums[item.bucket] - sums[item.bucket]) % MODULUS != 0
        return lambda item: item.hash not in hashes

    @property
    def state(self) -> dict[str, Any]:
        """What to keep for the next sync."""
        form, hashes = "items", sorted(self.hashes)
        if len(hashes) > MOST:
            form, hashes = "buckets", [self.sums[bucket] for bucket in range(MOST)]
        return {"version": VERSION, "form": form, "hashes": _packed(hashes)}

    @classmethod
    def from_state(cls, state: Any) -> Contents:
        """The contents of a state; none of anything else: all items count as new."""
        given = state_as(_ContentsState, state)
        if given is None:
            return cls()
        hashes = _unpacked(given.hashes)
        if given.form == "items":
            return cls(set(hashes))
        return cls(sums=Counter(dict(enumerate(hashes)))) if len(hashes) == MOST else cls()


class Event(NamedTuple):
    """An event of a batch: its line, the fingerprint of its id, and its bucket or NO_BUCKET."""

    line: bytes
    fingerprint: int
    bucket: int


def events_in(batch: RecordBatch, start: int, end: int) -> Iterator[Event]:
    """The events of a batch of an event stream. Only those from `start` to before `end` are in a bucket."""
    for line in batch.lines.split(b"\n")[:-1]:
        time = _time_of(line)
        bucket = bucket_of(time) if time is not None and start <= time < end else NO_BUCKET
        yield Event(line, int(line[len(_ID) :][: 2 * _BYTES], 16), bucket)


def bucket_of(time: int) -> int:
    """The bucket of a time, an hour: its first second."""
    return time // BUCKET * BUCKET


class _SumsState(msgspec.Struct):
    start: Time
    seconds: Annotated[int, msgspec.Meta(gt=0)]
    sums: bytes


def sums_state(sums: Mapping[int, int]) -> dict[str, Any]:
    """What to keep of the sums of the ids in each bucket for the next sync: the newest _MOST_BUCKETS."""
    end = max(sums, default=-BUCKET) + BUCKET
    start = max(min(sums, default=0), end - _MOST_BUCKETS * BUCKET)
    packed = _packed(sums.get(bucket, 0) for bucket in range(start, end, BUCKET))
    return {"start": iso_time(start), "seconds": BUCKET, "sums": packed}


def sums_from_state(state: Any) -> Counter[int]:
    """The sums of a state; none of anything else: all is then read as if it had not been.

    Earlier versions had buckets of other lengths; shorter ones are summed up.
    """
    sums: Counter[int] = Counter()
    given = state_as(_SumsState, state)
    start = int(given.start.timestamp()) if given else 0
    if given and BUCKET % given.seconds == start % given.seconds == 0:
        for number, each in enumerate(_unpacked(given.sums)):
            sums[bucket_of(start + number * given.seconds)] += each
    return sums


def _time_of(line: bytes) -> int | None:
    """The time of an event in whole seconds; None if it has none."""
    if line.count(_CREATED_AT) > 1:  # one of them within an object
        text = str(exact_json.loads(line).get("createdAt"))
    else:
        text = line.partition(_CREATED_AT)[2][:_WITHOUT_FRACTION].decode(errors="replace")
    return _known_time(text[:_WITHOUT_FRACTION])


@lru_cache(10_000)
def _known_time(text: str) -> int | None:
    try:
        return int(datetime.fromisoformat(f"{text}+00:00").timestamp())
    except ValueError:
        return None

"""Lists by content: read whole in every sync; only items that are new or have changed are emitted.

Iterable leaves a campaign's updatedAt at its last edit when it starts or finishes (seen): no time tells of all changes.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from hashlib import blake2b, sha256
from typing import Any, NamedTuple

import orjson

from source_iterable.api import exact_json
from source_iterable.api.request import Parameters
from source_iterable.reading.context import StreamContext
from source_iterable.reading.stream import Checkpoint, Fields, Reading, State, Stream

UPDATED_AT = "updatedAt"
# Of the state's content. One of another version is not read: all items are emitted once.
VERSION = 1
# Items whose hashes a state holds, each by itself. It has as many buckets for the items of a longer list.
MOST = 1500
# Bytes of a hash. A changed item has the hash of another one in 1 of 2**48 / MOST cases.
_BYTES = 6
_MODULUS = 2 ** (8 * _BYTES)


class ByContentStream(Stream):
    """A list requested with `sort=id`, kind by kind; an item is emitted if the state does not hold it as it is now.

    The state holds hashes of the items (`Contents`), and for people the newest updatedAt (milliseconds). It is written at
    the end. With any other state, and with none, all items are emitted.
    """

    cursor_field = UPDATED_AT
    path: str
    selector: str
    page_size = 1000

    def kinds(self) -> dict[str, Parameters]:
        """The lists that make up the stream: each a name, which is part of an item's content, and its query parameters."""
        return {"all": {}}

    def record(self, kind: str, item: Fields) -> Fields:
        """The record for one item of the response."""
        return item

    def batches(self, context: StreamContext, kind: str, items: list[Fields]) -> Iterator[list[Fields]]:
        """Yield what is emitted for the items of a page that are new or have changed."""
        yield [self.record(kind, item) for item in items]

    def items(self, context: StreamContext) -> Iterator[Fields]:
        """Yield every item, whatever the state, for other streams."""
        for _, items in self._pages(context):
            yield from items

    def check_state(self, state: State) -> None:
        """Any state is taken."""

    def _read(self, context: StreamContext, state: State) -> Reading:
        key, salt = self.primary_key[0], context.config.hash_salt
        # A state must not give away what the options hide: whoever has the records could try values until the hash fits.
        secret = sha256(salt.encode()).digest() if salt else b""
        newest, now = 0, Contents()
        for kind, items in self._pages(context):
            for item in items:
                updated_at = item.get(UPDATED_AT)
                newest = max(newest, updated_at) if type(updated_at) is int else newest
                now.add(fingerprint(kind, item[key], item, secret))
        is_new = now.since(Contents.from_state(state.get("content")))
        for kind, items in self._pages(context):
            if changed := [item for item in items if is_new(fingerprint(kind, item[key], item, secret))]:
                yield from self.batches(context, kind, changed)
        yield Checkpoint({UPDATED_AT: newest, "content": now.state})

    def _pages(self, context: StreamContext) -> Iterator[tuple[str, list[Fields]]]:
        """The items of each page of each kind, in an order that no update changes."""
        for kind, parameters in self.kinds().items():
            query = {**parameters, "sort": "id"}
            for items in context.shared.pages(self.path, self.selector, self.primary_key[0], query, self.page_size):
                yield kind, items


class Fingerprint(NamedTuple):
    """An item's bucket, which depends on its kind and id alone, and the hash of its content."""

    bucket: int
    hash: int


def fingerprint(kind: str, key: Any, item: Fields, secret: bytes = b"") -> Fingerprint:
    """The fingerprint of an item as Iterable sent it, in any order of its keys. With a `secret`, its hash is keyed."""
    name = exact_json.dumps([kind, key])
    content = name + exact_json.dumps(item, None, orjson.OPT_SORT_KEYS)
    return Fingerprint(
        int.from_bytes(blake2b(name, digest_size=8).digest(), "big") % MOST,
        int.from_bytes(blake2b(content, digest_size=_BYTES, key=secret).digest(), "big"),
    )


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
    def state(self) -> Fields:
        """As it stands in a state."""
        form, numbers = ("buckets", self.sums) if self.hashes is None else ("items", sorted(self.hashes))
        packed = b"".join(number.to_bytes(_BYTES, "big") for number in numbers)
        return {"version": VERSION, "form": form, "hashes": base64.b64encode(packed).decode()}

    @classmethod
    def from_state(cls, state: Any) -> Contents | None:
        """Those of a state; None for anything else."""
        try:
            version, form = state["version"], state["form"]
            packed = base64.b64decode(state["hashes"], validate=True)
        except (KeyError, TypeError, ValueError):
            return None
        numbers = [int.from_bytes(packed[at : at + _BYTES], "big") for at in range(0, len(packed), _BYTES)]
        made = cls()
        if type(version) is not int or version != VERSION or len(packed) % _BYTES or form not in ("items", "buckets"):
            return None
        if form == "buckets":
            made.hashes, made.sums = None, numbers
            return made if len(numbers) == MOST else None
        made.hashes = set(numbers)
        return made

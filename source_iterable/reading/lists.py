"""How lists are read: plain ones, those compared by content, and those requested once per item of another list."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping
from hashlib import sha256

from source_iterable.api.request import Parameters
from source_iterable.reading.done import Done
from source_iterable.reading.done import Key as Key
from source_iterable.reading.fingerprints import Contents, fingerprint
from source_iterable.reading.slices import skipping
from source_iterable.reading.stream import Checkpoint, Fields, Reading, State, Stream, StreamContext

UPDATED_AT = "updatedAt"
# The order that no update changes.
BY_ID: Parameters = {"sort": "id"}


class ListStream(Stream):
    """A list that may be the parent of child streams. Requested once per sync for all of them.

    `GET path` returns `{selector: [...]}`, all at once or, with a `page_size`, in pages.
    """

    path: str
    selector: str
    page_size: int | None = None
    # The lists that make up the stream: their names and query parameters.
    kinds: Mapping[str, Parameters] = {"all": {}}

    def record(self, kind: str, item: Fields) -> Fields:
        """The record for one item of the response."""
        return item

    @property
    def lists(self) -> Collection[str]:
        return (self.path,)

    def blocks(self, context: StreamContext) -> Iterator[tuple[str, list[Fields]]]:
        """Yield the items, a megabyte at a time, with their kind. Raises IterableError."""
        key = self.primary_key[0]
        for kind, parameters in self.kinds.items():
            for items in context.shared.blocks(self.path, self.selector, key, parameters, self.page_size):
                yield kind, items

    def items(self, context: StreamContext) -> Iterator[Fields]:
        """Yield every item, whatever the state."""
        for _, items in self.blocks(context):
            yield from items

    def keys(self, context: StreamContext) -> list[Key]:
        """The keys of all items, all of one type."""
        return [item[self.primary_key[0]] for item in self.items(context)]


class PlainList(ListStream):
    """A list whose items are the records."""

    def __init__(self, name: str, path: str, selector: str, primary_key: str, page_size: int | None = None) -> None:
        self.name = name
        self.path = path
        self.selector = selector
        self.primary_key = (primary_key,)
        self.page_size = page_size

    def _read(self, context: StreamContext, state: State) -> Reading:
        for kind, items in self.blocks(context):
            yield [self.record(kind, item) for item in items]


class ByContentStream(ListStream):
    """A list requested with `sort=id`, whose items are emitted if the state does not hold them as they are now.

    Iterable leaves a campaign's updatedAt at its last edit when it starts or finishes (seen): no time shows all changes.
    So the state holds hashes of the items and their kinds (`Contents`), and for people the newest updatedAt (milliseconds).
    It is written at the end. With any other state, and with none, all items are emitted.
    """

    cursor_field = UPDATED_AT
    whole = True
    page_size = 1000
    kinds = {"all": BY_ID}

    def batches(self, context: StreamContext, kind: str, items: list[Fields]) -> Iterator[list[Fields]]:
        """Yield what is emitted for some items that are new or have changed."""
        yield [self.record(kind, item) for item in items]

    def _read(self, context: StreamContext, state: State) -> Reading:
        key, salt = self.primary_key[0], context.config.hash_salt
        # A state must not give away what the options hide: whoever has the records could try values until the hash fits.
        secret = sha256(salt.encode()).digest() if salt else b""
        newest, now = 0, Contents()
        for kind, items in self.blocks(context):
            for item in items:
                updated_at = item.get(UPDATED_AT)
                newest = max(newest, updated_at) if type(updated_at) is int else newest
                now.add(fingerprint(kind, item[key], item, secret))
        is_new = now.since(Contents.from_state(state.get("content")))
        for kind, items in self.blocks(context):
            if changed := [item for item in items if is_new(fingerprint(kind, item[key], item, secret))]:
                yield from self.batches(context, kind, changed)
        yield Checkpoint({UPDATED_AT: newest, "content": now.state})


class ChildStream(Stream):
    """A stream read slice by slice, one slice per item of its parent.

    Subclasses name the parent and read one slice. If they are resumable, the state holds the finished slices. A slice that
    no longer exists (404) is skipped with a warning.
    """

    parent: ListStream
    # What a slice is called in a warning.
    noun: str

    @property
    def lists(self) -> Collection[str]:
        return self.parent.lists

    @abstractmethod
    def read_slice(self, context: StreamContext, key: Key) -> Iterator[list[Fields]]:
        """Yield the records of one slice, in lists."""

    def keys(self, context: StreamContext) -> Iterable[Key]:
        """The keys of all slices, all of one type."""
        return self.parent.keys(context)

    def _read(self, context: StreamContext, state: State) -> Reading:
        done = Done(self.keys(context), state if self.resumable else {})
        for key in done.remaining:
            with skipping(context, self.name, f"{self.noun} {key}"):
                yield from self.read_slice(context, key)
            done.add(key)
            if self.resumable:
                yield Checkpoint(done.state)
        yield Checkpoint({})

"""Lists in one response or in large pages: received item by item into a file, so that they take no memory.

A list counts only when its response is proved whole, every item is what was requested, and nothing but blanks follows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import requests

from source_iterable.api.exact_json import NOT_JSON, parsed
from source_iterable.api.item_file import ItemFile
from source_iterable.api.json_items import JsonItems, NotJson
from source_iterable.api.request import ShapeError, holder_of
from source_iterable.api.spooled import MAX_LINE, pieces
from source_iterable.errors import EndUnknown, TooLarge

# Bytes of the items that are parsed, kept and handed on at a time; a longer item is alone.
BLOCK_BYTES = 1 * 2**20
# Bytes of an item; a longer one is left out: it would take the memory of all streams.
MAX_ITEM = MAX_LINE - 1
# Bytes of a response: the largest are pages of 50 journeys, each of which may have MAX_ITEM bytes.
LIST_BYTES = 1 * 2**30


class Listed(NamedTuple):
    """The items of a list, the response with an empty list in their place, and what to say of items that were left out."""

    items: ItemFile
    rest: Any
    left_out: list[str]


def receive_list(
    response: requests.Response, selector: str, key: str | None, must_be_data: Callable[[Any], None]
) -> Listed:
    """Receive a response with a list named `selector`. The caller closes the items.

    They are objects with a valid `key`, a number or a text, all of one type; without a key they are texts.

    Args:
        must_be_data: raises BrokenResponse for the JSON of an error, and for NOT_JSON.

    Raises:
        BrokenResponse: the body broke off, stalled, or is not what its headers say.
        EndUnknown: nothing proves its end.
        TooLarge: the body is over LIST_BYTES, or all of it but the list over MAX_ITEM.
        ShapeError: the items are not what was requested.
        LocalError: this machine has no room for it.
    """
    unproved: list[EndUnknown] = []

    def arriving() -> Iterator[bytes]:
        size = 0
        try:
            for piece in pieces(response):
                size += len(piece)
                if size > LIST_BYTES:
                    raise TooLarge(f"The response is over {LIST_BYTES:,} bytes.")
                yield piece
        except EndUnknown as error:
            unproved.append(error)

    with ExitStack() as failing, response:
        items = ItemFile()
        failing.callback(items.close)
        cut = JsonItems(arriving(), selector, MAX_ITEM)
        reader = _Reader(items, selector, key)
        try:
            for item, size in cut:
                reader.add(item, size)
            reader.flush()
            rest = parsed(bytes(cut.rest))
        except NotJson:
            rest = NOT_JSON
        # A closed object or array proves its own end. Numbers and texts might go on.
        if unproved and not isinstance(rest, (dict, list)):
            raise unproved[0]
        must_be_data(rest)
        if holder_of(rest, selector)[selector] != []:
            raise ShapeError(f"holds no list named {selector}")
        if cut.lists != 1:
            raise ShapeError(f"holds {cut.lists} lists named {selector}")
        failing.pop_all()
    return Listed(items, rest, reader.left_out)


class _Reader:
    """Adds items to a file, in blocks. Raises NotJson or ShapeError for what is no item."""

    def __init__(self, items: ItemFile, selector: str, key: str | None) -> None:
        self._items = items
        self._selector = selector
        self._key = key
        self._kinds: set[type] = set()
        self._block: list[bytes] = []
        self._size = 0
        self.left_out: list[str] = []

    def add(self, item: bytes, size: int) -> None:
        if self._size + size > BLOCK_BYTES:
            self.flush()
        if not item:
            self._items.leave_out(size)
            what, megabytes = f"item {self._items.number:,} of {self._selector}", f"{size / 2**20:,.1f}"
            self.left_out.append(f"{what} was left out: it has {megabytes} MB. Up to {MAX_LINE >> 20} MB are read.")
            return
        self._block.append(item)
        self._size += size

    def flush(self) -> None:
        """Add what has been collected."""
        if not self._block:
            return
        text = b"[%b]" % b",".join(self._block)
        self._block, self._size = [], 0
        found = parsed(text)
        if found is NOT_JSON:
            raise NotJson
        self._items.add(found, list(self._keys(found)))

    def _keys(self, items: list[Any]) -> Iterator[Any]:
        """The keys of items; none if they are texts."""
        for number, item in enumerate(items, self._items.number + 1):
            if self._key is None:
                if not isinstance(item, str):
                    raise ShapeError(f"holds an item of {self._selector} that is not a text (number {number})")
                continue
            if not isinstance(item, dict):
                raise ShapeError(f"holds an item of {self._selector} that is not an object (number {number})")
            key = item.get(self._key)
            self._kinds.add(type(key))
            if not self._kinds <= {int, str}:
                raise ShapeError(f"holds an item of {self._selector} without a valid {self._key} (number {number})")
            yield key
        if len(self._kinds) > 1:
            raise ShapeError(f"holds items of {self._selector} with a {self._key} of different types")

"""SharedLists: lists that several streams read, each page requested once per sync.

A parent stream (lists, campaigns, templates, catalogs, metadata) and its children need the same responses. The first stream
to need a list requests it; the others wait and read it from a temporary file.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping
from contextlib import closing
from functools import partial

from source_iterable.api.client import IterableClient
from source_iterable.api.item_file import ItemFile
from source_iterable.api.paging import Fetch, Page, Pages, in_one, numbered
from source_iterable.api.request import Items, Parameters
from source_iterable.errors import TransientError

# Times that a list is read, if it changes each time, until its stream fails.
MOST_READINGS = 5


class SharedLists:
    """The shared lists of one sync. Thread-safe.

    A list is kept until the last stream that reads lists of its path has ended. Where it is not known which streams do, all
    are kept.
    """

    def __init__(self, client: IterableClient, logger: logging.Logger) -> None:
        self._client = client
        self._logger = logger
        self._lock = threading.Lock()
        self._lists: dict[Hashable, SharedList] = {}
        # The paths of the lists that each stream of the sync reads, until it has ended.
        self._read_by: dict[str, Collection[str]] | None = None

    def expect(self, read_by: Mapping[str, Collection[str]]) -> None:
        """Name the streams of this sync, each with the paths of the lists that it reads, before any of them begins."""
        self._read_by = dict(read_by)

    def done(self, stream: str) -> None:
        """A stream has ended: lists that no other reads are removed."""
        with self._lock:
            if self._read_by is not None:
                self._read_by.pop(stream, None)
                for name, shared in list(self._lists.items()):
                    if not self._readers_of(shared.path):
                        self._lists.pop(name).close()

    def blocks(
        self, path: str, selector: str, key: str, parameters: Parameters, page_size: int | None
    ) -> Iterator[Items]:
        """Yield the items of a list, which have a `key`, once all are read and proved to be all, a megabyte at a time.

        Without a `page_size` the list is one response. Raises IterableError; the next reader then retries the page.
        """
        if page_size is None:
            fetch = in_one(self._client, path, selector, key, parameters)
        else:
            fetch = numbered(self._client, path, selector, key, parameters, page_size)
        return self.blocks_by(path, fetch, (path, tuple(sorted(parameters.items())), page_size))

    def blocks_by(self, path: str, fetch: Fetch, name: Hashable = None) -> Iterator[Items]:
        """Yield the items of the pages that `fetch` returns. The first caller's `fetch` serves all of this `name`.

        They are proved to be all. The name is the path unless there are several lists of this path.
        """
        return self._items(name or path, lambda: SharedList(path, partial(Pages, path, fetch), self._logger))

    def growing(self, path: str, begin: Callable[[], Iterator[Items]]) -> Iterator[Items]:
        """Yield what the iterator that `begin` makes yields, at once. It is kept if several streams are to read it.

        After an error, the next call of the iterator is to retry.
        """
        with self._lock:
            is_shared = path in self._lists or self._readers_of(path) != 1
        if is_shared:
            yield from self._items(path, lambda: SharedList(path, lambda: map(_page_of, begin()), self._logger, False))
        else:
            yield from begin()

    def _items(self, name: Hashable, make: Callable[[], SharedList]) -> Iterator[Items]:
        with self._lock:
            shared = self._lists.get(name) or make()
            if self._readers_of(shared.path) != 0:
                self._lists[name] = shared
        try:
            yield from shared.blocks()
        finally:
            if name not in self._lists:
                shared.close()

    def _readers_of(self, path: str) -> int | None:
        """The number of streams that are still to read lists of a path; None if it is not known."""
        return None if self._read_by is None else sum(path in paths for paths in self._read_by.values())

    def close(self) -> None:
        """Remove the temporary files."""
        with self._lock:
            for shared in self._lists.values():
                shared.close()


def _page_of(items: Items) -> Page:
    """A page of these items."""
    made = ItemFile()
    made.add(items)
    return Page(made)


class SharedList:
    """The items of one list requested so far, in a temporary file. Thread-safe.

    `begin` makes an iterator of its pages; after an error, the next call is to request the same page again.

    A `proved` one yields none before the list is proved whole, or two readings find the same items. An item that is
    deleted while pages are read moves all behind it forward, and the first item of the next page is never returned. The
    number of items that Iterable names in each page and the ids show it. Not noticed: as many items created as deleted
    between the same two requests. An item that this hides is missing in this sync; a stream by content emits it in the next.
    """

    def __init__(
        self, path: str, begin: Callable[[], Iterator[Page]], logger: logging.Logger, proved: bool = True
    ) -> None:
        self.path = path
        self._begin = begin
        self._logger = logger
        self._lock = threading.RLock()
        self._is_whole = not proved
        # The number of items and the sum of the hashes of their keys, of each reading.
        self._readings: list[tuple[int, int]] = []
        self._open()

    def _open(self) -> None:
        self._items = ItemFile()
        # The total that each page named.
        self._totals: list[int | None] = []
        self._pages = self._begin()

    def blocks(self) -> Iterator[Items]:
        """Yield the items in lists of a megabyte, or of one that is longer. The first reader requests them.

        Raises IterableError; the next reader retries the page that failed.
        """
        with self._lock:
            while not self._is_whole:
                while self._has_more():
                    pass
                self._prove()
        block = 0
        while block < len(self._items) or self._has_more(block):
            yield self._items[block]
            block += 1

    def close(self) -> None:
        """Remove the file."""
        self._items.close()

    def _has_more(self, block: int | None = None) -> bool:
        """Request another page, unless one with this block has come meanwhile; False at the end."""
        with self._lock:
            while block is None or block >= len(self._items):
                page = next(self._pages, None)
                if page is None:
                    return False
                with closing(page.items) as items:
                    self._items.extend(items)
                self._totals.append(page.total)
                if block is None:
                    break
            return True

    def _prove(self) -> None:
        """Note what was read; start again if it may not be all. Raises TransientError if it never stays as it is."""
        number, ids = self._items.number, self._items.ids
        totals = set(self._totals)
        # They are all if one response holds as many as it says; or if each page says as many, and none came twice.
        is_all = totals <= {None, number} if len(self._totals) <= 1 else totals == {number} and self._items.ascends
        self._is_whole = is_all or (number, ids) in self._readings[-1:]
        if self._is_whole:
            for total in totals - {None, number}:
                self._logger.warning(
                    f"GET {self.path}: two readings found {number:,} items, but Iterable says that there are {total:,}."
                )
        elif len(self._readings) == MOST_READINGS - 1:
            raise TransientError(
                f"The list of GET {self.path} changed each of the {MOST_READINGS} times that it was read: items may be "
                "missing. The next sync reads it again."
            )
        else:
            self._readings.append((number, ids))
            self.close()
            self._open()

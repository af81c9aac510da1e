"""SharedLists: lists that several streams read, each page requested once per sync.

A parent stream (lists, campaigns, templates, catalogs, metadata) and its children need the same responses. The first stream
to need a list requests it; the others wait and read it from a temporary file.
"""

from __future__ import annotations

import logging
import tempfile
import threading
from collections.abc import Hashable, Iterable, Iterator
from contextlib import closing
from functools import partial
from hashlib import blake2b
from itertools import chain
from typing import IO

from source_iterable.api import exact_json
from source_iterable.api.client import IterableClient
from source_iterable.api.paging import Fetch, Page, Pages, numbered
from source_iterable.api.request import Items, Parameters, items_in
from source_iterable.errors import TransientError
from source_iterable.process.machine import local_errors

# The pages of one list over this many bytes spill from memory to a temporary file.
MEMORY_BYTES = 256 * 2**10
# Times that a list is read, if it changes each time, until its stream fails.
MOST_READINGS = 5


class SharedLists:
    """The shared lists of one sync. Thread-safe."""

    def __init__(self, client: IterableClient, logger: logging.Logger) -> None:
        self._client = client
        self._logger = logger
        self._lock = threading.Lock()
        self._lists: dict[Hashable, SharedList] = {}

    def pages(
        self, path: str, selector: str, key: str, parameters: Parameters, page_size: int | None
    ) -> Iterator[Items]:
        """Yield the items of each page of a list, which have a `key`, once all are read and proved to be all.

        Without a `page_size` the list is one response. Raises IterableError; the next reader then retries the page.
        """
        fetch = self._fetch(path, selector, key, parameters, page_size)
        return self.pages_by(path, fetch, key, (path, tuple(sorted(parameters.items())), page_size))

    def pages_by(self, path: str, fetch: Fetch, key: str | None = None, name: Hashable = None) -> Iterator[Items]:
        """Yield the items of each page that `fetch` returns. The first caller's `fetch` serves all of this `name`.

        With a `key` they are proved to be all; without, each page is yielded as soon as it is requested. The name is the
        path unless there are several lists of this path.
        """
        with self._lock:
            if (name or path) not in self._lists:
                self._lists[name or path] = SharedList(path, fetch, self._logger, key)
        yield from self._lists[name or path].pages()

    def unshared(self, path: str, selector: str, key: str, parameters: Parameters, page_size: int) -> Iterator[Items]:
        """The same as `pages`, for a list that only one stream reads: nothing of it is kept."""
        fetch = self._fetch(path, selector, key, parameters, page_size)
        with closing(SharedList(path, fetch, self._logger, key)) as found:
            yield from found.pages()

    def _fetch(self, path: str, selector: str, key: str, parameters: Parameters, page_size: int | None) -> Fetch:
        if page_size is not None:
            return numbered(self._client, path, selector, key, parameters, page_size)
        return lambda _: Page(self._client.get_json(path, parameters, partial(items_in, selector=selector, key=key)))

    def close(self) -> None:
        """Remove the temporary files."""
        with self._lock:
            for shared in self._lists.values():
                shared.close()


class SharedList:
    """The pages of one list requested so far, in a temporary file. Thread-safe.

    With a `key`, none is yielded before the list is proved whole, or two readings find the same items. An item that is
    deleted while pages are read moves all behind it forward, and the first item of the next page is never returned. The
    number of items that Iterable names in each page and the ids show it. Not noticed: as many items created as deleted
    between the same two requests. An item that this hides is missing in this sync; a stream by content emits it in the next.
    """

    def __init__(self, path: str, fetch: Fetch, logger: logging.Logger, key: str | None = None) -> None:
        self._path = path
        self._fetch = fetch
        self._logger = logger
        self._key = key
        self._lock = threading.RLock()
        self._is_whole = key is None
        # The number of items and the sum of the hashes of their keys, of each reading.
        self._readings: list[tuple[int, int]] = []
        self._open()

    def _open(self) -> None:
        with local_errors():
            # A line a page.
            self._file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=MEMORY_BYTES)  # noqa: SIM115  lives for the sync
        # The total that each page named.
        self._totals: list[int | None] = []
        self._requested = Pages(self._path, self._fetch)

    def pages(self) -> Iterator[Items]:
        """Yield the items of each page, which the first reader requests.

        Raises IterableError; the next reader retries the page that failed.
        """
        with self._lock:
            while not self._is_whole:
                self._read_whole()
        yield from self._pages()

    def close(self) -> None:
        """Remove the file."""
        self._file.close()

    def _pages(self) -> Iterator[Items]:
        position = 0
        while True:
            with self._lock, local_errors():
                self._file.seek(position)
                line = self._file.readline()
                if not line:
                    page = next(self._requested, None)
                    if page is None:
                        return
                    line = exact_json.dumps(page.items) + b"\n"
                    self._file.write(line)
                    self._totals.append(page.total)
            position += len(line)
            yield exact_json.loads(line)

    def _read_whole(self) -> None:
        """Read the list once more. Raises TransientError if it never stays as it is."""
        number, ids, ascends = _summary(self._pages(), self._key or "")
        totals = set(self._totals)
        # They are all if one response holds as many as it says; or if each page says as many, and none came twice.
        is_all = totals <= {None, number} if len(self._totals) <= 1 else totals == {number} and ascends
        self._is_whole = is_all or (number, ids) in self._readings[-1:]
        if self._is_whole:
            for total in totals - {None, number}:
                self._logger.warning(
                    f"GET {self._path}: two readings found {number:,} items, but Iterable says that there are {total:,}."
                )
        elif len(self._readings) == MOST_READINGS - 1:
            raise TransientError(
                f"The list of GET {self._path} changed each of the {MOST_READINGS} times that it was read: items may be "
                "missing. The next sync reads it again."
            )
        else:
            self._readings.append((number, ids))
            self.close()
            self._open()


def _summary(pages: Iterable[Items], key: str) -> tuple[int, int, bool]:
    """The number of all items, the sum of the hashes of their keys, and whether these ascend throughout."""
    number = ids = 0
    ascends, last = True, None
    for item in chain.from_iterable(pages):
        number += 1
        name = item[key]
        ascends = ascends and (last is None or (type(name) is type(last) and name > last))
        last = name
        ids = (ids + int.from_bytes(blake2b(repr(name).encode(), digest_size=8).digest(), "big")) % 2**64
    return number, ids, ascends

"""WholeList: a list in pages that counts only once it is proved that none of its items is missing.

An item that is deleted while pages are read moves all behind it forward, and the first item of the next page is never
returned. What tells: the number of items that Iterable names in each page, and the ids.
"""

from __future__ import annotations

import logging
import tempfile
import threading
from collections.abc import Iterator
from hashlib import blake2b
from typing import IO, Any

from source_iterable.api import exact_json
from source_iterable.api.paging import Fetch, Page, Pages
from source_iterable.api.request import Items
from source_iterable.errors import TransientError
from source_iterable.process.machine import local_errors

# The pages of one list over this many bytes spill from memory to a temporary file.
MEMORY_BYTES = 256 * 2**10
# Times that a list is read until it stays as it is.
MOST_READINGS = 5


class SpooledPages:
    """The pages of one list requested so far, in a temporary file. Thread-safe."""

    def __init__(self, path: str, fetch: Fetch, key: str | None = None) -> None:
        self._pages = Pages(path, fetch)
        # The page that was requested and is not written yet: writing it may have failed.
        self._unwritten: Page | None = None
        self._key = key
        self._lock = threading.Lock()
        with local_errors():
            self._file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=MEMORY_BYTES)  # noqa: SIM115  lives for the sync
        self._ends = [0]
        self.found = Found()

    def pages(self) -> Iterator[Items]:
        """Yield the items of each page, which the first reader requests.

        Raises IterableError; the next reader retries the page.
        """
        place = 0
        while (items := self._page(place)) is not None:
            yield items
            place += 1

    def _page(self, place: int) -> Items | None:
        with self._lock:
            if place == len(self._ends) - 1:
                self._unwritten = page = self._unwritten or next(self._pages, None)
                if page is None:
                    return None
                with local_errors():
                    self._file.seek(self._ends[-1])
                    size = self._file.write(exact_json.dumps(page.items))
                if self._key is not None:
                    self.found.add(page, self._key)
                self._ends.append(self._ends[-1] + size)
                self._unwritten = None
                return page.items
            start, end = self._ends[place : place + 2]
            with local_errors():
                self._file.seek(start)
                return list(exact_json.loads(self._file.read(end - start)))

    def close(self) -> None:
        """Remove the file."""
        self._file.close()


class Found:
    """What one reading of a list found, as far as it tells whether something is missing."""

    def __init__(self) -> None:
        self.count = 0
        self.totals: set[int | None] = set()
        self.ids = 0
        self._last: Any = None
        self._pages = 0
        self._ascends = True

    def add(self, page: Page, key: str) -> None:
        """Take in the next page."""
        self._pages += 1
        self.totals.add(page.total)
        for item in page.items:
            name = item[key]
            self._ascends = self._ascends and (
                self._last is None or (type(name) is type(self._last) and name > self._last)
            )
            self._last = name
            self.count += 1
            self.ids = (self.ids + _number_of(name)) % 2**64

    @property
    def is_all(self) -> bool:
        """Whether these are proved to be all items: as many as each page said, none twice; or all in one response."""
        if self._pages <= 1:
            return self.totals <= {None, self.count}
        return self.totals == {self.count} and self._ascends

    def is_same_as(self, other: Found | None) -> bool:
        """Whether another reading found the same items."""
        return other is not None and (self.count, self.ids) == (other.count, other.ids)


class WholeList:
    """One list, read before any of its pages is yielded: until it is proved whole, or two readings find the same items.

    Not noticed: as many items created as deleted between the same two requests. An item that this hides is missing in this
    sync; a stream by content emits it in the next one. Thread-safe.
    """

    def __init__(self, path: str, key: str, fetch: Fetch, logger: logging.Logger) -> None:
        self._path = path
        self._key = key
        self._fetch = fetch
        self._logger = logger
        self._lock = threading.Lock()
        self._is_whole = False
        self._readings = 1
        self._before: Found | None = None
        self._spooled = SpooledPages(path, fetch, key)

    def pages(self) -> Iterator[Items]:
        """Yield the items of each page. Raises IterableError; the next reader retries the page that failed."""
        with self._lock:
            while not self._is_whole:
                self._read()
        yield from self._spooled.pages()

    def close(self) -> None:
        """Remove the temporary file."""
        self._spooled.close()

    def _read(self) -> None:
        for _ in self._spooled.pages():
            pass
        found = self._spooled.found
        if found.is_all or found.is_same_as(self._before):
            self._is_whole = True
            for total in found.totals - {None, found.count}:
                self._logger.warning(
                    f"GET {self._path}: Iterable returned {found.count:,} items twice, and says that there are {total:,}."
                )
            return
        if self._readings == MOST_READINGS:
            raise TransientError(
                f"The list of GET {self._path} changed each of the {MOST_READINGS} times that it was read: items may be "
                "missing. The next sync reads it again."
            )
        self._readings += 1
        self._before = found
        self._spooled.close()
        self._spooled = SpooledPages(self._path, self._fetch, self._key)


def _number_of(name: Any) -> int:
    return int.from_bytes(blake2b(repr(name).encode(), digest_size=8).digest(), "big")

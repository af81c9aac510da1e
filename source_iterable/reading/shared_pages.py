"""SharedPages: lists that several streams read, each page requested once per sync.

A parent stream (lists, campaigns, templates, catalogs, metadata) and its children need the same responses. The first stream
to need a page requests it; the others wait and read it from a temporary file. No page is requested before a stream needs
it, so sharing costs nothing extra for a stream that stops at its state.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from typing import IO, Any

import orjson

from source_iterable.api.client import IterableClient
from source_iterable.api.paging import Items, items_of, read_page
from source_iterable.api.request import Parameters

# The pages of one list over this many bytes spill from memory to a temporary file.
MEMORY_BYTES = 256 * 2**10


class SharedPages:
    """The shared lists of one sync. Thread-safe."""

    def __init__(self, client: IterableClient) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._lists: dict[tuple[Any, ...], _Pages] = {}

    def pages(
        self, path: str, selector: str, parameters: Parameters, page_size: int | None, reading: int = 0
    ) -> Iterator[Items]:
        """Yield the items of each page of a list; without a `page_size` the list is one response.

        `reading` tells repeated readings of one list apart. Raises IterableError; the next reader then retries the page.
        """
        key = (path, tuple(sorted(parameters.items())), page_size, reading)
        with self._lock:
            if key not in self._lists:
                self._lists[key] = _Pages(self._fetcher(path, selector, parameters, page_size))
            shared = self._lists[key]
        place = 0
        while (items := shared.page(place)) is not None:
            yield items
            place += 1

    def close(self) -> None:
        """Remove the temporary files."""
        with self._lock:
            for shared in self._lists.values():
                shared.close()

    def _fetcher(
        self, path: str, selector: str, parameters: Parameters, page_size: int | None
    ) -> Callable[[int], tuple[Items, int | None]]:
        def fetch(number: int) -> tuple[Items, int | None]:
            if page_size is None:
                return items_of(path, self._client.get_json(path, parameters), selector), None
            return read_page(self._client, path, selector, parameters, page_size, number)

        return fetch


class _Pages:
    """The pages of one list requested so far."""

    def __init__(self, fetch: Callable[[int], tuple[Items, int | None]]) -> None:
        self._fetch = fetch
        self._lock = threading.Lock()
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=MEMORY_BYTES)  # noqa: SIM115  lives for the sync
        self._ends = [0]
        self._next: int | None = 1

    def page(self, place: int) -> Items | None:
        """The page at this place (from 0), None after the last one."""
        with self._lock:
            if place == len(self._ends) - 1:
                if self._next is None:
                    return None
                items, self._next = self._fetch(self._next)
                self._file.seek(self._ends[-1])
                self._ends.append(self._ends[-1] + self._file.write(orjson.dumps(items)))
                return items
            start, end = self._ends[place : place + 2]
            self._file.seek(start)
            return list(orjson.loads(self._file.read(end - start)))

    def close(self) -> None:
        self._file.close()

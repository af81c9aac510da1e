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

from source_iterable import exact_json
from source_iterable.api.client import IterableClient
from source_iterable.api.paging import Items, KnownPages, items_in, read_page
from source_iterable.api.request import Parameters
from source_iterable.machine import temporary_files

# The pages of one list over this many bytes spill from memory to a temporary file.
MEMORY_BYTES = 256 * 2**10

# From the number of a page (from 1), its items and the number of the next one, None at the end. Raises IterableError.
Fetch = Callable[[int], tuple[Items, int | None]]


class SharedPages:
    """The shared lists of one sync. Thread-safe."""

    def __init__(self, client: IterableClient) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._lists: dict[tuple[Any, ...], _Pages] = {}

    def pages(
        self, path: str, selector: str, key: str, parameters: Parameters, page_size: int | None, reading: int = 0
    ) -> Iterator[Items]:
        """Yield the items of each page of a list, which have a `key`; without a `page_size` the list is one response.

        `reading` tells repeated readings of one list apart. Raises IterableError; the next reader then retries the page.
        """
        fetch = self._fetcher(path, selector, key, parameters, page_size)
        yield from self._shared((path, tuple(sorted(parameters.items())), page_size, reading), path, fetch)

    def pages_by(self, path: str, fetch: Fetch) -> Iterator[Items]:
        """Yield the items of each page that `fetch` returns. There is one list of this path, whoever asks first."""
        yield from self._shared((path,), path, fetch)

    def _shared(self, name: tuple[Any, ...], path: str, fetch: Fetch) -> Iterator[Items]:
        with self._lock:
            if name not in self._lists:
                self._lists[name] = _Pages(path, fetch)
            shared = self._lists[name]
        place = 0
        while (items := shared.page(place)) is not None:
            yield items
            place += 1

    def close(self) -> None:
        """Remove the temporary files."""
        with self._lock:
            for shared in self._lists.values():
                shared.close()

    def _fetcher(self, path: str, selector: str, key: str, parameters: Parameters, page_size: int | None) -> Fetch:
        def fetch(number: int) -> tuple[Items, int | None]:
            if page_size is None:
                return self._client.get_json(path, parameters, items_in(selector, key)), None
            return read_page(self._client, path, selector, key, parameters, page_size, number)

        return fetch


class _Pages:
    """The pages of one list requested so far."""

    def __init__(self, path: str, fetch: Fetch) -> None:
        self._fetch = fetch
        self._known = KnownPages(path)
        self._lock = threading.Lock()
        with temporary_files():
            self._file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=MEMORY_BYTES)  # noqa: SIM115  lives for the sync
        self._ends = [0]
        self._next: int | None = 1

    def page(self, place: int) -> Items | None:
        """The page at this place (from 0), None after the last one."""
        with self._lock:
            if place == len(self._ends) - 1:
                if self._next is None:
                    return None
                items, following = self._fetch(self._next)
                self._known.add(items)
                with temporary_files():
                    self._file.seek(self._ends[-1])
                    size = self._file.write(exact_json.dumps(items))
                self._ends.append(self._ends[-1] + size)
                self._next = following
                return items
            start, end = self._ends[place : place + 2]
            with temporary_files():
                self._file.seek(start)
                return list(exact_json.loads(self._file.read(end - start)))

    def close(self) -> None:
        self._file.close()

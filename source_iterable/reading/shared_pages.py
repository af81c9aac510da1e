"""SharedPages: lists that several streams read, each page requested once per sync.

A parent stream (lists, campaigns, templates, catalogs, metadata) and its children need the same responses. The first stream
to need a list requests it; the others wait and read it from a temporary file.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

from source_iterable.api.client import IterableClient
from source_iterable.api.paging import Fetch, Page, numbered
from source_iterable.api.request import Items, Parameters, list_shape
from source_iterable.reading.whole_list import SpooledPages, WholeList


class SharedPages:
    """The shared lists of one sync. Thread-safe."""

    def __init__(self, client: IterableClient, logger: logging.Logger) -> None:
        self._client = client
        self._logger = logger
        self._lock = threading.Lock()
        self._lists: dict[tuple[Any, ...], WholeList | SpooledPages] = {}

    def pages(
        self, path: str, selector: str, key: str, parameters: Parameters, page_size: int | None
    ) -> Iterator[Items]:
        """Yield the items of each page of a list, which have a `key`, once all are read and proved to be all.

        Without a `page_size` the list is one response. Raises IterableError; the next reader then retries the page.
        """
        yield from self._shared(
            (path, tuple(sorted(parameters.items())), page_size),
            lambda: self._whole(path, selector, key, parameters, page_size),
        )

    def pages_by(self, path: str, fetch: Fetch, key: str | None = None) -> Iterator[Items]:
        """Yield the items of each page that `fetch` returns. The first caller's `fetch` serves all readers of this path.

        With a `key` they are proved to be all; without, each page is yielded as soon as it is requested.
        """
        yield from self._shared(
            (path,),
            lambda: SpooledPages(path, fetch) if key is None else WholeList(path, key, fetch, self._logger),
        )

    def unshared(self, path: str, selector: str, key: str, parameters: Parameters, page_size: int) -> Iterator[Items]:
        """The same as `pages`, for a list that one stream alone reads: nothing of it is kept."""
        with closing(self._whole(path, selector, key, parameters, page_size)) as found:
            yield from found.pages()

    def _shared(self, name: tuple[Any, ...], make: Callable[[], WholeList | SpooledPages]) -> Iterator[Items]:
        with self._lock:
            if name not in self._lists:
                self._lists[name] = make()
            shared = self._lists[name]
        yield from shared.pages()

    def _whole(self, path: str, selector: str, key: str, parameters: Parameters, page_size: int | None) -> WholeList:
        if page_size is not None:
            fetch = numbered(self._client, path, selector, key, parameters, page_size)
            return WholeList(path, key, fetch, self._logger)
        shape = list_shape(selector, key)
        return WholeList(path, key, lambda _: Page(self._client.get_json(path, parameters, shape)), self._logger)

    def close(self) -> None:
        """Remove the temporary files."""
        with self._lock:
            for shared in self._lists.values():
                shared.close()

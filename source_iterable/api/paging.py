"""Pages: the ways in which Iterable's endpoints return a list page by page, each to its last page."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from source_iterable.api.client import IterableClient
from source_iterable.api.item_file import ItemFile
from source_iterable.api.listed import Listed
from source_iterable.api.request import Parameters, ShapeError, holder_of, total_in
from source_iterable.errors import BrokenResponse, IterableError, ServerError, TimedOut, TooLarge, WrongContent

# The number in a `nextPageUrl`.
_PAGE_NUMBER = re.compile(r"[?&]page=([0-9]{1,9})(?![^&#])")
# A page is requested in parts of so many of its items: few steps lead to single ones, each with its retries.
_PART = 10


class Page(NamedTuple):
    """The items of a page, which whoever takes it closes, and the number of all items if Iterable says it.

    `following` is what the next page is requested by (a marker, or a position); None at the end.
    """

    items: ItemFile
    following: Any = None
    total: int | None = None


# Requests a page by the `following` of the one before, or the first one by None. Raises IterableError.
Fetch = Callable[[Any], Page]


class Position(NamedTuple):
    """The first item of a page, from 0, and how many are requested at most."""

    start: int
    size: int


class Pages(Iterator[Page]):
    """Yields each page of the list of GET `path`. After an error, the next call requests the same page again.

    Raises IterableError, also for a list that never ends because its server goes round in circles: the same `following`
    twice, or the same items three times. The same items twice are no error: new ones may shift all others by a whole page.
    """

    def __init__(self, path: str, fetch: Fetch) -> None:
        self._path = path
        self._fetch = fetch
        self._at_end = False
        self._following: Any = None
        self._seen: Counter[str] = Counter()

    def __next__(self) -> Page:
        if self._at_end:
            raise StopIteration
        page = self._fetch(self._following)
        if page.items.number:
            self._count(page.items.digest, 2, "the same page came three times")
        if page.following is not None:
            self._count(page.following, 1, "a page leads back to an earlier one")
        self._following = page.following
        self._at_end = page.following is None
        return page

    def _count(self, mark: Any, most: int, otherwise: str) -> None:
        """Note that a page has this. Raises IterableError if more than so many have it."""
        self._seen[repr(mark)] += 1
        if self._seen[repr(mark)] > most:
            raise IterableError(f"The pages of GET {self._path} never end: {otherwise}.")


def in_one(client: IterableClient, path: str, selector: str, key: str, parameters: Parameters) -> Fetch:
    """The whole list in one response."""
    return lambda _: client.get_list(path, parameters, selector, key, lambda listed: Page(listed.items))


def numbered(client: IterableClient, path: str, selector: str, key: str, parameters: Parameters, size: int) -> Fetch:
    """Pages of `size` items by number, from 1; the last one has no `nextPageUrl`. Where that fails, smaller ones.

    Only the page number of `nextPageUrl` is used: the request itself always goes to our own host, with the key.
    """

    def request(position: Position) -> Page:
        number = position.start // position.size + 1

        def page(listed: Listed) -> Page:
            link = holder_of(listed.rest, selector).get("nextPageUrl")
            named = _PAGE_NUMBER.search(str(link))
            following = max(number + 1, int(named[1]) if named else 0)
            goes_on = Position((following - 1) * position.size, position.size) if link else None
            return Page(listed.items, goes_on, total_in(listed.rest, selector))

        return client.get_list(path, {**parameters, "page": number, "pageSize": position.size}, selector, key, page)

    def fetch(position: Position | None) -> Page:
        page = _smaller_if_need_be(client, path, request, position or Position(0, size))
        if page.following and not page.items.number:
            # Either the list goes on, or its links lead beyond its end: the next page shows which.
            page.items.close()
            page = _smaller_if_need_be(client, path, request, page.following)
        return page if page.items.number else page._replace(following=None)

    return fetch


def by_offset(client: IterableClient, path: str, selector: str, key: str, limit: int) -> Fetch:
    """Pages by `limit` and `offset`. Where that fails, smaller ones.

    The last page is the one that reaches `totalCount` and is not full; without `totalCount`, an empty one, since a server
    may return fewer items than requested.
    """

    def request(position: Position) -> Page:
        start, size = position

        def page(listed: Listed) -> Page:
            number, total = listed.items.number, total_in(listed.rest, selector)
            end = start + number
            is_last = not number if total is None else end >= total and number < size
            if not number and not is_last:
                raise ShapeError(f"holds no {selector} from number {start + 1} on, though there are {total}")
            return Page(listed.items, None if is_last else Position(end, size), total)

        return client.get_list(path, {"limit": size, "offset": start}, selector, key, page)

    return lambda position: _smaller_if_need_be(client, path, request, position or Position(0, limit))


def _smaller_if_need_be(
    client: IterableClient, path: str, request: Callable[[Position], Page], position: Position
) -> Page:
    """The page at a position, or the first part of it that can be read. Its `following` has the size of that part.

    Raises what the request of a single item raised.
    """
    while True:
        try:
            return request(position)
        except (TooLarge, TimedOut, ServerError, BrokenResponse) as error:
            # Positions are multiples of the size.
            size = position.size // _PART if position.size % _PART == 0 else 1
            if isinstance(error, WrongContent) or position.size == 1:
                raise
            client.logger.warning(f"GET {path}: reading {size} items at a time instead of {position.size}. {error}")
            position = Position(position.start, size)


def by_marker(client: IterableClient, path: str, selector: str, key: str) -> Fetch:
    """Pages by the `nextMarker` of the one before."""

    def page(listed: Listed) -> Page:
        return Page(listed.items, holder_of(listed.rest, selector).get("nextMarker") or None)

    def fetch(marker: Any) -> Page:
        return client.get_list(path, {"nextMarker": marker} if marker else None, selector, key, page)

    return fetch

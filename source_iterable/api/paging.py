"""Pages: the ways in which Iterable's endpoints return a list page by page, each to its last page."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import Any, NamedTuple

from source_iterable.api import exact_json
from source_iterable.api.client import IterableClient
from source_iterable.api.request import Items, Parameters, ShapeError, holder_of, items_in, total_in
from source_iterable.errors import IterableError

# The number in a `nextPageUrl`.
_PAGE_NUMBER = re.compile(r"[?&]page=([0-9]{1,9})(?![^&#])")


class Page(NamedTuple):
    """The items of a page, and the number of all items if Iterable says it.

    `following` is what the next page is requested by (a number, an offset, a marker); None at the end.
    """

    items: Items
    following: Any = None
    total: int | None = None


# Requests a page by the `following` of the one before, or the first one by None. Raises IterableError.
Fetch = Callable[[Any], Page]


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
        self._seen: Counter[bytes] = Counter()

    def __next__(self) -> Page:
        if self._at_end:
            raise StopIteration
        page = self._fetch(self._following)
        self._count(page.items, 2, "the same page came three times")
        self._count(page.following, 1, "a page leads back to an earlier one")
        self._following = page.following
        self._at_end = page.following is None
        return page

    def _count(self, content: Any, most: int, otherwise: str) -> None:
        """Note that a page has this content. Raises IterableError if more than so many have it."""
        if content:
            digest = blake2b(exact_json.dumps(content), digest_size=16).digest()
            self._seen[digest] += 1
            if self._seen[digest] > most:
                raise IterableError(f"The pages of GET {self._path} never end: {otherwise}.")


def numbered(client: IterableClient, path: str, selector: str, key: str, parameters: Parameters, size: int) -> Fetch:
    """Pages of `size` items by number, from 1; the last one has no `nextPageUrl`.

    Only the page number of `nextPageUrl` is used: the request itself always goes to our own host, with the key.
    """

    def request(number: int) -> Page:
        def page(response: Any) -> Page:
            link = holder_of(response, selector).get("nextPageUrl")
            named = _PAGE_NUMBER.search(str(link))
            following = max(number + 1, int(named[1]) if named else 0) if link else None
            return Page(items_in(response, selector, key), following, total_in(response, selector))

        return client.get_json(path, {**parameters, "page": number, "pageSize": size}, page)

    def fetch(number: int | None) -> Page:
        page = request(number or 1)
        if page.following and not page.items:
            # Either the list goes on, or its links lead beyond its end: the next page shows which.
            page = request(page.following)
        return page if page.items else page._replace(following=None)

    return fetch


def by_offset(client: IterableClient, path: str, selector: str, key: str, limit: int) -> Fetch:
    """Pages by `limit` and `offset`.

    The last page is the one that reaches `totalCount` and is not full; without `totalCount`, an empty one, since a server
    may return fewer items than requested.
    """

    def fetch(following: int | None) -> Page:
        offset = following or 0

        def page(response: Any) -> Page:
            items, total = items_in(response, selector, key), total_in(response, selector)
            end = offset + len(items)
            is_last = not items if total is None else end >= total and len(items) < limit
            if not items and not is_last:
                raise ShapeError(f"holds no {selector} from number {offset + 1} on, though there are {total}")
            return Page(items, None if is_last else end, total)

        return client.get_json(path, {"limit": limit, "offset": offset}, page)

    return fetch


def by_marker(client: IterableClient, path: str, selector: str, key: str) -> Fetch:
    """Pages by the `nextMarker` of the one before."""

    def page(response: Any) -> Page:
        return Page(items_in(response, selector, key), holder_of(response, selector).get("nextMarker") or None)

    def fetch(marker: Any) -> Page:
        return client.get_json(path, {"nextMarker": marker} if marker else None, page)

    return fetch

"""Pages: Iterable's numbered pages, to the last one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from source_iterable.api import exact_json
from source_iterable.api.client import IterableClient, ShapeError
from source_iterable.api.request import Parameters
from source_iterable.errors import IterableError

Items = list[dict[str, Any]]


class Page(NamedTuple):
    """The items of a page, the number of the next one, None at the end, and the number of all items if Iterable tells it."""

    items: Items
    following: int | None
    total: int | None = None


def list_shape(selector: str, key: str | None = None) -> Callable[[Any], Items]:
    """The shape of a list: the objects of a response's list named `selector`, each with a `key` of one type."""

    def shape(response: Any) -> Items:
        holder = holder_of(response, selector)
        items = holder[selector]
        if not isinstance(items, list):
            raise ShapeError(f"holds no list named {selector}")
        if key is not None:
            must_have_keys(items, selector, key)
        return items

    return shape


def an_object(response: Any) -> dict[str, Any]:
    """The shape of a response that is one object."""
    if not isinstance(response, dict):
        raise ShapeError("is not an object")
    return response


def holder_of(response: Any, name: str) -> dict[str, Any]:
    """The object of a response that has `name`: the response, or its `params`, which wraps some. Raises ShapeError."""
    if isinstance(response, dict):
        for holder in (response, response.get("params")):
            if isinstance(holder, dict) and name in holder:
                return holder
    raise ShapeError(f"holds no list named {name}")


def must_have_keys(items: list[Any], selector: str, key: str) -> None:
    """Raise ShapeError unless all items are objects with a `key`, and their keys are all numbers or all texts."""
    kinds = set()
    for place, item in enumerate(items):
        if not isinstance(item, dict):
            raise ShapeError(f"holds an item of {selector} that is not an object (number {place + 1})")
        kinds.add(type(item.get(key)))
        if not kinds <= {int, str}:
            raise ShapeError(f"holds an item of {selector} without a valid {key} (number {place + 1})")
    if len(kinds) > 1:
        raise ShapeError(f"holds items of {selector} with a {key} of different types")


def read_page(
    client: IterableClient, path: str, selector: str, key: str, parameters: Parameters, page_size: int, number: int
) -> Page:
    """Page `number` (from 1).

    Only the page number of `nextPageUrl` is used: the request itself always goes to our own host, with the key.
    """
    shape = list_shape(selector, key)

    def page(response: Any) -> Page:
        following = holder_of(response, selector).get("nextPageUrl")
        number_of_next = max(number + 1, _page_number(str(following))) if following else None
        return Page(shape(response), number_of_next, total_in(response, selector))

    found = client.get_json(path, {**parameters, "page": number, "pageSize": page_size}, page)
    if found.following and not found.items:
        # A list that goes on, or one whose links lead beyond its end? The next page tells.
        number = found.following
        found = client.get_json(path, {**parameters, "page": number, "pageSize": page_size}, page)
    return found if found.items else found._replace(following=None)


def read_from(client: IterableClient, path: str, selector: str, key: str, limit: int, number: int) -> Page:
    """The page from item `number` (from 1) on of a list that takes `limit` and `offset`; the next one begins behind it.

    There is none where `totalCount` says so and the page is not full, or else where nothing comes any more, as a
    server may return fewer items than it was asked for.
    """
    shape = list_shape(selector, key)

    def page(response: Any) -> Page:
        items, total = shape(response), total_in(response, selector)
        following = number + len(items)
        if total is not None and following > total and len(items) < limit:
            return Page(items, None, total)
        if not items and total is not None:
            raise ShapeError(f"holds no {selector} from number {number} on, though there are {total}")
        return Page(items, following if items else None, total)

    return client.get_json(path, {"limit": limit, "offset": number - 1}, page)


def pages(
    client: IterableClient, path: str, selector: str, key: str, parameters: Parameters, page_size: int
) -> Iterator[Page]:
    """Yield each page. Raises IterableError for pages that repeat."""
    number: int | None = 1
    known = KnownPages(path)
    while number is not None:
        page = read_page(client, path, selector, key, parameters, page_size, number)
        known.add(page.items)
        yield page
        number = page.following


class KnownPages:
    """Notices a list that never ends, since its server ignores the page number or goes round in circles."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._seen: Counter[bytes] = Counter()

    def add(self, items: Items) -> None:
        """Note a page. Raises IterableError when the same one comes again and again.

        Twice it may come: items that are added meanwhile may shift all others by a whole page.
        """
        if items:
            digest = blake2b(exact_json.dumps(items), digest_size=16).digest()
            self._seen[digest] += 1
            if self._seen[digest] > 2:
                raise IterableError(f"The responses to GET {self._path} do not end: one page came three times.")


def total_in(response: Any, selector: str) -> int | None:
    """The number of all items, in a response with the list `selector`: totalCount, totalCampaignsCount and the like."""
    holder = holder_of(response, selector)
    named = (value for name, value in holder.items() if name.startswith("total") and name.endswith("Count"))
    return next((value for value in named if type(value) is int), None)


def _page_number(url: str) -> int:
    try:
        numbers = parse_qs(urlsplit(url).query).get("page", [])
    except ValueError:
        return 0
    return int(numbers[0]) if numbers and numbers[0].isdecimal() and len(numbers[0]) < 10 else 0

"""Paging: Iterable's numbered pages, to the last one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

from source_iterable.api.client import IterableClient
from source_iterable.api.request import Parameters
from source_iterable.errors import IterableError

Items = list[dict[str, Any]]


def items_of(path: str, response: Any, selector: str) -> Items:
    """The list named `selector` in a response, which some endpoints wrap in `params`. Raises IterableError if missing."""
    if isinstance(response, dict):
        for holder in (response, response.get("params")):
            if isinstance(holder, dict) and isinstance(holder.get(selector), list):
                return list(holder[selector])
    raise IterableError(f"The response to GET {path} holds no list named {selector}.")


def read_page(
    client: IterableClient, path: str, selector: str, parameters: Parameters, page_size: int, number: int
) -> tuple[Items, int | None]:
    """The items of page `number` (from 1), and the next page's number, None at the end.

    Only the page number is taken from `nextPageUrl`: the request, with its key, always goes to our own host.
    """
    response = client.get_json(path, {**parameters, "page": number, "pageSize": page_size})
    items = items_of(path, response, selector)
    holder = response if "nextPageUrl" in response else response.get("params") or {}
    following = holder.get("nextPageUrl") if isinstance(holder, dict) else None
    if not following or not items:
        return items, None
    return items, max(number + 1, _page_number(str(following)))


def pages(client: IterableClient, path: str, selector: str, parameters: Parameters, page_size: int) -> Iterator[Items]:
    """Yield the items of each page."""
    number: int | None = 1
    while number is not None:
        items, number = read_page(client, path, selector, parameters, page_size, number)
        yield items


def _page_number(url: str) -> int:
    numbers = parse_qs(urlsplit(url).query).get("page", [])
    return int(numbers[0]) if numbers and numbers[0].isdecimal() else 0

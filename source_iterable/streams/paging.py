"""Pages: Iterable's numbered pages, to the last one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

from source_iterable.api import IterableClient, Params
from source_iterable.errors import IterableError


def items_of(path: str, answer: Any, selector: str) -> list[dict[str, Any]]:
    """The list named `selector` in an answer, which some endpoints wrap in `params`. Raises IterableError without one."""
    if isinstance(answer, dict):
        for holder in (answer, answer.get("params")):
            if isinstance(holder, dict) and isinstance(holder.get(selector), list):
                return list(holder[selector])
    raise IterableError(f"Iterable's answer to GET {path} holds no list named {selector}.")


def pages(
    client: IterableClient, path: str, selector: str, parameters: Params, page_size: int
) -> Iterator[list[dict[str, Any]]]:
    """The items of each page.

    Of `nextPageUrl` only the page number is taken: the request itself always goes to our own host, with the key.
    """
    page = 1
    while True:
        answer = client.get_json(path, {**parameters, "page": page, "pageSize": page_size})
        items = items_of(path, answer, selector)
        yield items
        holder = answer if "nextPageUrl" in answer else answer.get("params") or {}
        following = holder.get("nextPageUrl") if isinstance(holder, dict) else None
        if not following or not items:
            return
        page = max(page + 1, _page_number(str(following)))


def _page_number(url: str) -> int:
    numbers = parse_qs(urlsplit(url).query).get("page", [])
    return int(numbers[0]) if numbers and numbers[0].isdecimal() else 0

"""How lists are paged and sorted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from .core import Core
from .errors import Refusal
from .params import Params

# Makes the response of a list's things, under their selector, at this path.
Paging = Callable[[Core, Params, str, str, list[Any]], dict[str, Any]]


def whole(core: Core, params: Params, path: str, selector: str, things: list[Any]) -> dict[str, Any]:
    """All at once."""
    return {selector: things}


def numbered(default: int, maximum: int, total: str, always: bool = True) -> Paging:
    """By `page` and `pageSize`, with links to the pages beside. Without `always`, `total` comes only where pages are
    asked for, and old projects give everything where they are not.
    """

    def page_of(core: Core, params: Params, path: str, selector: str, things: list[Any]) -> dict[str, Any]:
        number, size = params.number("page", 1), params.number("pageSize", default)
        if number < 1 or not 1 <= size <= maximum:
            raise Refusal(f"page must be at least 1, and pageSize between 1 and {maximum}")
        asked = "page" in params.query or "pageSize" in params.query
        if core.settings.unpaginated and not asked and not always:
            return {selector: things}
        response: dict[str, Any] = {selector: things[(number - 1) * size : number * size]}
        if asked or always:
            response[total] = len(things)
        root = "/api/" if core.settings.relative_next_page else core.base_url
        for name, other, there in (
            ("nextPageUrl", number + 1, number * size < len(things)),
            ("previousPageUrl", number - 1, number > 1),
        ):
            if there:
                query = {**params.query, "page": [other], "pageSize": [size]}
                response[name] = f"{root}{path}?{urlencode(query, doseq=True)}"
        return response

    return page_of


def by_marker(core: Core, params: Params, path: str, selector: str, things: list[Any]) -> dict[str, Any]:
    """By `nextMarker`: the last key of the page before."""
    marker, size = params.one("nextMarker"), core.settings.metadata_page_size
    rest = [thing for thing in things if marker is None or thing["key"] > marker]
    return {selector: rest[:size], **({"nextMarker": rest[size - 1]["key"]} if len(rest) > size else {})}


def sorted_by(things: list[Any], params: Params, fields: dict[str, str]) -> list[Any]:
    """Things in the order that `sort` asks for; `fields` maps the names that it may use to keys."""
    text = params.one("sort") or "id"
    # "+name" reaches a server as " name" where the client did not encode the plus sign.
    name = text.lstrip("-+ ")
    if name not in fields:
        raise Refusal(f"Invalid sort field: {text}")
    key = fields[name]
    ordered = sorted((thing for thing in things if key in thing), key=lambda thing: thing[key], reverse=text[0] == "-")
    return ordered + [thing for thing in things if key not in thing]

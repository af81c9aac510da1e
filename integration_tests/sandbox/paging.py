"""Parameters of list endpoints: pages, sorting, filters; and the answers' links to the pages beside."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from .errors import bad_params

Query = dict[str, list[str]]
Thing = dict[str, Any]


def one(query: Query, name: str) -> str | None:
    """The value of a parameter that is given once or not at all."""
    values = query.get(name)
    return values[-1] if values else None


def required(query: Query, name: str) -> str:
    """The value of a parameter that must be there."""
    value = one(query, name)
    if not value:
        raise bad_params(f"Missing required parameter: {name}")
    return value


def number(text: str, name: str) -> int:
    """A whole number."""
    if not text.isascii() or not text.lstrip("-").isdigit():
        raise bad_params(f"Invalid value for {name}: {text}")
    return int(text)


def flag(query: Query, name: str) -> bool:
    """A true or false."""
    text = one(query, name)
    if text not in (None, "true", "false"):
        raise bad_params(f"Invalid value for {name}: {text}")
    return text == "true"


def chosen(query: Query, name: str, choices: tuple[str, ...]) -> str | None:
    """One of some values, or none."""
    value = one(query, name)
    if value is not None and value not in choices:
        raise bad_params(f"Invalid value for {name}: {value}")
    return value


def sorted_by(things: list[Thing], query: Query, fields: dict[str, str]) -> list[Thing]:
    """Things in the order that `sort` asks for; fields maps the names it may use to keys."""
    text = one(query, "sort") or "id"
    # "+name" reaches a server as " name" where the client did not encode the plus sign.
    descending, name = text[:1] == "-", text.lstrip("-+ ")
    if name not in fields:
        raise bad_params(f"Invalid sort field: {text}")
    key = fields[name]
    with_value = sorted((thing for thing in things if key in thing), key=lambda thing: thing[key], reverse=descending)
    return with_value + [thing for thing in things if key not in thing]


class Page:
    """One page of a listing."""

    def __init__(self, query: Query, default: int, maximum: int) -> None:
        self.query = query
        self.asked = "page" in query or "pageSize" in query
        self.number = number(one(query, "page") or "1", "page")
        self.size = number(one(query, "pageSize") or str(default), "pageSize")
        if self.number < 1:
            raise bad_params("page must be at least 1")
        if not 1 <= self.size <= maximum:
            raise bad_params(f"pageSize must be between 1 and {maximum}")

    def cut(self, things: list[Any]) -> list[Any]:
        """The things on this page."""
        return things[(self.number - 1) * self.size : self.number * self.size]

    def links(self, root: str, path: str, total: int) -> dict[str, str]:
        """nextPageUrl where there is more, previousPageUrl where there was something before."""
        links = {}
        if self.number * self.size < total:
            links["nextPageUrl"] = self._url(root, path, self.number + 1)
        if self.number > 1:
            links["previousPageUrl"] = self._url(root, path, self.number - 1)
        return links

    def _url(self, root: str, path: str, page: int) -> str:
        others = [
            (name, value) for name, values in self.query.items() if name not in ("page", "pageSize") for value in values
        ]
        return f"{root}{path}?{urlencode([('page', page), ('pageSize', self.size), *others])}"

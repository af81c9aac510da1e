"""Rows about pages, the links between them, and markers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from integration_tests.hostile.api import GoodApi, Kind
from integration_tests.hostile.items import listed
from integration_tests.hostile.responses import plain_json
from integration_tests.hostile.rows import KEY, RECORDS, Row, Spoil, only
from integration_tests.hostile.server import Pieces, Request


def paged(page: Callable[[int], tuple[list[int], Any]]) -> Spoil:
    """Pages by number: the ids of their items, and the link to the next."""

    def spoil(request: Request, good: bytes, kind: Kind, api: GoodApi) -> Pieces:
        ids, following = page(int(request.value("page") or 1))
        names = ids if kind.item_id == "id" else [str(each) for each in ids]
        return [plain_json({kind.items: listed(kind, *names), "nextPageUrl": following})]

    return spoil


def circle(length: int) -> Spoil:
    """As many pages, of which the last links to the first."""
    return paged(lambda number: ([number % length + 1], f"/api/x?page={number + 1}"))


PAGED = ("pages", "children")
NEVER_END = "incomplete: never end"
ENDLESS = only(NEVER_END, *PAGED)
LINKS = (
    5,
    {"a": 1},
    [1],
    True,
    "http://[::1",
    "?page=x",
    "?page=-1",
    "?page=1",
    "?page=99999999999",
    "/x?page=٢",
    "?page=2&page=9",
)


def marked(marker: Callable[[str | None], Any]) -> Spoil:
    """Lists of keys, with a marker that depends on the one of the request."""

    def spoil(request: Request, good: bytes, kind: Kind, api: GoodApi) -> Pieces:
        sent = request.value("nextMarker")
        return [plain_json({"results": [{"key": "1" if sent is None else "2"}], "nextMarker": marker(sent)})]

    return spoil


PAGES = [
    Row("the same page again", paged(lambda number: ([1, 2], f"?page={number + 1}")), ENDLESS, None),
    Row("pages in a circle of 2", circle(2), ENDLESS, None),
    Row("pages in a circle of 3", circle(3), ENDLESS, None, keys=lambda _: frozenset("123"), resumes=False),
    *(
        Row(
            f"nextPageUrl {json.dumps(link)}",
            paged(lambda number, link=link: ([number], link if number == 1 else None)),
            only(RECORDS, *PAGED),
            None,
        )
        for link in LINKS
    ),
    Row(
        "an empty page that links on",
        paged(lambda number: ([[1], [], [2]][number - 1], number < 3 and f"?page={number + 1}")),
        only(RECORDS, *PAGED),
        None,
    ),
    Row("the same marker again", marked(lambda _: "m"), only(NEVER_END, "markers"), None),
    Row(
        "the same long marker again",
        marked(lambda _: "m" * 50_000),
        only(NEVER_END, "markers"),
        None,
    ),
    Row("the key as a marker", marked(lambda _: KEY), only(NEVER_END, "markers"), None),
    Row(
        "markers in a circle of 2",
        marked(lambda sent: "b" if sent == "a" else "a"),
        only(NEVER_END, "markers"),
        None,
    ),
    *(
        Row(
            f"marker {json.dumps(value)}",
            marked(lambda sent, value=value: value if sent is None else None),
            only(RECORDS, "markers"),
            None,
        )
        for value in (5, {"a": 1}, ["b"], True)
    ),
]

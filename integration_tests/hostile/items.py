"""Rows about the items of a list."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from integration_tests.hostile.api import Kind
from integration_tests.hostile.responses import plain_json
from integration_tests.hostile.rows import NOT_JSON, RECORDS, Row, Spoil, body, of_json, only

JSON_KINDS = ("list", "pages", "children", "markers", "fields")


def listed(kind: Kind, *ids: Any, **more: Any) -> list[Any]:
    """Items with these ids, as the kind's own are."""
    return [{kind.item_id: each, "type": "string", "updatedAt": 5, **more} for each in ids]


def good_ids(kind: Kind) -> tuple[Any, Any]:
    """The ids of the good items."""
    return (1, 2) if kind.item_id == "id" else ("1", "2")


def items_of(make: Callable[[Kind], Any]) -> Spoil:
    """A list with these items."""
    return lambda request, good, kind, api: [plain_json({kind.items: make(kind)})]


def good_and(*more: Any, **fields: Any) -> Spoil:
    """A list of the good items, all with these fields, and of more items behind."""
    return items_of(lambda kind: [*listed(kind, *good_ids(kind), **fields), *more])


# 300 objects, each in the one before.
NESTED = json.loads(b'{"a":' * 300 + b"1" + b"}" * 300)
BAD_ITEM = only("incomplete: holds an? item|holds items|holds no|is not as it should be", *JSON_KINDS)
BAD_ONCE = only(RECORDS, *JSON_KINDS)
ITEMS = [
    Row(
        "an item without an id",
        good_and({"title": "x"}),
        BAD_ITEM,
        BAD_ONCE,
    ),
    Row("an item that is a text", good_and("x"), BAD_ITEM, BAD_ONCE),
    Row("an item that is null", items_of(lambda kind: [None, *listed(kind, *good_ids(kind))]), BAD_ITEM, BAD_ONCE),
    *(
        Row(
            f"an id that is {json.dumps(value)}",
            items_of(lambda kind, value=value: listed(kind, good_ids(kind)[0], value)),
            BAD_ITEM,
            BAD_ONCE,
        )
        for value in (None, 1.5, [1], {"a": 1}, True)
    ),
    Row("ids of different types", items_of(lambda kind: listed(kind, 1, "2")), BAD_ITEM, BAD_ONCE),
    Row(
        "an id twice",
        items_of(lambda kind: listed(kind, *good_ids(kind), good_ids(kind)[0])),
        only("records: ", *JSON_KINDS),
        None,
    ),
    *(
        Row(f"a list that is {json.dumps(value)}", items_of(lambda _, value=value: value), BAD_ITEM, BAD_ONCE)
        for value in (None, 5, "x")
    ),
    Row("half surrogates", good_and(label="x\ud83d"), only(RECORDS, *JSON_KINDS), None),
    Row(
        "an integer over 64 bits",
        good_and(size=2**70),
        only(RECORDS, *JSON_KINDS),
        None,
    ),
    Row(
        "nested 300 deep",
        good_and(deep=NESTED),
        only(RECORDS, *JSON_KINDS),
        None,
    ),
    Row(
        "nested 100,000 deep",
        body(b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
        only(NOT_JSON, *JSON_KINDS, "entry"),
        None,
    ),
    Row(
        "NaN in an item",
        good_and(size=float("nan")),
        only(NOT_JSON, *JSON_KINDS),
        None,
    ),
    *(
        Row(
            f"updatedAt {json.dumps(value)}",
            items_of(lambda kind, value=value: [*listed(kind, 1), {"id": 2, "updatedAt": value}]),
            only(RECORDS, "pages"),
            None,
        )
        for value in (None, "soon", [1], 2**70, True)
    ),
    Row(
        "the entry of another key",
        of_json({"key": "1", "table": "colors", "value": {}}),
        only("incomplete: ", "entry"),
    ),
    Row("an entry that is {}", of_json({}), only("incomplete: ", "entry")),
    Row(
        "fields whose type is null",
        of_json({"fields": {"1": None, "2": "long"}}),
        only("incomplete: ", "fields"),
    ),
    Row(
        "fields whose type is an object",
        of_json({"fields": {"1": {"a": 1}, "2": "long"}}),
        only("incomplete: ", "fields"),
    ),
    Row(
        "fields with a name only",
        of_json({"userFields": [{"name": "1"}, {"name": "2", "type": "long"}]}),
        only("incomplete: ", "fields"),
    ),
]

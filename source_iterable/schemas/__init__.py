"""Schemas: one JSON schema a stream; parts that streams share are written once, in shared/."""

from __future__ import annotations

import json
from collections.abc import Collection
from functools import cache
from importlib.resources import files
from typing import Any

# Columns that come first and last in a record; the others are in alphabetical order, as a record has them.
_FIRST, _LAST = ("_event_id",), ("itblInternal", "data")


def load_schema(stream: str, required: Collection[str] = ()) -> dict[str, Any]:
    """The schema of a stream as `discover` shows it, its shared parts put in.

    `required` are the columns that are never null: the primary key and the cursor.
    """
    schema = dict(_read(f"{stream}.json"))
    properties = {}
    for part in schema.pop("allOf", []):
        properties.update(_read(part["$ref"])["properties"])
    properties.update(schema["properties"])
    schema["properties"] = {
        name: _column(properties[name], name in required) for name in sorted(properties, key=_order)
    }
    return schema


def _column(column: dict[str, Any], required: bool) -> dict[str, Any]:
    if not required:
        return column
    (kind,) = (kind for kind in column["type"] if kind != "null")
    return {**column, "type": kind}


def _order(name: str) -> tuple[int, str]:
    if name in _FIRST:
        return 0, name
    return (2, str(_LAST.index(name))) if name in _LAST else (1, name)


@cache
def _read(name: str) -> Any:
    return json.loads(files(__package__).joinpath(*name.split("/")).read_text(encoding="utf-8"))

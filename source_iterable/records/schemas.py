"""Schemas: one JSON schema per stream; parts that streams share are written once, in shared/."""

from __future__ import annotations

import json
from collections.abc import Collection
from functools import cache
from importlib.resources import files
from typing import Any

# The first and the last columns of a record; they and all others are in alphabetical order.
_FIRST, _LAST = "_event_id", ("data", "itblInternal")
# Marks a column that was added (`true`) or widened (what it was before) after ids of events had been given out. `discover`
# shows it: parsers know the schema in that form.
LATE = "x-late"
# Keywords that `discover` omits: which column a column references, as "stream.column", for the documentation; and the unit
# of a time that is a number.
_REFERENCES, _TIME = "x-references", "x-time"


def load_schema(stream: str, required: Collection[str] = ()) -> dict[str, Any]:
    """Return a stream's schema as `discover` shows it, with shared parts merged in.

    `required` are the columns that are never null: the primary key and the cursor.
    """
    schema = dict(_read(f"{stream}.json"))
    properties = _columns(schema)
    schema.pop("allOf", None)
    order = sorted(properties, key=lambda name: (name != _FIRST, name in _LAST, name))
    schema["properties"] = {name: _column(properties[name], name in required) for name in order}
    return schema


def references(stream: str) -> dict[str, tuple[str, str]]:
    """Return the columns of a stream that reference another: column -> (stream, column).

    In an array column, each item is a reference.
    """
    columns = _columns(_read(f"{stream}.json"))
    found = {name: column[_REFERENCES].split(".") for name, column in columns.items() if _REFERENCES in column}
    return {name: (parent, parent_column) for name, (parent, parent_column) in sorted(found.items())}


def milliseconds(stream: str) -> set[str]:
    """The columns of a stream that hold times in milliseconds since the epoch."""
    return {name for name, column in _columns(_read(f"{stream}.json")).items() if column.get(_TIME) == "milliseconds"}


def _columns(schema: dict[str, Any]) -> dict[str, Any]:
    """The columns of a schema file, including those of its shared parts."""
    columns: dict[str, Any] = {}
    for part in schema.get("allOf", []):
        columns.update(_columns(_read(part["$ref"])))
    columns.update(schema["properties"])
    return columns


def _column(column: dict[str, Any], required: bool) -> dict[str, Any]:
    shown = {keyword: value for keyword, value in column.items() if keyword not in (_REFERENCES, _TIME)}
    if required:
        (shown["type"],) = (kind for kind in column["type"] if kind != "null")
    return shown


@cache
def _read(name: str) -> Any:
    return json.loads(files("source_iterable").joinpath("schemas", *name.split("/")).read_text(encoding="utf-8"))

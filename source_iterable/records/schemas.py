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
# Keywords that `discover` omits. Of a column: which one it references, as "stream.column", for the documentation; the unit
# of a time that is a number; the names that reports give it. Of an event stream: its data type in the export API.
_REFERENCES, _TIME, _METRICS, _DATA_TYPE = "x-references", "x-time", "x-metrics", "x-data-type"
_OMITTED = (_REFERENCES, _TIME, _METRICS, _DATA_TYPE)


def load_schema(stream: str, required: Collection[str] = ()) -> dict[str, Any]:
    """Return a stream's schema as `discover` shows it, with shared parts merged in.

    `required` are the columns that are never null: the primary key and the cursor.
    """
    schema = _shown(_read(f"{stream}.json"))
    properties = _columns(schema)
    schema.pop("allOf", None)
    order = sorted(properties, key=lambda name: (name != _FIRST, name in _LAST, name))
    schema["properties"] = {name: _column(properties[name], name in required) for name in order}
    return schema


def references(stream: str) -> dict[str, tuple[str, str]]:
    """Return the columns of a stream that reference another: column -> (stream, column).

    In an array column, each item is a reference.
    """
    found = {name: reference.split(".") for name, reference in _marked(stream, _REFERENCES).items()}
    return {name: (parent, parent_column) for name, (parent, parent_column) in sorted(found.items())}


def milliseconds(stream: str) -> set[str]:
    """The columns of a stream that hold times in milliseconds since the epoch."""
    return {name for name, unit in _marked(stream, _TIME).items() if unit == "milliseconds"}


def metric_names(stream: str) -> dict[str, list[str]]:
    """The names of each column's metric in reports, best first, without the words that name only the medium."""
    return _marked(stream, _METRICS)


def data_types() -> dict[str, str]:
    """The data type, in the export API, of each event stream; by the streams' names, in order."""
    folder = files("source_iterable").joinpath("schemas")
    names = sorted(file.name for file in folder.iterdir() if file.name.endswith(".json"))
    return {name.removesuffix(".json"): _read(name)[_DATA_TYPE] for name in names if _DATA_TYPE in _read(name)}


def _marked(stream: str, keyword: str) -> dict[str, Any]:
    """The columns of a stream that have a keyword, and its value."""
    columns = _columns(_read(f"{stream}.json"))
    return {name: column[keyword] for name, column in columns.items() if keyword in column}


def _columns(schema: dict[str, Any]) -> dict[str, Any]:
    """The columns of a schema file, including those of its shared parts."""
    columns: dict[str, Any] = {}
    for part in schema.get("allOf", []):
        columns.update(_columns(_read(part["$ref"])))
    columns.update(schema["properties"])
    return columns


def _column(column: dict[str, Any], required: bool) -> dict[str, Any]:
    shown = _shown(column)
    if required:
        (shown["type"],) = (kind for kind in column["type"] if kind != "null")
    return shown


def _shown(schema: dict[str, Any]) -> dict[str, Any]:
    return {keyword: value for keyword, value in schema.items() if keyword not in _OMITTED}


@cache
def _read(name: str) -> Any:
    return json.loads(files("source_iterable").joinpath("schemas", *name.split("/")).read_text(encoding="utf-8"))

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
# of a time that is a number; the names that reports give it. Of an event stream: its data type in the export API. Of any
# schema: its shared parts.
_REFERENCES, _TIME, _METRICS, _DATA_TYPE, _PARTS = "x-references", "x-time", "x-metrics", "x-data-type", "allOf"
_OMITTED = (_REFERENCES, _TIME, _METRICS, _DATA_TYPE, _PARTS)


def load_schema(stream: str, required: Collection[str] = ()) -> dict[str, Any]:
    """Return a stream's schema as `discover` shows it, with shared parts merged in.

    `required` are the columns that are never null: the primary key and the cursor.
    """
    schema = _read(f"{stream}.json")
    columns = {name: _shown(column) for name, column in _columns(schema).items()}
    for name in {*required}:
        (columns[name]["type"],) = set(columns[name]["type"]) - {"null"}
    order = sorted(columns, key=lambda name: (name != _FIRST, name in _LAST, name))
    return {**_shown(schema), "properties": {name: columns[name] for name in order}}


def references(stream: str) -> dict[str, str]:
    """The columns of a stream that reference another, and which: column -> "stream.column".

    In an array column, each item is a reference.
    """
    return _marked(stream, _REFERENCES)


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
    for part in schema.get(_PARTS, []):
        columns.update(_columns(_read(part["$ref"])))
    columns.update(schema["properties"])
    return columns


def _shown(schema: dict[str, Any]) -> dict[str, Any]:
    return {keyword: value for keyword, value in schema.items() if keyword not in _OMITTED}


@cache
def _read(name: str) -> Any:
    return json.loads(files("source_iterable").joinpath("schemas", *name.split("/")).read_text(encoding="utf-8"))

"""Columns: which fields of a record are columns of its stream, according to the stream's JSON schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from source_iterable.records.timestamps import rfc3339

Fields = dict[str, Any]
# Columns that the connector adds; an API field of the same name goes under `data`.
OURS = frozenset(("_event_id", "itblInternal", "data"))
_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (float, int),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
    "null": (type(None),),
}


class Columns:
    """Which values the columns of a stream accept, from its JSON schema."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self.fitting: set[tuple[str, type]] = set()
        self.times: set[str] = set()
        for name, column in schema["properties"].items():
            if name in OURS:
                continue
            types = [column["type"]] if isinstance(column["type"], str) else column["type"]
            if column.get("format") == "date-time":
                self.times.add(name)
                types = [kind for kind in types if kind == "null"]
            self.fitting.update((name, python_type) for kind in types for python_type in _PYTHON_TYPES[kind])

    def split(self, record: Fields) -> tuple[Fields, Fields]:
        """Split a record into its columns, with times in RFC 3339, and all other fields."""
        columns, data = {}, {}
        for name, value in record.items():
            if (name, type(value)) in self.fitting:
                columns[name] = value
            elif name in self.times and (time := rfc3339(value)) is not None:
                columns[name] = time
            else:
                data[name] = value
        return columns, data

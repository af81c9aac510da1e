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
    """Which values the columns of a stream accept, from its JSON schema: `types` by column, and which are `times`."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self.types: dict[str, frozenset[type]] = {}
        self.times: set[str] = set()
        # Names and types of values that are columns as they are: one look-up instead of two.
        self._fitting: set[tuple[str, type]] = set()
        for name, column in schema["properties"].items():
            if name in OURS:
                continue
            types = [column["type"]] if isinstance(column["type"], str) else column["type"]
            fitting = frozenset(each for kind in types for each in _PYTHON_TYPES[kind])
            self.types[name] = fitting
            if column.get("format") == "date-time":
                self.times.add(name)
                self.types[name] |= {int}  # epoch milliseconds
                fitting &= {type(None)}
            self._fitting.update((name, each) for each in fitting)

    def split(self, record: Fields) -> tuple[Fields, Fields]:
        """Split a record into its columns, with times in RFC 3339, and all other fields."""
        columns, data = {}, {}
        for name, value in record.items():
            if (name, type(value)) in self._fitting:
                columns[name] = value
            elif name in self.times and (time := rfc3339(value)) is not None:
                columns[name] = time
            else:
                data[name] = value
        return columns, data

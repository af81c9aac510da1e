"""Columns: which fields of a record are columns of its stream, according to the stream's JSON schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from source_iterable.records.schemas import LATE
from source_iterable.records.timestamps import rfc3339

Fields = dict[str, Any]
# Columns that the connector adds; an API field of the same name goes under `data`.
DATA = "data"
# The option of this name, in every record if it is set; streams do not know it, and have it added at the end.
PROJECT = "project"
OURS = frozenset(("_event_id", "itblInternal", DATA))
_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (float, int),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
    "null": (type(None),),
}
_ANY = frozenset(each for types in _PYTHON_TYPES.values() for each in types)


class Columns:
    """Which values the columns of a stream accept, from its JSON schema: their `names`, and which are `times`.

    `has_data_column`: there is a column for all other fields, and for values that do not fit.
    `late` are the columns that the schema got after ids of events were given out (`x-late`), `frozen` the columns as they
    were before. `true` marks a column that is new; one that was widened is marked with what it was.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        properties = schema["properties"]
        self.has_data_column = DATA in properties
        self.names = properties.keys() - OURS
        self.times = {name for name in self.names if properties[name].get("format") == "date-time"}
        # Names and types of values that are columns as they are: one look-up instead of two.
        self._fitting: set[tuple[str, type]] = set()
        # Columns of which more is declared than the type: the items of a list, the fields of an object.
        self._nested: dict[str, Mapping[str, Any]] = {}
        for name in self.names:
            fitting = _types_of(properties[name])
            if name in self.times:
                fitting &= {type(None)}
            elif _is_limited_inside(properties[name]):
                self._nested[name] = properties[name]
                fitting -= {list, dict}
            self._fitting.update((name, each) for each in fitting)
        self._dotted = [name for name in properties if "." in name]
        self.late = {name for name in self.names if LATE in properties[name]}
        earlier = {name: column.get(LATE, column) for name, column in properties.items()}
        self.frozen = self
        if self.late:
            self.frozen = Columns({"properties": {name: each for name, each in earlier.items() if each is not True}})
        # Fields that have one place in the output and another in an id, or depend on other fields.
        self._moving = self.late & self.frozen.names | {name.partition(".")[0] for name in self._dotted}

    def fits(self, name: str, value: Any) -> bool:
        """Whether a value may be in the column of this name, if there is one."""
        if (name, type(value)) in self._fitting or name not in self.names:
            return True
        if name in self._nested:
            return _fits(value, self._nested[name])
        return name in self.times and rfc3339(value) is not None

    def may_be_learned(self, name: str, value: Any) -> bool:
        """Whether a field with this value has the same place in all records that have it, in an id and in the output."""
        return name not in self._moving and self.fits(name, value)

    def take_nested(self, record: Fields) -> None:
        """Move fields of objects to the columns that are named like them: `a` of an object `b` to the column `b.a`.

        What does not fit such a column stays in its object.
        """
        for name in self._dotted:
            outer, _, inner = name.partition(".")
            holder = record.get(outer)
            if type(holder) is dict and inner in holder and name not in record and self.fits(name, holder[inner]):
                record[name] = holder.pop(inner)
                if not holder:
                    del record[outer]

    def split(self, record: Fields) -> tuple[Fields, Fields]:
        """Split a record into its columns, with times in RFC 3339, and all other fields."""
        columns, data = {}, {}
        for name, value in record.items():
            if (name, type(value)) in self._fitting:
                columns[name] = value
            elif name in self.times and (time := rfc3339(value)) is not None:
                columns[name] = time
            elif name in self._nested and _fits(value, self._nested[name]):
                columns[name] = value
            else:
                data[name] = value
        return columns, data


def _types_of(column: Mapping[str, Any]) -> frozenset[type]:
    types = [column["type"]] if isinstance(column["type"], str) else column["type"]
    return frozenset(each for kind in types for each in _PYTHON_TYPES[kind])


def _is_limited_inside(column: Mapping[str, Any]) -> bool:
    """Whether the items or fields of a value must have certain types."""
    inner = [*column.get("properties", {}).values(), *([column["items"]] if "items" in column else [])]
    return any(_types_of(each) != _ANY or _is_limited_inside(each) for each in inner)


def _fits(value: Any, column: Mapping[str, Any]) -> bool:
    if type(value) not in _types_of(column):
        return False
    if type(value) is list and "items" in column:
        return all(_fits(each, column["items"]) for each in value)
    if type(value) is dict and "properties" in column:
        return all(_fits(value[name], inner) for name, inner in column["properties"].items() if name in value)
    return True

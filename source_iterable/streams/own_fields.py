"""The project's own profile fields: which of them are columns of `users`. All others stay under `data`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Schema = dict[str, Any]
# Own columns of a table: PostgreSQL and Redshift take 1,600 in all, and PostgreSQL's row must fit a page of 8 kB.
MOST = 400
# Names in a message.
_NAMED = 3
_ANY: Schema = {"type": ["null", "string", "integer", "number", "boolean", "object", "array"]}
_OBJECT = {"type": ["null", "object"], "additionalProperties": True}
# Iterable's types of user fields, those of its search index; fields of other types stay under `data`.
_TYPES: dict[str, Schema] = {
    "string": {"type": ["null", "string"]},
    "boolean": {"type": ["null", "boolean"]},
    **dict.fromkeys(("long", "integer", "int", "short", "byte"), {"type": ["null", "integer"]}),
    **dict.fromkeys(("double", "float", "number"), {"type": ["null", "number"]}),
    "date": {"type": ["null", "string"], "format": "date-time"},
    **dict.fromkeys(("object", "nested", "geo_location", "geo_point"), _OBJECT),
}


def with_own_columns(
    schema: Schema, own: Mapping[str, Schema], is_column: Callable[[str], bool]
) -> tuple[Schema, list[str]]:
    """The users' schema with columns for the project's own fields, before `data`, which stays last; and those without.

    The one rule for all: a field that `is_column` already stays one. Of the others, the first by name become columns, as
    long as there are no more than MOST.
    """
    columns = dict(schema["properties"])
    data = columns.pop("data")
    names = [name for name in sorted(own) if name not in columns and name != "data"]
    there = {name for name in names if is_column(name)}
    new = [name for name in names if name not in there]
    room = max(MOST - len(there), 0)
    columns |= {name: own[name] for name in names if name in there.union(new[:room])}
    return {**schema, "properties": {**columns, "data": data}}, new[room:]


def without_columns(names: list[str]) -> str:
    """The warning that own fields have no columns."""
    some = ", ".join(names[:_NAMED]) + ", …" * (len(names) > _NAMED)
    return (
        f"users: {len(names):,} of the project's own profile fields are not columns, and stay in data ({some}). At most "
        f"{MOST} are columns: those that are already, then the first by name. Read the others from data, or remove "
        "fields in Iterable that nobody uses."
    )


def discovered(fields: Mapping[str, str]) -> dict[str, Schema]:
    """The columns that the project's own fields, given by name and Iterable's type, can be.

    Fields within an object (`address.city`) are in the object's column.
    """
    return {
        name: {"description": f"The project's own field, of type {kind}.", **_TYPES[kind.lower()]}
        for name, kind in fields.items()
        if kind.lower() in _TYPES and name and "." not in name
    }


def configured(catalog_schema: Mapping[str, Any], is_hashed: Callable[[str], bool]) -> dict[str, Schema]:
    """The columns of the configured catalog, as they were at discovery.

    A column that is hashed takes any value: the catalog does not say its type.
    """
    properties = catalog_schema.get("properties")
    return {
        name: _ANY if is_hashed(name) else known
        for name, column in (properties if isinstance(properties, Mapping) else {}).items()
        if (known := _type_of(column)) is not None
    }


def _type_of(column: Any) -> Schema | None:
    """Our type for a catalog's column, None for any other; a platform may have reordered it."""
    if not isinstance(column, Mapping) or not isinstance(column.get("type"), list):
        return None
    types, form = sorted(map(str, column["type"])), column.get("format")
    known = (each for each in _TYPES.values() if sorted(each["type"]) == types and each.get("format") == form)
    return next(known, None)

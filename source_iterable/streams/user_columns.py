"""Custom user profile fields as typed columns of the users stream."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

Schema = dict[str, Any]
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


def discovered_columns(schema: Schema, fields: Mapping[str, str]) -> Schema:
    """The users' schema with a column for each of the project's own `fields`, given by name and Iterable's type.

    Fields within an object (`address.city`) are in the object's column.
    """
    columns = {
        name: {"description": f"The project's own field, of type {kind}.", **deepcopy(_TYPES[kind.lower()])}
        for name, kind in fields.items()
        if kind.lower() in _TYPES and name and "." not in name
    }
    return _with_columns(schema, columns)


def configured_columns(
    schema: Schema, catalog_schema: Mapping[str, Any], is_hashed: Callable[[str], bool] = lambda name: False
) -> Schema:
    """The users' schema with the configured catalog's additional columns, as they were at discovery.

    Of a column that is hashed later, the catalog does not tell the type: it takes any value.
    """
    properties = catalog_schema.get("properties")
    columns = {
        name: deepcopy(_ANY if is_hashed(name) else known)
        for name, column in (properties if isinstance(properties, Mapping) else {}).items()
        if isinstance(column, Mapping) and (known := _type_of(column)) is not None
    }
    return _with_columns(schema, columns)


def _type_of(column: Mapping[str, Any]) -> Schema | None:
    """Our type for a catalog's column, None for any other; a platform may have reordered it."""
    types = column.get("type")
    if not isinstance(types, list) or not all(isinstance(each, str) for each in types):
        return None
    for known in _TYPES.values():
        if set(types) == set(known["type"]) and column.get("format") == known.get("format"):
            return known
    return None


def _with_columns(schema: Schema, columns: Mapping[str, Any]) -> Schema:
    """The schema with additional columns before `data`, which stays last."""
    known = dict(schema["properties"])
    data = known.pop("data")
    more = {name: columns[name] for name in sorted(columns) if name not in known and name != "data"}
    return {**schema, "properties": {**known, **more, "data": data}}

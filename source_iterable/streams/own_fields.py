"""The project's own profile fields: which of them are columns of `users`. All others stay under `data`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, NamedTuple

from source_iterable.reading.stream import Held
from source_iterable.records.names import LONGEST_NAME, folded, free_name, snake_case

Schema = dict[str, Any]
# Own columns of a table: PostgreSQL and Redshift take 1,600 in all, and PostgreSQL's row must fit a page of 8 kB.
MOST = 400
# Names that are kept, in lower case: ours, with that of the column for the option project, Airbyte's and dlt's, BigQuery's
# prefixes, and columns of every table in PostgreSQL, or in Redshift (oid).
_RESERVED = re.compile(
    "(?:_airbyte_|_ab_|_dlt_|_source_iterable_|_table_|_file_|_partition|_row_timestamp|__root__|_colidentifier|"
    "_change_sequence_number|_change_type|_change_timestamp).*|ctid|xmin|xmax|cmin|cmax|tableoid|oid|project",
    re.DOTALL,
)
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


class LeftOut(NamedTuple):
    """Own fields that are no columns: those whose names cannot be a column's, and those that are too many."""

    unnamed: list[str]
    too_many: list[str]


def with_own_columns(schema: Schema, own: Mapping[str, Schema], held: Held) -> tuple[Schema, LeftOut]:
    """The users' schema with columns for the project's own fields, before `data`, which stays last; and those without.

    The one rule for all: a field that has one of the columns `held` keeps it. Any other may become one if its name is no
    other column's or own field's, however a destination cleans names, and no word that one keeps for itself. Of these, the
    first by name do, as long as there are no more than MOST.
    """
    fields = own.keys() - schema["properties"].keys()
    there = columns_of(fields, held)
    new = sorted(fields - there.keys())
    taken = Counter(name for field in [*schema["properties"], *fields] for name in {snake_case(field), folded(field)})
    unnamed = [field for field in new if snake_case(field) in held or not _is_free(field, taken)]
    named = sorted({*new} - {*unnamed})
    room = max(MOST - len(there), 0)
    columns = {field: own[field] for field in [*there, *named[:room]]}
    return with_columns(schema, columns), LeftOut(unnamed, named[room:])


def with_columns(schema: Schema, own: Mapping[str, Schema]) -> Schema:
    """The users' schema with these columns, in the order of their names, before `data`, which stays last."""
    columns = dict(schema["properties"])
    data = columns.pop("data")
    columns |= {name: own[name] for name in sorted(own) if name not in schema["properties"]}
    return {**schema, "properties": {**columns, "data": data}}


def columns_of(fields: Collection[str], held: Held) -> dict[str, str]:
    """The columns that own fields have already, by field."""
    owners = {column: field for column, field in held.items() if field is not None}
    columns: dict[str, str] = {}
    for field in sorted(fields):
        name = snake_case(field)
        # Earlier versions did not remember the field: of those named alike the first had the name, others a hashed one.
        for column in (free_name(field, [name]), name):
            if column in held and owners.setdefault(column, field) == field:
                columns[field] = column
                break
    return columns


def _is_free(field: str, taken: Mapping[str, int]) -> bool:
    """Whether a field may become a column; `taken` counts the fields that may have a name, itself among them."""
    names = {snake_case(field), folded(field)}
    return (
        all(taken[name] == 1 and not _RESERVED.fullmatch(name) for name in names)
        and len(snake_case(field)) <= LONGEST_NAME
        # No SQL has it.
        and "\0" not in field
    )


def warnings(left_out: LeftOut) -> Iterator[str]:
    """What is said of own fields that are no columns."""
    because = {
        "Once cleaned (lower case, words parted by _), their names are those of other columns or fields, or kept by "
        f"destinations for themselves, or longer than {LONGEST_NAME} bytes. Read them from data.": left_out.unnamed,
        f"At most {MOST} are columns: those that are already, then the first by name. Read the others from data, or remove "
        "fields in Iterable that nobody uses.": left_out.too_many,
    }
    for why, names in because.items():
        if names:
            some = ", ".join(names[:_NAMED]) + ", …" * (len(names) > _NAMED)
            stay = "of the project's own profile fields are not columns, and stay in data"
            yield f"users: {len(names):,} {stay} ({some}). {why}"


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

"""Tables: the names and types that a stream's records get in a warehouse."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cache
from hashlib import sha256
from typing import Any, NamedTuple

from source_iterable.api.client import IterableClient
from source_iterable.config import Config
from source_iterable.reading.stream import Stream
from source_iterable.records.private_fields import mark_of_options
from source_iterable.records.schemas import milliseconds

# SQL types of what JSON schemas declare; everything else is JSON.
_TYPES = {"string": "varchar", "integer": "bigint", "number": "double", "boolean": "boolean"}
_FORMATS = {"date": "date", "date-time": "timestamptz"}
# PostgreSQL cuts longer names.
_LONGEST_NAME = 63
_NO_WORD = re.compile(r"[^A-Za-z0-9_]")
_BETWEEN_WORDS = re.compile(r"(?<=[^_])(?=[A-Z][a-z])|(?<=[a-z0-9])(?=[A-Z])")
# The names of a table's columns, by the table's name.
ColumnsOf = Callable[[str], Collection[str]]


class Column(NamedTuple):
    """A field of the records, the column that holds it, and DuckDB's name of the column's SQL type.

    The types are varchar, bigint, double, boolean, date, timestamptz and json. A timestamptz may be sent as milliseconds.
    """

    field: str
    name: str
    type: str


class Table(NamedTuple):
    """The table of the stream of the same name, whose records have the JSON schema `schema`.

    `key` names the columns that identify a row; it may be empty. `merged`: rows are merged on the key; otherwise all are
    replaced once the stream was read to its end. `event_time` is the column of an event's time, which never changes.
    `fits`: every value fits its column's SQL type, long numbers aside. `private` is the mark of the options by which private
    fields are hidden and ids keyed in its rows (mark_of_options). `cursor` is the column of the stream's cursor.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    merged: bool
    event_time: str | None
    fits: bool
    schema: Mapping[str, Any]
    private: str = ""
    cursor: str | None = None


def table_of(
    stream: Stream, config: Config, client: IterableClient | None = None, columns_of: ColumnsOf = lambda table: ()
) -> Table:
    """The table of a stream. Raises IterableError if its schema depends on the project and cannot be requested.

    `columns_of` returns the names of the columns that a table has already: fields of the project's own keep theirs.
    """
    held = cache(columns_of)

    def is_column(field: str) -> bool:
        return not {free_name(field, ()), free_name(field, [snake_case(field)])}.isdisjoint(held(stream.name))

    schema, times = stream.schema(config, client, is_column), milliseconds(stream.name)
    columns: dict[str, Column] = {}
    for field, declared in schema["properties"].items():
        # A project's own fields may be named alike: firstName, first_name.
        name = free_name(field, columns)
        columns[name] = Column(field, name, _column_type(declared, field in times))
    key = tuple(map(snake_case, stream.key(config)))
    merged = stream.cursor_field is not None
    has_ids = key == ("_event_id",)
    event_time = "created_at" if merged and has_ids else None
    private = mark_of_options(config, has_ids) if stream.may_have_private_fields else ""
    if not {"varchar", "json"}.intersection(column.type for column in columns.values()):
        # There can be no other fields than the columns: list_sizes, whose past nobody could load again.
        shown = stream.schema(config.model_copy(update={"excluded_fields": [], "hashed_fields": []}))
        private = private if shown != schema else ""
    cursor = snake_case(stream.cursor_field) if stream.cursor_field else None
    return Table(
        stream.name, tuple(columns.values()), key, merged, event_time, stream.of_people, schema, private, cursor
    )


def backfill_key(config: Config) -> str:
    """Tells apart the states of configurations that load parts of a backfill into one dataset: "" without an end_date."""
    return f"{config.start_date}/{config.end_date}" if config.end_date else ""


def snake_case(field: str) -> str:
    """The name of a field's column. By dlt's convention, so that tables are the same whoever writes them."""
    name = _NO_WORD.sub("_", field.translate(str.maketrans("+*-@|", "xx_al")).strip())
    name = _BETWEEN_WORDS.sub("_", name).lower()
    if name[:1].isdigit():
        name = f"_{name}"
    words = name.rstrip("_")
    return re.sub("_+", "_", words + "x" * (len(name) - len(words))) or "x"


def free_name(field: str, taken: Collection[str]) -> str:
    """The name of a field's column; another one if it is among those `taken`, or too long."""
    name = free = snake_case(field)
    hashed = field
    while free in taken or len(free) > _LONGEST_NAME:
        hashed, digest = f"{hashed}+", sha256(hashed.encode()).hexdigest()
        free = f"{name[: _LONGEST_NAME - 7]}_{digest[:6]}"
    return free


def type_for(json_types: Iterable[str]) -> str:
    """The SQL type for values of these JSON types; varchar if all are null."""
    types = {_TYPES.get(each, "json") for each in json_types if each != "null"} or {"varchar"}
    if types == {"bigint", "double"}:
        return "double"
    return types.pop() if len(types) == 1 else "json"


def _column_type(declared: Mapping[str, Any], in_milliseconds: bool) -> str:
    """The SQL type for a column of a JSON schema."""
    types = [declared["type"]] if isinstance(declared["type"], str) else declared["type"]
    # A time that is hashed is a string.
    if in_milliseconds and "integer" in types:
        return "timestamptz"
    return _FORMATS.get(declared.get("format", ""), type_for(types))

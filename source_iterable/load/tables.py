"""Tables: the names and types that a stream's records get in a warehouse."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, NamedTuple

from source_iterable.api.client import IterableClient
from source_iterable.config import Config
from source_iterable.reading.stream import Held, Stream
from source_iterable.records.columns import PROJECT
from source_iterable.records.names import snake_case
from source_iterable.records.private_fields import mark_of_options
from source_iterable.records.schemas import load_schema, milliseconds
from source_iterable.streams.own_fields import columns_of

# SQL types of what JSON schemas declare; everything else is JSON.
_TYPES = {"string": "varchar", "integer": "bigint", "number": "double", "boolean": "boolean"}
_FORMATS = {"date": "date", "date-time": "timestamptz"}
# What a table of this name holds already.
HeldBy = Callable[[str], Held]


class Column(NamedTuple):
    """A field of the records, the column that holds it, and DuckDB's name of the column's SQL type.

    The types are varchar, bigint, double, boolean, date, timestamptz and json. A timestamptz may be sent as milliseconds.
    """

    field: str
    name: str
    type: str


class Table(NamedTuple):
    """The table of the stream of the same name, whose records have the JSON schema `schema`.

    `key` names the columns that identify a row; it may be empty. `merged`: rows are merged on the key; otherwise all of the
    project are replaced once the stream was read to its end. `event_time` is the column of an event's time, which never
    changes. `fits`: every value fits its column's SQL type, long numbers aside. `private` is the mark of the options by
    which private fields are hidden and ids keyed in its rows (mark_of_options). `own` are the columns of the project's own
    fields, `cursor` is that of the stream's cursor, `project` is the option of this name, the value of that column.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    merged: bool
    event_time: str | None
    fits: bool
    schema: Mapping[str, Any]
    private: str = ""
    own: tuple[Column, ...] = ()
    cursor: str | None = None
    project: str = ""


def table_of(
    stream: Stream, config: Config, client: IterableClient | None = None, held_by: HeldBy = lambda table: {}
) -> Table:
    """The table of a stream. Raises IterableError if its schema depends on the project and cannot be requested.

    By `held_by`, fields of the project's own keep the columns that they have.
    """
    project = config.project or ""
    standard = {field: snake_case(field) for field in load_schema(stream.name)["properties"]}
    standard |= {PROJECT: PROJECT} if project else {}

    @cache
    def held() -> Held:
        names = {*standard.values()}
        return {name: field for name, field in held_by(stream.name).items() if name not in names}

    schema, times = stream.schema(config, client, held), milliseconds(stream.name)
    own = schema["properties"].keys() - standard.keys()
    names = standard | {field: snake_case(field) for field in own} | (columns_of(own, held()) if own else {})
    columns = tuple(
        Column(field, names[field], _column_type(declared, field in times))
        for field, declared in schema["properties"].items()
    )
    key = tuple(map(snake_case, stream.key(config)))
    merged = stream.cursor_field is not None and not stream.whole
    has_ids = stream.key_in_project(config) == ["_event_id"]
    event_time = "created_at" if merged and has_ids else None
    private = mark_of_options(config, has_ids) if stream.may_have_private_fields else ""
    if not {"varchar", "json"}.intersection(column.type for column in columns if column.name != PROJECT):
        # There can be no other fields than the columns: list_sizes, whose past nobody could load again.
        shown = stream.schema(config.model_copy(update={"excluded_fields": [], "hashed_fields": []}))
        private = private if shown != schema else ""
    own_columns = tuple(column for column in columns if column.field in own)
    cursor = snake_case(stream.cursor_field) if stream.cursor_field else None
    return Table(
        stream.name, columns, key, merged, event_time, stream.of_people, schema, private, own_columns, cursor, project
    )


def backfill_key(config: Config) -> str:
    """Tells apart the states of configurations that load into one dataset: by project, and by part of a backfill.

    "" without either.
    """
    period = f"{config.start_date}/{config.end_date}" if config.end_date else ""
    return f"{config.project}/{period}" if config.project else period


def project_of(key: str) -> str:
    """The project in a backfill key; "" if there is none."""
    first, slash, _ = key.partition("/")
    # A time has a colon, a project has none.
    return first if slash and ":" not in first else ""


def has_projects(held: Held) -> bool:
    """Whether the columns that a table has include ours for the project: an own field may have one of this name."""
    return held.get(PROJECT, "") is None


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

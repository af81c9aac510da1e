"""Tables: the names and types that a stream's records get in a warehouse."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal, NamedTuple

from source_iterable.config import Config
from source_iterable.reading.stream import Stream
from source_iterable.records.schemas import milliseconds

Kind = Literal["text", "integer", "number", "boolean", "date", "time", "milliseconds", "json"]
_KINDS: dict[str, Kind] = {
    "string": "text",
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
    "object": "json",
    "array": "json",
}
_FORMATS: dict[str, Kind] = {"date": "date", "date-time": "time"}
# PostgreSQL cuts longer names.
_LONGEST_NAME = 63
_NO_WORD = re.compile(r"[^A-Za-z0-9_]")
_BEFORE_A_WORD = re.compile(r"([^_])([A-Z][a-z]+)")
_BETWEEN_WORDS = re.compile(r"([a-z0-9])([A-Z])")


class Column(NamedTuple):
    """A field of the records, the column that holds it, and how. `milliseconds` is a time sent as such a number."""

    field: str
    name: str
    kind: Kind


@dataclass(frozen=True)
class Table:
    """A stream's table. `key` names the columns that identify a row, none if nothing does.

    Rows are merged on the key, or all replaced once the stream was read to its end. `event_time` is a column that never
    changes, for a row of an event. `fits`: all values fit the SQL types of their columns, unless a number is long.
    """

    stream: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    merged: bool
    event_time: str | None
    fits: bool

    @property
    def name(self) -> str:
        return self.stream


def table_of(stream: Stream, config: Config) -> Table:
    """The table of a stream. Raises IterableError if its schema must be asked for and cannot be."""
    schema = stream.schema(config)
    in_milliseconds = milliseconds(stream.name)
    kinds = {field: _kind(column) for field, column in schema["properties"].items()}
    columns = tuple(
        # Not if it is hashed: then it is a text.
        Column(field, snake_case(field), "milliseconds" if kind == "integer" and field in in_milliseconds else kind)
        for field, kind in kinds.items()
    )
    key = tuple(snake_case(field) for field in stream.key(config))
    is_event = key == ("_event_id",) and stream.cursor_field is not None
    return Table(
        stream=stream.name,
        columns=columns,
        key=key,
        merged=stream.cursor_field is not None,
        event_time="created_at" if is_event else None,
        fits=stream.of_people,
    )


def snake_case(field: str) -> str:
    """A field's name as a column: dlt's convention, so that tables are the same whoever writes them."""
    name = _NO_WORD.sub("_", field.translate(str.maketrans("+*-@|", "xx_al")).strip())
    name = _BETWEEN_WORDS.sub(r"\1_\2", _BEFORE_A_WORD.sub(r"\1_\2", name)).lower()
    if name[:1].isdigit():
        name = f"_{name}"
    words = name.rstrip("_")
    return re.sub("_+", "_", words + "x" * (len(name) - len(words))) or "x"


def free_name(field: str, taken: Collection[str]) -> str:
    """A name for a column that no schema declares, and that no other field has."""
    name = snake_case(field)
    if name not in taken and len(name) <= _LONGEST_NAME:
        return name
    return f"{name[: _LONGEST_NAME - 7]}_{sha256(field.encode()).hexdigest()[:6]}"


def _kind(column: Mapping[str, Any]) -> Kind:
    if column.get("format") in _FORMATS:
        return _FORMATS[column["format"]]
    types = [column["type"]] if isinstance(column["type"], str) else column["type"]
    return (
        next((_KINDS[each] for each in types if each in _KINDS), "json") if len(set(types) - {"null"}) == 1 else "json"
    )

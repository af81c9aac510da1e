"""Tables: the names and types that a stream's records get in a warehouse."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from operator import itemgetter
from string import punctuation
from typing import Any, Literal, NamedTuple, cast

from source_iterable.api.client import IterableClient
from source_iterable.config import Config
from source_iterable.reading.stream import Stream
from source_iterable.records.schemas import milliseconds

Kind = Literal["text", "integer", "number", "boolean", "date", "time", "json"]
_KINDS: dict[str, Kind] = {"string": "text", "integer": "integer", "number": "number", "boolean": "boolean"}
_FORMATS: dict[str, Kind] = {"date": "date", "date-time": "time"}
# PostgreSQL cuts longer names.
_LONGEST_NAME = 63
_NO_WORD = re.compile(r"[^A-Za-z0-9_]")
_BEFORE_A_WORD = re.compile(r"([^_])([A-Z][a-z]+)")
_BETWEEN_WORDS = re.compile(r"([a-z0-9])([A-Z])")
# The columns of custom_event that its views begin with.
EVENT_COLUMNS = ("_event_id", "created_at", "email", "user_id", "itbl_user_id")


class Column(NamedTuple):
    """A field of the records, the column that holds it, and its kind. A time may be sent as milliseconds."""

    field: str
    name: str
    kind: Kind


@dataclass(frozen=True)
class Table:
    """The table of the stream of the same name. `key` names the columns that identify a row; it may be empty.

    `merged`: rows are merged on the key; otherwise all are replaced once the stream was read to its end. `event_time` is
    the column of an event's time, which never changes. `fits`: every value fits its column's SQL type, long numbers aside.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    merged: bool
    event_time: str | None
    fits: bool


def table_of(stream: Stream, config: Config, client: IterableClient | None = None) -> Table:
    """The table of a stream. Raises IterableError if its schema depends on the project and cannot be requested."""
    fields, times = stream.schema(config, client)["properties"], milliseconds(stream.name)
    columns = tuple(Column(name, snake_case(name), _kind(each, name in times)) for name, each in fields.items())
    key = tuple(map(snake_case, stream.key(config)))
    merged = stream.cursor_field is not None
    event_time = "created_at" if merged and key == ("_event_id",) else None
    return Table(stream.name, columns, key, merged, event_time, fits=stream.of_people)


def views_of(fields: Iterable[tuple[str, str, str]]) -> Iterator[tuple[str, str, list[Column]]]:
    """The views of custom events: the name of each, the events' name, and a column for each field that they have.

    `fields` are the event name, the field, and the kind of a value ("" for null), each combination once.
    """
    views = {"custom_event"}
    for event_name, of_event in groupby(sorted(fields), itemgetter(0)):
        view = free_name(f"custom_event_{event_name.strip(punctuation)}", views)
        views.add(view)
        columns: dict[str, Column] = {}
        for field, of_field in groupby(of_event, itemgetter(1)):
            name = free_name(field, [*EVENT_COLUMNS, *columns])
            columns[name] = Column(field, name, _common({kind for _, _, kind in of_field} - {""}))
        yield view, event_name, list(columns.values())


def backfill_key(config: Config) -> str:
    """Tells apart the states of configurations that load parts of a backfill into one dataset: "" without an end_date."""
    return f"{config.start_date}/{config.end_date}" if config.end_date else ""


def snake_case(field: str) -> str:
    """The name of a field's column. By dlt's convention, so that tables are the same whoever writes them."""
    name = _NO_WORD.sub("_", field.translate(str.maketrans("+*-@|", "xx_al")).strip())
    name = _BETWEEN_WORDS.sub(r"\1_\2", _BEFORE_A_WORD.sub(r"\1_\2", name)).lower()
    if name[:1].isdigit():
        name = f"_{name}"
    words = name.rstrip("_")
    return re.sub("_+", "_", words + "x" * (len(name) - len(words))) or "x"


def free_name(field: str, taken: Collection[str]) -> str:
    """A name, not among those `taken`, for a column that no schema declares."""
    name = snake_case(field)
    if name not in taken and len(name) <= _LONGEST_NAME:
        return name
    return f"{name[: _LONGEST_NAME - 7]}_{sha256(field.encode()).hexdigest()[:6]}"


def _kind(column: Mapping[str, Any], in_milliseconds: bool) -> Kind:
    """The kind of a column of a JSON schema."""
    types = {column["type"]} if isinstance(column["type"], str) else {*column["type"]} - {"null"}
    # A time that is hashed is a string.
    if in_milliseconds and types == {"integer"}:
        return "time"
    kind = _KINDS.get(types.pop(), "json") if len(types) == 1 else "json"
    return _FORMATS.get(column.get("format", ""), kind)


def _common(kinds: set[str]) -> Kind:
    """The kind of a column for values of these kinds; text if all are null."""
    if kinds == {"integer", "number"}:
        return "number"
    return cast(Kind, kinds.pop()) if len(kinds) == 1 else "json" if kinds else "text"

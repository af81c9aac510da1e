"""Writes docs/columns.md, every column of every stream, from the schemas: `make docs`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from source_iterable.config import Config
from source_iterable.reading.export_stream import EventStream
from source_iterable.records.schemas import milliseconds, references
from source_iterable.streams.table import STREAMS

FILE = Path(__file__).with_name("columns.md")
CONFIG = Config.parse({"api_key": "key", "start_date": "2024-01-01T00:00:00Z"})
NAMES = {"string": "text", "object": "object", "array": "array"}
UNITS = {"date-time": "time, RFC 3339 in UTC", "date": "day, YYYY-MM-DD"}
EVENTS = "columns of all events"
INTRODUCTION = """# Columns

Every column of every stream, made from the schemas by `make docs`. [Streams](streams.md) says what the streams are for.

- **type**: as in JSON. `source-iterable load` gives times, days and milliseconds the types of the warehouse, and its columns
  are named in snake case (`campaignId` is `campaign_id`).
- **unit**: *epoch milliseconds* are milliseconds since 1970-01-01 00:00 UTC, as Iterable sends them: divide by 1,000 for
  seconds. Times of events and users are texts in RFC 3339, always with the offset +00:00.
- **may be missing**: *never* for the cursor and, but for `users`, the key. All others may be missing or null in any record:
  Iterable sends what there is, and its reference promises little. Fields that are in no schema are not lost: they are under
  `data` (see [Records](streams.md#records)).
- **joins**: the column of another stream that has the same values; for an array, each of its items.
"""


def page() -> str:
    """The whole file."""
    names = [name for name, stream in STREAMS.items() if isinstance(stream, EventStream)]
    shared = _shared(names)
    parts = [INTRODUCTION]
    for name in STREAMS:
        if name == names[0]:
            parts.append(_section(EVENTS.capitalize(), _about_events(len(names)), _rows(name, shared)))
        own = [column for column in _properties(name) if name not in names or column not in shared]
        about = _about(name)
        if name in names:
            link = f"[{EVENTS}](#{EVENTS.replace(' ', '-')})"
            about += f" The {link}, and:" if own else f" The {link}."
        parts.append(_section(name, about, _rows(name, own)))
    return "\n".join(parts)


def _properties(name: str) -> Mapping[str, Any]:
    properties: Mapping[str, Any] = STREAMS[name].schema(CONFIG)["properties"]
    return properties


def _shared(names: Iterable[str]) -> list[str]:
    """The columns that all of these streams have, in the same words."""
    first, *others = ({column: repr(each) for column, each in _properties(name).items()} for name in names)
    return [column for column, told in first.items() if all(other.get(column) == told for other in others)]


def _about(name: str) -> str:
    schema, key = STREAMS[name].schema(CONFIG), ", ".join(f"`{column}`" for column in STREAMS[name].key(CONFIG))
    key = f"{key} (`itblUserId` in projects that are not email-based)" if name == "users" else key or "none"
    return f"{schema['description'].rstrip('.')}. Key: {key}."


def _about_events(count: int) -> str:
    return f"What all {count} streams of events have. Key: `_event_id`."


def _rows(name: str, columns: Iterable[str]) -> list[str]:
    properties, joins, times = _properties(name), references(name), milliseconds(name)
    rows = []
    for column in columns:
        kinds = properties[column]["type"]
        is_required = isinstance(kinds, str)
        told = [NAMES.get(kind, kind) for kind in ([kinds] if is_required else kinds) if kind != "null"]
        unit = "epoch milliseconds" if column in times else UNITS.get(properties[column].get("format"), "")
        join, missing = joins.get(column, ""), "never" if is_required else "yes"
        rows.append(
            f"| {column} | {' or '.join(told)} | {unit} | {missing} | {join} | {properties[column]['description']} |"
        )
    return rows


def _section(title: str, about: str, rows: list[str]) -> str:
    header = ["| column | type | unit | may be missing | joins | what it is |", "| --- | --- | --- | --- | --- | --- |"]
    return "\n".join([f"## {title}", "", about, *(["", *header, *rows] if rows else []), ""])


if __name__ == "__main__":
    FILE.write_text(page(), encoding="utf-8")

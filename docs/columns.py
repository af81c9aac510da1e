"""Writes docs/columns.md and docs/columns/, every column of every stream, from the schemas: `make docs`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from source_iterable.config import Config
from source_iterable.reading.export_stream import EventStream
from source_iterable.records.schemas import milliseconds, references
from source_iterable.streams.table import STREAMS

DOCS = Path(__file__).parent
CONFIG = Config.parse({"api_key": "key", "start_date": "2024-01-01T00:00:00Z"})
NAMES = {"string": "text", "object": "object", "array": "array"}
UNITS = {"date-time": "RFC 3339", "date": "YYYY-MM-DD"}
EVENT_NAMES = [name for name, stream in STREAMS.items() if isinstance(stream, EventStream)]
EVENTS = "Columns of all events"
# The page that has the columns of all events, and the events that are on no other page.
OTHER_EVENTS = "events"
# A page a group, by the beginnings of the names of its streams; what fits none is on the page of the others of its kind.
PAGES = {
    "users": ("Users and lists", r"users|user_fields|forgotten_users|list"),
    "campaigns": ("Campaigns and journeys", r"campaigns|child_campaigns|journeys"),
    "experiments": ("Experiments", r"experiment"),
    "templates": ("Templates", r"template|snippets"),
    "email": ("Email events", r"email_"),
    "push": ("Push events, mobile and web", r"push_|web_push_"),
    "sms": ("SMS and RCS events", r"sms_|rcs_"),
    "whatsapp": ("WhatsApp events", r"whatsapp_"),
    "in-app": ("In-app events", r"in_app_|inbox_"),
    "embedded": ("Embedded message events", r"embedded_"),
    OTHER_EVENTS: ("All events, and other events", r"events"),
    "project": ("Catalogs, metadata and settings", ""),
}
INTRODUCTION = """# Columns

Every column of every stream, made from the schemas by `make docs`. [Streams](streams.md) says what the streams are for.

"""
LEGEND = """
- **type**: as in JSON. `source-iterable load` gives times, days and milliseconds the types of the warehouse, and its columns
  are named in snake case (`campaignId` is `campaign_id`). *Epoch milliseconds* are milliseconds since 1970-01-01 00:00 UTC,
  as Iterable sends them. Times in RFC 3339 have an offset, in events and users always +00:00.
- **required**: never missing. Only the cursor is and, but for `users`, the key. All other columns may be missing or null in
  any record: Iterable sends what there is, and its reference promises little. Fields that are in no schema are not lost:
  they are under `data` (see [Records](streams.md#records)).
- **joins**: the column of another stream that has the same values; for an array, each of its items.
"""


def page_of(name: str) -> str:
    """The page that a stream is on, by its key in PAGES."""
    return next(
        page
        for page, (_, beginning) in PAGES.items()
        if re.match(beginning, name) or (page == OTHER_EVENTS and name in EVENT_NAMES)
    )


def link(name: str) -> str:
    """A link to a stream's columns, from a page of docs/."""
    return f"[{name}](columns/{page_of(name)}.md#{name})"


def pages() -> dict[Path, str]:
    """The content of each file."""
    grouped = {page: [name for name in STREAMS if page_of(name) == page] for page in PAGES}
    files = {DOCS / "columns" / f"{page}.md": _page(page, names) for page, names in grouped.items()}
    return {DOCS / "columns.md": _index(grouped), **files}


def _index(grouped: Mapping[str, Iterable[str]]) -> str:
    rows = [
        f"| [{PAGES[page][0]}](columns/{page}.md) | {', '.join(map(link, names))} |" for page, names in grouped.items()
    ]
    return "\n".join([f"{INTRODUCTION}| page | streams |", "| --- | --- |", *rows]) + f"\n{LEGEND}"


def _page(page: str, names: list[str]) -> str:
    shared = _shared(EVENT_NAMES)
    parts = [f"# {PAGES[page][0]}\n\n[How to read these tables, and all streams](../columns.md)\n"]
    if page == OTHER_EVENTS:
        about = f"What all {len(EVENT_NAMES)} streams of events have. Key: `_event_id`."
        parts.append(_section(EVENTS, about, _rows(EVENT_NAMES[0], shared)))
    for name in names:
        own = [column for column in _properties(name) if name not in EVENT_NAMES or column not in shared]
        about = _about(name)
        if name in EVENT_NAMES:
            anchor = f"#{EVENTS.lower().replace(' ', '-')}"
            to_shared = f"[columns of all events]({'' if page == OTHER_EVENTS else f'{OTHER_EVENTS}.md'}{anchor})"
            about += f" The {to_shared}, and:" if own else f" The {to_shared}."
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


def _rows(name: str, columns: Iterable[str]) -> list[str]:
    properties, joins, times = _properties(name), references(name), milliseconds(name)
    rows = []
    for column in columns:
        kinds = properties[column]["type"]
        is_required = isinstance(kinds, str)
        told = [NAMES.get(kind, kind) for kind in ([kinds] if is_required else kinds) if kind != "null"]
        unit = "epoch milliseconds" if column in times else UNITS.get(properties[column].get("format"))
        kind = ", ".join(filter(None, [" or ".join(told), unit, "required" if is_required else None]))
        rows.append(f"| {column} | {kind} | {joins.get(column, '')} | {properties[column]['description']} |")
    return rows


def _section(title: str, about: str, rows: list[str]) -> str:
    header = ["| column | type | joins | what it is |", "| --- | --- | --- | --- |"]
    return "\n".join([f"## {title}", "", about, *(["", *header, *rows] if rows else []), ""])


if __name__ == "__main__":
    (DOCS / "columns").mkdir(exist_ok=True)
    for file, text in pages().items():
        file.write_text(text, encoding="utf-8")

"""Writes the tables of docs/streams.md and docs/options.md from the code: `python docs/tables.py`.

What stands between the two markers of a file is replaced. A test holds the files against this.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from source_iterable.config import Config, connection_specification
from source_iterable.streams.export import ExportStream
from source_iterable.streams.table import STREAMS

DOCS = Path(__file__).parent
START, END = "<!-- made by docs/tables.py -->", "<!-- end -->"

EXPORT_COST = "1, as long as the time is up to 31 days; idle: 1"
# Requests of a whole sync, where no export is read. In brackets what limits them.
COSTS = {
    "lists": "1",
    "channels": "1",
    "message_types": "1",
    "metadata": "1",
    "catalogs": "1 for 100 catalogs",
    "snippets": "1",
    "webhooks": "1",
    "user_fields": "1",
    "forgotten_users": "2",
    "campaigns": "1 for 1,000 campaigns; idle: 1",
    "templates": "16, one a type and medium, and 1 more for 1,000 templates; idle: 16",
    "journeys": "2, and 1 more for 50 journeys; idle: 2",
    "campaigns_metrics": "1 for about 100 campaigns that were sent (10 a minute)",
    "experiments_metrics": "1 for about 100 email campaigns (10 a second)",
    "child_campaigns": "1 a recurring campaign",
    "template_contents": "1 a template; idle: those of templates",
    "catalog_field_mappings": "1 a catalog",
    "catalog_items": "1 a catalog, and 1 more for 200 items",
    "metadata_entries": "1 an entry, and those of the tables' lists (10 a second)",
    "list_users": "1 a list (5 a minute)",
    "events": "1 a list (5 a minute), then 1 a user (10 a second)",
}
KEY_BY_PROJECT_TYPE = "email, or itblUserId if the project is not email-based"


def streams_table() -> str:
    """Every stream: what a record is, key, cursor, modes, cost."""
    config = Config.parse({"api_key": "key", "start_date": "2024-01-01T00:00:00Z"})
    lines = ["| stream | a record is | key | cursor | reads | requests |", "| --- | --- | --- | --- | --- | --- |"]
    for name, stream in STREAMS.items():
        shown = stream.as_airbyte_stream(config)
        key = KEY_BY_PROJECT_TYPE if name == "users" else ", ".join(stream.key(config)) or "none"
        if stream.cursor_field:
            reads = "what is new"
        else:
            reads = "all, and goes on where it was cut off" if shown.is_resumable else "all"
        cost = EXPORT_COST if isinstance(stream, ExportStream) else COSTS[name]
        description = str(stream.schema(config)["description"]).rstrip(".")
        description = description[0].lower() + description[1:]
        lines.append(f"| {name} | {description} | {key} | {stream.cursor_field or ''} | {reads} | {cost} |")
    return "\n".join(lines)


def options_table() -> str:
    """Every option of the configuration, hidden ones too."""
    specification = connection_specification()
    lines = ["| option | type | default | what it does |", "| --- | --- | --- | --- |"]
    for name, option in specification["properties"].items():
        kind = option.get("format") or " or ".join(map(str, option.get("enum", []))) or option["type"]
        default = "required" if name in specification["required"] else _text(option.get("default", "none"))
        hidden = " (not shown in Airbyte's form)" if option.get("airbyte_hidden") else ""
        lines.append(f"| `{name}` | {kind} | {default} | {option['description']}{hidden} |")
    return "\n".join(lines)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


TABLES: dict[str, Callable[[], str]] = {"streams.md": streams_table, "options.md": options_table}


def with_table(text: str, table: str) -> str:
    """The text of a file with `table` between its markers."""
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n\n{table}\n\n{END}{after}"


if __name__ == "__main__":
    for name, make in TABLES.items():
        file = DOCS / name
        file.write_text(with_table(file.read_text(encoding="utf-8"), make()), encoding="utf-8")

"""Writes the tables of docs/streams.md, docs/options.md and docs/live.md from the code: `make docs`.

It replaces what stands between the two markers of a file. A test fails when a file is out of date.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from integration_tests.live.probes import PROBES
from source_iterable.config import Config, connection_specification
from source_iterable.streams.table import STREAMS

DOCS = Path(__file__).parent
START, END = "<!-- made by docs/tables.py -->", "<!-- end -->"

KEY_BY_PROJECT_TYPE = "email; itblUserId in projects that are not email-based"


def streams_table() -> str:
    """Every stream: what a record is, key, cursor, modes, cost."""
    config = Config.parse({"api_key": "key", "start_date": "2024-01-01T00:00:00Z"})
    lines = ["| stream | one record is | key | cursor | reads | requests |", "| --- | --- | --- | --- | --- | --- |"]
    for name, stream in STREAMS.items():
        key = KEY_BY_PROJECT_TYPE if name == "users" else ", ".join(stream.key(config)) or "none"
        reads = "full refresh, resumable" if stream.resumable else "full refresh"
        reads = "incremental" if stream.cursor_field else reads
        description = str(stream.schema(config)["description"]).rstrip(".")
        description = description[0].lower() + description[1:]
        lines.append(f"| {name} | {description} | {key} | {stream.cursor_field or ''} | {reads} | {stream.cost} |")
    return "\n".join(lines)


def options() -> str:
    """Every option, hidden ones too."""
    specification = connection_specification()
    lines = ["| option | type | default | description |", "| --- | --- | --- | --- |"]
    for name, option in specification["properties"].items():
        kind = option.get("format") or " or ".join(map(str, option.get("enum", []))) or option["type"]
        default = "required" if name in specification["required"] else _text(option.get("default", "none"))
        hidden = " (not in Airbyte's form)" if option.get("airbyte_hidden") else ""
        lines.append(f"| `{name}` | {kind} | {default} | {option['description']}{hidden} |")
    return "\n".join(lines)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def probes() -> str:
    """Every probe of a live project, and the file that relies on its claim."""
    lines = ["| probe | claim | relied upon in |", "| --- | --- | --- |"]
    lines += [f"| {each.name} | {each.claim} | [{Path(each.relied_on).name}](../{each.relied_on}) |" for each in PROBES]
    return "\n".join(lines)


TABLES: dict[str, Callable[[], str]] = {"streams.md": streams_table, "options.md": options, "live.md": probes}


def with_table(text: str, table: str) -> str:
    """The text of a file with `table` between its markers."""
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n\n{table}\n\n{END}{after}"


if __name__ == "__main__":
    for name, make in TABLES.items():
        file = DOCS / name
        file.write_text(with_table(file.read_text(encoding="utf-8"), make()), encoding="utf-8")

"""Writes the tables and diagrams of docs/streams.md, options.md, private-fields.md and live.md from the code: `make docs`.

It replaces what stands between the two markers of a page. A test fails when a page is out of date.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from columns import link

from integration_tests.live.probes import PROBES
from source_iterable.config import Config
from source_iterable.kinds import KINDS, PREFIX
from source_iterable.reading.export_stream import EventStream
from source_iterable.reading.lists import PlainList
from source_iterable.reading.stream import Stream
from source_iterable.records.schemas import references
from source_iterable.spec import specification
from source_iterable.streams.table import STREAMS

DOCS = Path(__file__).parent
START, END = "<!-- made by docs/tables.py -->", "<!-- end -->"

KEY_BY_PROJECT_TYPE = "email; itblUserId in projects that are not email-based"


def streams() -> str:
    """Every stream, with a link to its columns: a record, key, cursor, modes, requests; then the diagrams of their joins."""
    config = Config.parse({"api_key": "key", "start_date": "2024-01-01T00:00:00Z"})
    lines = ["| stream | one record is | key | cursor | reads | requests |", "| --- | --- | --- | --- | --- | --- |"]
    for name, stream in STREAMS.items():
        key = KEY_BY_PROJECT_TYPE if name == "users" else ", ".join(stream.key(config)) or "none"
        reads = "full refresh, resumable" if stream.resumable else "full refresh"
        reads = "incremental" if stream.cursor_field else reads
        description = str(stream.schema(config)["description"]).rstrip(".")
        description = description[0].lower() + description[1:]
        lines.append(
            f"| {link(name)} | {description} | {key} | {stream.cursor_field or ''} | {reads} | {requests(stream)} |"
        )
    return "\n".join(lines) + "\n\n" + diagrams()


def requests(stream: Stream) -> str:
    """How many requests a sync of a stream makes: what its class says of it."""
    if isinstance(stream, PlainList):
        return f"1 per {stream.page_size:,} {stream.name}" if stream.page_size else "1"
    docs = (inspect.cleandoc(each.__doc__ or "") for each in type(stream).__mro__)
    found = next(match for doc in docs if (match := re.search(r"^Requests: (.*)\.$", doc, re.MULTILINE | re.DOTALL)))
    return " ".join(found[1].split())


def diagrams() -> str:
    """Mermaid diagrams, which GitHub draws: what events join, and what all other streams join.

    `events` has the columns of all event streams and stands for them.
    """
    others = [name for name, stream in STREAMS.items() if not isinstance(stream, EventStream) and name != "events"]
    return "\n\n".join(
        [
            "The columns by which the streams join. Events (a stream of one event type has some of these columns):",
            _flowchart(["events"]),
            "All other streams:",
            _flowchart(others),
        ]
    )


def _flowchart(names: Iterable[str]) -> str:
    return "\n".join(["```mermaid", "flowchart LR", *(line for name in names for line in _arrows(name)), "```"])


def _arrows(name: str) -> list[str]:
    """An arrow to each stream that this one joins, labeled with this one's columns; the stream alone if it joins none."""
    columns: dict[str, list[str]] = {}
    for column, reference in sorted(references(name).items()):
        columns.setdefault(reference.partition(".")[0], []).append(column)
    return [f"    {name} -- {'<br>'.join(own)} --> {joined}" for joined, own in columns.items()] or [f"    {name}"]


def options() -> str:
    """Every option, hidden ones too."""
    schema = specification()["connectionSpecification"]
    lines = ["| option | type | default | description |", "| --- | --- | --- | --- |"]
    for name, option in schema["properties"].items():
        kind = option.get("format") or " or ".join(map(str, option.get("enum", []))) or option["type"]
        default = "required" if name in schema["required"] else _text(option.get("default", "none"))
        hidden = " (not in Airbyte's form)" if option.get("airbyte_hidden") else ""
        lines.append(f"| `{name}` | {kind} | {default} | {option['description']}{hidden} |")
    return "\n".join(lines)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def kinds() -> str:
    """Every kind of personal data, and the names in it."""
    lines = ["| word | holds | columns of Iterable's | common custom field names |", "| --- | --- | --- | --- |"]
    for name, kind in KINDS.items():
        declared, own = (", ".join(f"`{each}`" for each in names) for names in (kind.declared, kind.own))
        lines.append(f"| `{PREFIX}{name}` | {kind.what} | {declared} | {own or 'none'} |")
    return "\n".join(lines)


def probes() -> str:
    """Every probe of a live project, and the file that relies on its claim."""
    lines = ["| probe | claim | relied upon in |", "| --- | --- | --- |"]
    lines += [f"| {each.name} | {each.claim} | [{Path(each.relied_on).name}](../{each.relied_on}) |" for each in PROBES]
    return "\n".join(lines)


TABLES: dict[str, Callable[[], str]] = {
    "streams.md": streams,
    "options.md": options,
    "private-fields.md": kinds,
    "live.md": probes,
}


def with_table(text: str, table: str) -> str:
    """The text of a file with `table` between its markers."""
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n\n{table}\n\n{END}{after}"


if __name__ == "__main__":
    for name, make in TABLES.items():
        file = DOCS / name
        file.write_text(with_table(file.read_text(encoding="utf-8"), make()), encoding="utf-8")

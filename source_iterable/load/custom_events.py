"""Custom events as tables: for each name of events the fields that they have, with their types."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from string import punctuation
from typing import NamedTuple, cast

from source_iterable.load.tables import Kind, free_name

# The columns of custom_event that a view begins with.
EVENT_COLUMNS = ("_event_id", "created_at", "email", "user_id", "itbl_user_id")


class View(NamedTuple):
    """The events of one name: `columns` are a field, its column, and its kind."""

    name: str
    event_name: str
    columns: list[tuple[str, str, Kind]]


def views_of(fields: Iterable[tuple[str, str, str]]) -> Iterator[View]:
    """The views for the fields that occur: event name, field, and the kind of a value ("" for null), each once."""
    kinds: dict[str, dict[str, set[str]]] = {}
    for event_name, field, kind in sorted(fields):
        kinds.setdefault(event_name, {}).setdefault(field, set()).add(kind)
    names: dict[str, str] = {"custom_event": ""}
    for event_name, fields_of_event in kinds.items():
        name = free_name(f"custom_event_{event_name.strip(punctuation)}", names)
        names[name] = event_name
        taken = dict.fromkeys(EVENT_COLUMNS)
        columns = []
        for field, found in fields_of_event.items():
            column = free_name(field, taken)
            taken[column] = None
            columns.append((field, column, _common(found - {""})))
        yield View(name, event_name, columns)


def _common(kinds: set[str]) -> Kind:
    """The kind for values of these kinds. Text if all are null."""
    if kinds == {"integer", "number"}:
        return "number"
    return cast(Kind, kinds.pop()) if len(kinds) == 1 else "json" if kinds else "text"

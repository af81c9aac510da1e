"""The items of lists, each asked for once in a run, and what their fields hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integration_tests.live.client import REFUSALS, Answer
from integration_tests.live.errors import NotVisible
from integration_tests.live.probe import Project, list_in, some_in
from integration_tests.live.words import columns_of, json_type, kinds
from source_iterable.streams.templates import MESSAGE_MEDIA, TEMPLATE_TYPES

Items = list[dict[str, Any]]


def lists_of_users(project: Project) -> Answer:
    """GET lists. Raises NoAnswer."""
    return project.client.get("lists", may_refuse=True)


def newest(project: Project, path: str) -> Items:
    """The first page of campaigns, templates or journeys, newest update first. Raises NotVisible, Unexpected or NoAnswer."""
    items = project.once(ask_newest, path)
    if not items:
        raise NotVisible("the project has none")
    return items


def ask_newest(project: Project, path: str) -> Items:
    """The same, asked for again at each call, and maybe none. Raises NotVisible, Unexpected or NoAnswer."""
    size = 50 if path == "journeys" else 1000
    return list_in(project.client.get(path, page=1, pageSize=size, sort="-updatedAt"), path)


def fields_of(project: Project, records: Items) -> dict[str, list[str]]:
    """The kinds of each field of records, by its name."""
    values: dict[str, list[Any]] = {}
    for record in records:
        for name, value in record.items():
            values.setdefault(project.words.field(name), []).append(value)
    return {name: sorted(kinds(held)) for name, held in sorted(values.items())}


def other_types(stream: str, records: Items) -> dict[str, list[str]]:
    """The kinds of values that their column does not take, by the column."""
    columns = columns_of(stream)
    found: dict[str, list[str]] = {}
    for name in sorted({name for record in records for name in record} & columns.keys()):
        of_values = kinds(record[name] for record in records if name in record)
        if odd := [each for each in of_values if not _fits(each, columns[name])]:
            found[name] = sorted(odd)
    return found


def without_column(stream: str, records: Items) -> int:
    """How many fields have no column."""
    return len({name for record in records for name in record} - columns_of(stream).keys())


def _fits(name: str, column: Mapping[str, Any]) -> bool:
    types = column["type"] if isinstance(column["type"], list) else [column["type"]]
    # Times become texts, whatever they were, and transactionalData becomes an object.
    if name == "object in a text" and "object" in types:
        return True
    may_be_integer = "number" in types or column.get("format") == "date-time"
    return json_type(name) in (*types, "null") or (json_type(name) == "integer" and may_be_integer)


def plain_items(project: Project, path: str, selector: str) -> Items:
    """The items of a list that comes in one piece. Raises NotVisible, Unexpected or NoAnswer."""
    answer = project.once(lists_of_users) if path == "lists" else project.client.get(path)
    if answer.status in REFUSALS:
        raise NotVisible("the key may not read this")
    return some_in(answer, selector)


def ask_templates(project: Project) -> dict[tuple[str, str], Items]:
    """The newest templates of each type and medium, by these. Raises NotVisible, Unexpected or NoAnswer."""
    found = {}
    for template_type in TEMPLATE_TYPES:
        for medium in MESSAGE_MEDIA:
            wanted: dict[str, Any] = {"templateType": template_type, "messageMedium": medium}
            answer = project.client.get("templates", page=1, pageSize=1000, sort="-updatedAt", **wanted)
            found[template_type, medium] = list_in(answer, "templates")
    if not any(found.values()):
        raise NotVisible("the project has no templates")
    return found

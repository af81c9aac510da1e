"""What answers hold: lists, objects, errors. Of values only their kinds are told."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from integration_tests.live.client import OK, Answer, NotVisible, Unexpected
from integration_tests.live.probe import Project
from integration_tests.live.words import columns_of, json_type, kind, kinds, public
from source_iterable.api.request import ShapeError, holder_of

Items = list[dict[str, Any]]


def type_of(answer: Answer) -> str:
    """Its media type."""
    return public(answer.content_type)


def encoding_of(answer: Answer) -> dict[str, Any]:
    """How its body is sent."""
    return {
        "type": type_of(answer),
        "encoding": public(answer.headers.get("Content-Encoding", "none")),
        "in chunks": "Transfer-Encoding" in answer.headers,
    }


def headers_of(answer: Answer) -> list[str]:
    """The names of its headers."""
    return sorted({public(name.lower()) for name in answer.headers})


def error_of(project: Project, answer: Answer) -> dict[str, Any]:
    """What an error looks like."""
    error = answer.json if isinstance(answer.json, dict) else {}
    code = error.get("code")
    return {
        "status": answer.status,
        "type": type_of(answer),
        "code": public(code) if isinstance(code, str) else kind(code),
        "names": project.words.of(error),
    }


def object_in(answer: Answer) -> dict[str, Any]:
    """The object that an answer is, or has in `params`. Raises Unexpected."""
    if answer.status != OK or not answer.object:
        raise Unexpected({"status": answer.status, "type": type_of(answer), "is": kind(answer.json)})
    return answer.object


def list_in(answer: Answer, name: str) -> Items:
    """The items of a list, also of one wrapped in `params`, or none. Raises NotVisible or Unexpected."""
    if not answer.is_whole:
        raise NotVisible("the answer is too large to be read whole, or breaks off")
    found: Any = None
    with suppress(ShapeError):
        found = holder_of(answer.json, name)[name]
    if answer.status != OK or not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise Unexpected({"status": answer.status, "type": type_of(answer), "list": kind(found)})
    return found


def some_in(answer: Answer, name: str) -> Items:
    """The same, but NotVisible if there are none."""
    return must_be_some(list_in(answer, name))


def must_be_some(items: Items) -> Items:
    """The same items. Raises NotVisible if there are none."""
    if not items:
        raise NotVisible("the project has none")
    return items


def fields_of(project: Project, records: Items) -> dict[str, list[str]]:
    """The kinds of each field of records, by its name."""
    values: dict[str, list[Any]] = {}
    for record in records:
        for name, value in record.items():
            values.setdefault(project.words.field(name), []).append(value)
    return {name: sorted(kinds(held)) for name, held in sorted(values.items())}


def other_types(stream: str, records: Items) -> dict[str, list[str]]:
    """The kinds of values that their column does not take, by the column."""
    columns, found = columns_of(stream), {}
    for name in sorted({name for record in records for name in record} & columns.keys()):
        of_values = kinds(record[name] for record in records if name in record)
        if odd := [each for each in of_values if not _fits(each, columns[name])]:
            found[name] = sorted(odd)
    return found


def _fits(name: str, column: Mapping[str, Any]) -> bool:
    types = column["type"] if isinstance(column["type"], list) else [column["type"]]
    # Times become texts, whatever they were, and transactionalData becomes an object.
    if name == "object in a text" and "object" in types:
        return True
    may_be_integer = "number" in types or column.get("format") == "date-time"
    return json_type(name) in (*types, "null") or (json_type(name) == "integer" and may_be_integer)

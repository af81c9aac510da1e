"""Probes of data types: which are accepted, by which spelling, and the fields of their records.

Four requests a minute are allowed: not all types fit in one run. A later one asks for the rest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from integration_tests.live import oddities
from integration_tests.live.answers import error_of
from integration_tests.live.client import NO_TIME, NOT_FOUND, OK, REFUSALS
from integration_tests.live.errors import NoAnswer
from integration_tests.live.items import fields_of, other_types
from integration_tests.live.probe import Project, Seen, probe
from integration_tests.live.records import DAY, HOUR, LIKELY, SETTLED, STREAM_OF, ask, records_in
from integration_tests.live.words import columns_of, kind
from source_iterable.exports.windows import Window
from source_iterable.records.columns import OURS

Records = list[dict[str, Any]]
# The reference's spelling of each, and another one that clients send (seen).
SPELLINGS = {"emailUnSubscribe": "emailUnsubscribe", "unknownSession": "anonSession"}
# Bytes of each type that are read.
_BYTES = 2 << 20
# Seconds that are left for the probes behind this one: an export may have to wait a minute for its turn.
_RESERVE = 80.0
_DAYS = 7
# What the connector makes of a record, or Airbyte of a table.
_OWN = re.compile("_airbyte_.*|" + "|".join(sorted(map(re.escape, OURS))))
_PLAIN_NAME = re.compile("[A-Za-z_][A-Za-z0-9_]{0,62}")
_INTERNAL = "itblInternal."
# Types whose records have fields of the project's own: what it tracks, its profiles, and what its web pages hand in.
_OF_THE_PROJECT = ("customEvent", "emailSubscribe", "user", "unknownSession")


def _order() -> list[str]:
    """All types: those with two spellings first, then those that everybody has, then the rest."""
    return list(dict.fromkeys([*SPELLINGS, *LIKELY, "user", *STREAM_OF, *SPELLINGS.values()]))


@probe(
    "data types",
    "Each of the 53 data types of the reference is accepted; a field has a column of its type, or goes to data",
    "source_iterable/streams/table.py",
)
def data_types(project: Project) -> Iterator[Seen]:
    earlier = project.earlier
    statuses: dict[str, int] = dict(earlier.get("facts", {}).get("statuses", {}))
    errors: dict[str, Any] = dict(earlier.get("facts", {}).get("errors", {}))
    counts: dict[str, int] = dict(earlier.get("counts", {}))
    fields: dict[str, Any] = dict(earlier.get("fields", {}))
    odd: list[str] = list(earlier.get("oddities", ()))
    end = int(project.now.timestamp()) // HOUR * HOUR - SETTLED
    failure = ""
    for name in _order():
        if name in statuses:
            continue
        if project.client.left < _RESERVE:
            failure = NO_TIME
            break
        try:
            answer = ask(project, name, Window(end - _DAYS * DAY, end), _BYTES, may_refuse=True)
        except NoAnswer as reason:
            failure = str(reason)
            if failure == NO_TIME:
                break
            continue  # one type that does not answer must not cost all others
        statuses[name] = answer.status
        if answer.status != OK or not answer.is_export:
            errors[name] = error_of(project, answer)
        records = records_in(answer) if name in STREAM_OF else []
        if records:
            counts[name] = len(records)
            fields[name] = fields_of(project, records)
            odd += [each for each, is_in in _ODD.items() if each not in odd and is_in(project, name, records)]
        yield _of_types(statuses, errors, counts, fields, odd, failure)
    yield _of_types(statuses, errors, counts, fields, odd, failure)


def _of_types(
    statuses: dict[str, int],
    errors: dict[str, Any],
    counts: dict[str, int],
    fields: dict[str, Any],
    odd: list[str],
    failure: str,
) -> Seen:
    types = {name: status for name, status in statuses.items() if name in STREAM_OF}
    others = {name: status for name, status in statuses.items() if name not in STREAM_OF}
    is_finished = len(statuses) == len(_order())
    forbidden = [name for name, status in types.items() if status in REFUSALS]
    refused = [name for name in types if name in errors and name not in forbidden]
    named = [
        *odd,
        *([oddities.FORBIDDEN_TYPES] if forbidden else []),
        *([oddities.ONE_SPELLING] if any(status in (400, NOT_FOUND) for status in others.values()) else []),
    ]
    reason = "" if is_finished else "not all fit in one run: the next one asks for the others"
    if failure and failure != NO_TIME and not is_finished:
        reason = "some did not answer: the next run asks for them again"
    if is_finished and len(forbidden) == len(types):
        reason = "the key may not export any"
    return Seen(
        "differs" if refused else "not visible" if reason else "holds",
        {"statuses": dict(statuses), "errors": dict(errors)},
        {"asked": len(types), "of": len(STREAM_OF), **{n: c for n, c in counts.items() if n in STREAM_OF}},
        dict(fields),
        tuple(dict.fromkeys(named)),
        reason,
        is_finished,
    )


def _other_types(project: Project, data_type: str, records: Records) -> bool:
    return bool(other_types(STREAM_OF[data_type], records))


def _unknown_fields(project: Project, data_type: str, records: Records) -> bool:
    if data_type in _OF_THE_PROJECT:
        return False
    columns = columns_of(STREAM_OF[data_type])
    return any(name not in columns and not name.startswith(_INTERNAL) for record in records for name in record)


def _nulls(project: Project, data_type: str, records: Records) -> bool:
    columns = columns_of(STREAM_OF[data_type])
    return data_type not in _OF_THE_PROJECT and any(
        value is None and name in columns for record in records for name, value in record.items()
    )


def _without_email(project: Project, data_type: str, records: Records) -> bool:
    # An unknown session has no user yet.
    return (
        project.client.config.project_type == "Email-based"
        and data_type != "unknownSession"
        and any("email" not in record for record in records)
    )


def _has_name(fits: Callable[[str], bool]) -> Callable[[Project, str, Records], bool]:
    return lambda project, data_type, records: any(fits(name) for record in records for name in record)


def _has_value(name: str) -> Callable[[Project, str, Records], bool]:
    return lambda project, data_type, records: any(name in _kinds_within(record) for record in records)


def _kinds_within(value: Any) -> set[str]:
    """The kinds of a value and of all in it, however deep."""
    found, left = set(), [value]
    while left:
        each = left.pop()
        found.add(kind(each))
        left.extend(each.values() if isinstance(each, dict) else each if isinstance(each, list) else ())
    return found


def _no_object(project: Project, data_type: str, records: Records) -> bool:
    held = (record["transactionalData"] for record in records if "transactionalData" in record)
    return any(kind(each) not in ("object", "object in a text") for each in held)


def _internal_fields(project: Project, data_type: str, records: Records) -> bool:
    if data_type == "user":  # whose columns are dotted, too
        return False
    known = columns_of(STREAM_OF[data_type])["itblInternal"]["properties"]
    return any(
        name.startswith(_INTERNAL) and name.removeprefix(_INTERNAL) not in known
        for record in records
        for name in record
    )


# Whether records of a type have an oddity, by its name.
_ODD: dict[str, Callable[[Project, str, Records], bool]] = {
    oddities.OTHER_TYPES: _other_types,
    oddities.UNKNOWN_FIELDS: _unknown_fields,
    oddities.WITHOUT_EMAIL: _without_email,
    oddities.NULLS: _nulls,
    oddities.LARGE_NUMBERS: _has_value("integer beyond 2^53"),
    oddities.CAREFUL_TEXTS: _has_value("text with control characters"),
    oddities.OWN_NAMES: _has_name(lambda name: _OWN.fullmatch(name) is not None),
    oddities.NO_SQL_NAMES: _has_name(lambda name: not name.startswith("itbl") and not _PLAIN_NAME.fullmatch(name)),
    oddities.NO_OBJECT: _no_object,
    oddities.INTERNAL_FIELDS: _internal_fields,
}

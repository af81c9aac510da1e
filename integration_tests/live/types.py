"""Probes of data types: which are accepted, by which spelling, and the fields of their records.

Four requests a minute are allowed: not all types fit in one run. A later one asks for the rest.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from integration_tests.live import oddities
from integration_tests.live.answers import error_of
from integration_tests.live.client import FORBIDDEN, OK, UNAUTHORIZED
from integration_tests.live.lists import columns_of, shape_of
from integration_tests.live.probe import NotVisible, Project, Seen, probe
from integration_tests.live.records import DAY, HOUR, LIKELY, SETTLED, STREAM_OF, export, records_in
from integration_tests.live.words import kind
from source_iterable.exports.windows import Window
from source_iterable.records.columns import OURS

Records = list[dict[str, Any]]
# The reference's spelling of each, and another one that clients send (seen).
SPELLINGS = {"emailUnSubscribe": "emailUnsubscribe", "unknownSession": "anonSession"}
# Bytes of each type that are read, and seconds that a request may take with the wait for its turn.
_BYTES, _SECONDS = 2 << 20, 30.0
_DAYS = 7
# What the connector makes of a record, or Airbyte of a table.
_OWN = re.compile("_airbyte_.*|" + "|".join(sorted(map(re.escape, OURS))))
_PLAIN_NAME = re.compile("[A-Za-z_][A-Za-z0-9_]{0,62}")
_INTERNAL = "itblInternal."
# Types whose records have fields of the project's own: what it tracks, its profiles, and what its web pages hand in.
_OF_THE_PROJECT = ("customEvent", "emailSubscribe", "user", "unknownSession")


class _Asked:
    """The records of each type that this run has asked for, and whether no type is left for the next run."""

    def __init__(self, project: Project) -> None:
        self.records: dict[str, Records] = {}
        self.is_all = False


def _order() -> list[str]:
    """All types: those with two spellings first, then those that everybody has, then the rest."""
    return list(dict.fromkeys([*SPELLINGS, *LIKELY, "user", *STREAM_OF, *SPELLINGS.values()]))


@probe("data types", "Each of the 53 data types of the reference is accepted", "source_iterable/streams/table.py")
def data_types(project: Project) -> Seen:
    earlier = project.earlier.get("facts", {})
    statuses: dict[str, int] = dict(earlier.get("statuses", {}))
    spellings: dict[str, int] = dict(earlier.get("spellings", {}))
    error: Any = earlier.get("error")
    asked = project.once(_Asked)
    end = int(project.now.timestamp()) // HOUR * HOUR - SETTLED
    for name in _order():
        if name in statuses or name in spellings:
            continue
        if project.left < _SECONDS:
            break
        answer = export(project, name, Window(end - _DAYS * DAY, end), _BYTES)
        if name in STREAM_OF:
            statuses[name] = answer.status
            asked.records[name] = records_in(answer)
        if name in (*SPELLINGS, *SPELLINGS.values()):
            spellings[name] = answer.status
        if answer.status not in (OK, UNAUTHORIZED, FORBIDDEN):
            error = error_of(project, answer)
    is_finished = asked.is_all = len({**statuses, **spellings}) == len(_order())
    refused = [name for name, status in statuses.items() if status not in (OK, UNAUTHORIZED, FORBIDDEN)]
    forbidden = [name for name, status in statuses.items() if status in (UNAUTHORIZED, FORBIDDEN)]
    one_spelling = any(spellings.get(other, OK) != OK for other in SPELLINGS.values())
    odd = (oddities.FORBIDDEN_TYPES, bool(forbidden)), (oddities.ONE_SPELLING, one_spelling)
    return Seen(
        "differs" if refused else "holds" if is_finished else "not visible",
        {"statuses": statuses, "spellings": spellings, **({"error": error} if error else {})},
        {"asked": len(statuses), "of": len(STREAM_OF)},
        tuple(name for name, is_so in odd if is_so),
        "" if is_finished else "not all fit in one run: the next one asks for the others",
        is_finished,
    )


@probe(
    "fields of events",
    "Every field has a column of its type, or goes to data: none is lost, whatever it is called",
    "source_iterable/records/columns.py",
)
def fields(project: Project) -> Seen:
    asked, earlier, facts, counts, odd = project.once(_Asked), project.earlier, {}, {}, []
    facts.update(earlier.get("facts", {}))
    counts.update(earlier.get("counts", {}))
    odd.extend(earlier.get("oddities", []))
    for data_type, records in asked.records.items():
        if records:
            facts[data_type], _ = shape_of(project, STREAM_OF[data_type], records)
            counts[data_type] = len(records)
            odd.extend(name for name, is_in in _ODD.items() if name not in odd and is_in(project, data_type, records))
    if not facts and asked.is_all:
        raise NotVisible("nothing happened in the last week")
    return Seen(
        "holds" if facts else "not visible",
        facts,
        counts,
        tuple(odd),
        is_finished=asked.is_all,
    )


def _other_types(project: Project, data_type: str, records: Records) -> bool:
    return shape_of(project, STREAM_OF[data_type], records)[1]


def _unknown_fields(project: Project, data_type: str, records: Records) -> bool:
    if data_type in _OF_THE_PROJECT:
        return False
    columns = columns_of(project, STREAM_OF[data_type])
    return any(name not in columns and not name.startswith(_INTERNAL) for record in records for name in record)


def _nulls(project: Project, data_type: str, records: Records) -> bool:
    columns = columns_of(project, STREAM_OF[data_type])
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
    return lambda project, data_type, records: any(name in set(_kinds_within(record)) for record in records)


def _kinds_within(value: Any) -> list[str]:
    """The kinds of a value and of all in it."""
    within = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [kind(value), *(each for part in within for each in _kinds_within(part))]


def _no_object(project: Project, data_type: str, records: Records) -> bool:
    held = (record["transactionalData"] for record in records if "transactionalData" in record)
    return any(kind(each) not in ("object", "object in a text") for each in held)


def _internal_fields(project: Project, data_type: str, records: Records) -> bool:
    if data_type == "user":  # whose columns are dotted, too
        return False
    known = columns_of(project, STREAM_OF[data_type])["itblInternal"]["properties"]
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

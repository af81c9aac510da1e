"""The probe of data types: which are accepted, by which spelling, and the fields of their records.

Four requests a minute are allowed: not all types fit in one run. A later one asks for the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from integration_tests.live import oddities
from integration_tests.live.answers import Items, error_of, fields_of, other_types
from integration_tests.live.client import NO_TIME, NOT_FOUND, OK, REFUSALS, NoAnswer
from integration_tests.live.probe import Project, Seen, probe
from integration_tests.live.records import LIKELY, STREAM_OF, ask, last_days
from integration_tests.live.words import columns_of, kind
from source_iterable.exports.choice import OTHER_SPELLINGS
from source_iterable.records.columns import OURS

# Most bytes of each type to read.
_BYTES = 2 << 20
# Seconds that are left for the probes behind this one: an export may have to wait a minute for its turn.
_RESERVE = 80.0
# What the connector makes of a record, or Airbyte of a table.
_OWN = re.compile("_airbyte_.*|" + "|".join(sorted(map(re.escape, OURS))))
_PLAIN_NAME = re.compile("[A-Za-z_][A-Za-z0-9_]{0,62}")
_INTERNAL = "itblInternal."
# Types whose records have fields of the project's own: what it tracks, its profiles, and what its web pages hand in.
_OF_THE_PROJECT = ("customEvent", "emailSubscribe", "user", "unknownSession")
# All types: those with two spellings first, then those that everybody has, then the rest.
_ORDER = list(dict.fromkeys([*OTHER_SPELLINGS, *LIKELY, "user", *STREAM_OF, *OTHER_SPELLINGS.values()]))


@probe("data types", "streams/table.py")
def data_types(project: Project) -> Iterator[Seen]:
    """Each of the 53 data types of the reference is accepted; a field has a column of its type, or goes to data."""
    earlier = project.earlier
    facts: dict[str, dict[str, Any]] = {"statuses": {}, "errors": {}, **deepcopy(earlier.get("facts", {}))}
    counts: dict[str, int] = {name: count for name, count in earlier.get("counts", {}).items() if name in STREAM_OF}
    fields: dict[str, Any] = dict(earlier.get("fields", {}))
    odd = dict.fromkeys(earlier.get("oddities", ()))
    failure = ""
    for name in _ORDER:
        if name in facts["statuses"]:
            continue
        if project.client.left < _RESERVE:
            failure = NO_TIME
            break
        try:
            answer = ask(project, name, last_days(project, 7), _BYTES, may_refuse=True)
        except NoAnswer as reason:
            failure = str(reason)
            if failure == NO_TIME:
                break
            continue  # one type that does not answer must not cost all others
        facts["statuses"][name] = answer.status
        if answer.status != OK or not answer.is_export:
            facts["errors"][name] = error_of(project, answer)
        if name in STREAM_OF and (records := answer.records):
            counts[name] = len(records)
            fields[name] = fields_of(project, records)
            odd |= dict.fromkeys(_oddities_of(project, name, records))
        yield _seen(facts, counts, fields, [*odd], failure)
    yield _seen(facts, counts, fields, [*odd], failure)


def _seen(
    facts: dict[str, dict[str, Any]], counts: dict[str, int], fields: dict[str, Any], odd: list[str], failure: str
) -> Seen:
    """What is known of the types so far."""
    statuses, errors = facts["statuses"], facts["errors"]
    types = {name: status for name, status in statuses.items() if name in STREAM_OF}
    forbidden = [name for name, status in types.items() if status in REFUSALS]
    refused = [name for name in types if name in errors and name not in forbidden]
    if forbidden:
        odd.append(oddities.FORBIDDEN_TYPES)
    if any(statuses.get(name) in (400, NOT_FOUND) for name in OTHER_SPELLINGS.values()):
        odd.append(oddities.ONE_SPELLING)
    reason, is_finished = "", len(statuses) == len(_ORDER)
    if not is_finished:
        reason = "not all fit in one run: the next one asks for the others"
        if failure and failure != NO_TIME:
            reason = "some did not answer: the next run asks for them again"
    elif len(forbidden) == len(types):
        reason = "the key may not export any"
    return Seen(
        "differs" if refused else "not visible" if reason else "holds",
        {name: dict(each) for name, each in facts.items()},
        {"asked": len(types), "of": len(STREAM_OF), **counts},
        dict(fields),
        tuple(dict.fromkeys(odd)),
        reason,
        is_finished,
    )


def _oddities_of(project: Project, data_type: str, records: Items) -> list[str]:
    """The oddities of the records of a type, by their names."""
    stream, names = STREAM_OF[data_type], {name for record in records for name in record}
    columns, kinds_within = columns_of(stream), _kinds_within(records)
    is_of_project, is_email_based = data_type in _OF_THE_PROJECT, project.client.config.project_type == "Email-based"
    transactional = {kind(record["transactionalData"]) for record in records if "transactionalData" in record}
    internal = {name.removeprefix(_INTERNAL) for name in names if name.startswith(_INTERNAL)}
    unknown = {name for name in names - columns.keys() if not name.startswith(_INTERNAL)}
    nulls = {name for record in records for name, value in record.items() if value is None}
    found = {
        oddities.OTHER_TYPES: bool(other_types(stream, records)),
        oddities.UNKNOWN_FIELDS: bool(unknown) and not is_of_project,
        # An unknown session has no user yet.
        oddities.WITHOUT_EMAIL: is_email_based
        and data_type != "unknownSession"
        and any("email" not in record for record in records),
        oddities.NULLS: bool(nulls & columns.keys()) and not is_of_project,
        oddities.LARGE_NUMBERS: "integer beyond 2^53" in kinds_within,
        oddities.CAREFUL_TEXTS: "text with control characters" in kinds_within,
        oddities.OWN_NAMES: any(map(_OWN.fullmatch, names)),
        oddities.NO_SQL_NAMES: not all(name.startswith("itbl") or _PLAIN_NAME.fullmatch(name) for name in names),
        oddities.NO_OBJECT: not transactional <= {"object", "object in a text"},
        # The columns of users are dotted, too.
        oddities.INTERNAL_FIELDS: data_type != "user" and not internal <= columns["itblInternal"]["properties"].keys(),
    }
    return [name for name, is_there in found.items() if is_there]


def _kinds_within(value: Any) -> set[str]:
    """The kinds of a value and of all in it, however deep."""
    found, left = set(), [value]
    while left:
        each = left.pop()
        found.add(kind(each))
        left.extend(each.values() if isinstance(each, dict) else each if isinstance(each, list) else ())
    return found

"""Probes of exports: windows, lines, order, times, users, one user's events, and late events."""

from __future__ import annotations

from collections import Counter
from typing import Any

from integration_tests.live import oddities
from integration_tests.live.answers import encoding_of, fields_of, type_of
from integration_tests.live.client import OK, Answer, NotVisible
from integration_tests.live.probe import Project, Seen, judged, probe
from integration_tests.live.records import (
    HOUR,
    MINUTE,
    apart,
    ask,
    busy,
    event_ids,
    export,
    seconds_of,
    users_in_export,
    whole_export,
)
from integration_tests.live.words import kinds
from source_iterable.exports.windows import Window
from source_iterable.records.timestamps import rfc3339

Lines = list[tuple[bytes, dict[str, Any]]]
# Seconds between the two readings of the same hour, at least.
_APART = 180
# Seconds for which events may come late by the default of lookback_window.
_LOOKBACK = 5 * MINUTE


@probe("half-open windows", "exports/windows.py")
def half_open(project: Project) -> Seen:
    """An export's start is inclusive, its end exclusive, in whole seconds: two windows have each event once."""
    data_type, window, answer = busy(project)
    seconds = sorted(each for each in seconds_of(answer.records) if each is not None)
    border = next((each for each in seconds[len(seconds) // 2 :] if each > window.start), None)
    if border is None:
        raise NotVisible("all events are in the first second of their window")
    halves = [Window(window.start, border), Window(border, window.end)]
    answers = [whole_export(project, data_type, half) for half in halves]
    lines = [line for each in answers for line in each.lines]
    within = all(
        second is None or half.start <= second < half.end
        for half, of_half in zip(halves, answers, strict=True)
        for second in seconds_of(of_half.records)
    )
    return judged(
        within and Counter(event_ids(data_type, lines)) == Counter(event_ids(data_type, answer.lines)),
        {"all within their window": within},
        {
            "events": len(answer.lines),
            "of two windows": [len(each.lines) for each in answers],
            "at the border": seconds.count(border),
        },
    )


@probe("empty windows", "exports/reader.py")
def empty(project: Project) -> Seen:
    """A window without events is an empty answer with 200."""
    data_type, window, answer = busy(project)
    taken = set(seconds_of(answer.records))
    free = next((each for each in range(window.start, window.end) if each not in taken), None)
    if free is None:
        raise NotVisible("there is an event in each second")
    found = ask(project, data_type, Window(free, free + 1))
    is_empty = found.status == OK and found.is_whole and not found.body.strip()
    return judged(is_empty, {"status": found.status, "type": type_of(found)}, {"bytes": len(found.body)})


@probe("lines of an export", "api/proof.py")
def lines(project: Project) -> Seen:
    """Exports are lines of JSON objects; the last may lack its newline."""
    _, _, answer = busy(project)
    return judged(
        len(answer.records) == len(answer.lines) and answer.is_whole,
        {**encoding_of(answer), "ends with a newline": answer.body.endswith(b"\n")},
        {"lines": len(answer.lines), "bytes": len(answer.body), "seconds": [round(each, 1) for each in answer.seconds]},
    )


@probe("order of an export", "exports/streaming.py")
def order(project: Project) -> Seen:
    """Records may come in any order."""
    _, _, answer = busy(project)
    seconds = [each for each in seconds_of(answer.records) if each is not None]
    orders = {"oldest first": sorted(seconds), "newest first": sorted(seconds, reverse=True)}
    word = next((name for name, in_order in orders.items() if seconds == in_order), "none")
    return judged(True, {"order": word}, {"records": len(seconds)})


@probe("events once", "records/events.py")
def once(project: Project) -> Seen:
    """A window has each event once."""
    data_type, _, answer = busy(project)
    ids = event_ids(data_type, answer.lines)
    return judged(len(set(ids)) == len(ids), {}, {"events": len(ids), "different": len(set(ids))})


@probe("times of events", "records/timestamps.py")
def times(project: Project) -> Seen:
    """createdAt is a time in a known form, in UTC."""
    _, _, answer = busy(project)
    created = [record.get("createdAt") for record in answer.records]
    forms = kinds(created)
    return judged(
        all(rfc3339(each) is not None for each in created),
        {"forms": sorted(forms)},
        {"events": len(created)},
        oddities.FORMS_OF_TIME if len(forms) > 1 else None,
    )


@probe("users", "streams/users.py")
def users(project: Project) -> Seen:
    """The export of users is by profileUpdatedAt, and each has the key of the project's type."""
    window, answer = users_in_export(project)
    found, config = answer.records, project.client.config
    keys = [record.get(config.users_key) for record in found]
    own = {"Email-based": "email", "UserID-based": "userId"}.get(config.project_type, "itblUserId")
    updated = seconds_of(found, "profileUpdatedAt")
    within = all(each is not None and window.start <= each < window.end for each in updated)
    return judged(
        within and None not in keys and len(set(keys)) == len(keys),
        {
            "keys": sorted(kinds(keys)),
            "have itblUserId": all("itblUserId" in record for record in found),
            "have the identifier of their type": all(own in record for record in found),
            "profileUpdatedAt": sorted(kinds(record.get("profileUpdatedAt") for record in found)),
        },
        {"users": len(found)},
        fields={"user": fields_of(project, found)},
    )


@probe("events of a user", "streams/user_events.py")
def user_events(project: Project) -> Seen:
    """GET export/userEvents has the events of the exports, with _type, and by the same _event_id."""
    data_type, _, answer = busy(project)
    name = "email" if project.client.config.project_type == "Email-based" else "userId"
    exported = answer.parsed_lines
    person = next((record[name] for _, record in exported if isinstance(record.get(name), str)), None)
    if person is None:
        raise NotVisible("the events name no user")
    mine = [each for each in exported if each[1].get(name) == person]
    found = project.client.get("export/userEvents", **{name: person, "includeCustomEvents": "true"})
    if not found.is_whole:
        raise NotVisible("a user's events are too many to be read whole")
    events = found.parsed_lines
    same = [each for each in events if each[1].get("_type") == data_type]
    at, later = (_times_of_index(data_type, each) for each in (mine, same))
    have_same_ids = at.keys() <= later.keys()
    rewritten = any(later.get(event_id, time_of) != time_of for event_id, time_of in at.items())
    return judged(
        found.status == OK and have_same_ids and all("_type" in event for _, event in events),
        {
            "status": found.status,
            "type": type_of(found),
            "_type is the data type": bool(same),
            "itblInternal of exports": _internal(exported),
            "itblInternal of userEvents": _internal(events),
            "the same _event_id": have_same_ids,
        },
        {"exported": len(mine), "of userEvents": len(events), "of this type": len(same)},
        oddities.REWRITTEN if rewritten else None,
    )


def _internal(lines: Lines) -> str:
    nested = any(isinstance(record.get("itblInternal"), dict) for _, record in lines)
    dotted = any(name.startswith("itblInternal.") for _, record in lines for name in record)
    return {(True, True): "both", (True, False): "nested", (False, True): "dotted"}.get((nested, dotted), "none")


def _times_of_index(data_type: str, lines: Lines) -> dict[str, Any]:
    """When each event was written to Iterable's index, by its `_event_id`."""
    found = {}
    for event_id, (_, record) in zip(event_ids(data_type, (line for line, _ in lines)), lines, strict=True):
        internal = record.get("itblInternal")
        nested = internal.get("documentUpdatedAt") if isinstance(internal, dict) else None
        found[event_id] = rfc3339(record.get("itblInternal.documentUpdatedAt", nested))
    return found


def _recent(project: Project) -> tuple[Window, Answer, float]:
    """An hour that has just settled, and when it was read; the probe itself reads it again at the end of the run."""
    data_type, _, _ = busy(project)
    end = int(project.now.timestamp()) - _LOOKBACK
    for seconds in (HOUR, MINUTE):
        window = Window(end - seconds, end)
        answer = export(project, data_type, window)
        if answer.is_whole:
            return window, answer, project.client.clock()
    raise NotVisible("a window is too large to be read whole")


@probe("late events", "reading/export_stream.py", begin=lambda project: project.once(_recent), last=1)
def late(project: Project) -> Seen:
    """After the five minutes of lookback_window, an hour of events is complete."""
    data_type, _, _ = busy(project)
    window, first, begun = project.once(_recent)
    # What it takes to ask again must be left, too.
    project.client.pause(max(_APART - (project.client.clock() - begun), 0))
    second = whole_export(project, data_type, window)
    before, after = (Counter(event_ids(data_type, each.lines)) for each in (first, second))
    if not before and not after:
        raise NotVisible("nothing happened in the last hour")
    return judged(
        not apart(before, after),
        {},
        {
            "events": before.total(),
            "new": (after - before).total(),
            "gone": (before - after).total(),
            "seconds in between": round(project.client.clock() - begun),
            "seconds of the window": window.seconds,
        },
        oddities.LATE if after - before else None,
    )

"""Probes of updatedAt: which changes of campaigns, templates and journeys move it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from integration_tests.live import oddities
from integration_tests.live.answers import Items
from integration_tests.live.client import OK, NoAnswer, NotVisible, Unexpected
from integration_tests.live.items import ask_newest, ask_templates, newest
from integration_tests.live.probe import Project, Seen, judged, probe

_UPDATED_AT = "updatedAt"
# Contents that are looked at for one, of each medium, that has a time.
_CONTENTS = 8


def _later(times: list[tuple[Any, Any]]) -> tuple[str, Mapping[str, int]]:
    """Whether times are later than the updatedAt beside them, in a word, and how many are."""
    times = [(time, updated) for time, updated in times if time and updated]
    later = sum(time > updated for time, updated in times)
    word = "not visible" if not times else "never" if not later else "always" if later == len(times) else "sometimes"
    return word, {"items": len(times), "later": later}


def _changes(project: Project, before: Items, ask_again: Callable[[Project], Items], key: str) -> dict[str, Any]:
    """The fields that have changed while the probes ran: with updatedAt, and without."""
    after: Items = []
    with suppress(NotVisible, Unexpected, NoAnswer):
        after = ask_again(project)
    known = {item.get(key): item for item in before}
    changed: dict[bool, set[str]] = {True: set(), False: set()}
    for item in after:
        old = known.get(item.get(key), item)
        names = {name for name in old.keys() | item.keys() if old.get(name) != item.get(name)}
        changed[_UPDATED_AT in names] |= names - {_UPDATED_AT}
    return {
        "changed with updatedAt": project.words.fields(changed[True]),
        "changed without updatedAt": project.words.fields(changed[False]),
    }


@probe("updates of campaigns", "reading/lists.py", last=1)
def campaigns(project: Project) -> Seen:
    """updatedAt of a campaign stays at its last edit when it starts or finishes."""
    before = newest(project, "campaigns")
    sent = [each for each in before if each.get("campaignState") not in ("Draft", "Scheduled", "Ready")]
    starts, ends = (
        _later([(each.get(name), each.get(_UPDATED_AT)) for each in sent]) for name in ("startAt", "endedAt")
    )
    words = {starts[0], ends[0]}
    if words == {"not visible"}:
        raise NotVisible("no campaign tells when it started or ended")
    stays = not words.isdisjoint(("sometimes", "always"))
    later = {"startAt later than updatedAt": starts[0], "endedAt later than updatedAt": ends[0]}
    changes = _changes(project, before, lambda project: ask_newest(project, "campaigns"), "id")
    counts = {"startAt": starts[1], "endedAt": ends[1]}
    return judged(stays, {**later, **changes}, counts, oddities.UPDATE_STAYS if stays else None)


@probe("updates of templates", "streams/templates.py", last=1)
def templates(project: Project) -> Seen:
    """The content of a template was not updated later than its entry in the list."""
    times: list[tuple[Any, Any]] = []
    media = set()
    for (_, medium), entries in project.once(ask_templates).items():
        for entry in entries[:_CONTENTS] if medium not in media else ():
            answer = project.client.get("templates/{}/get", medium.lower(), templateId=entry["templateId"])
            metadata = answer.object.get("metadata")
            # Push and SMS have the time itself, email has it in its metadata (reference).
            content = metadata if isinstance(metadata, dict) else answer.object
            if answer.status == OK and content.get(_UPDATED_AT):
                media.add(medium)
                times.append((content[_UPDATED_AT], entry.get(_UPDATED_AT)))
    word, counts = _later([(time, updated) for time, updated in times if type(time) is type(updated)])
    if word == "not visible":
        raise NotVisible("no content tells when it was updated")
    before = _all(project.once(ask_templates))
    changes = _changes(project, before, lambda project: _all(ask_templates(project)), "templateId")
    facts = {"content later than updatedAt": word, **changes}
    return judged(word == "never", facts, {"contents": counts, "media": len(media)})


def _all(templates: Mapping[Any, Items]) -> Items:
    return [each for items in templates.values() for each in items]


@probe("updates of journeys", "reading/lists.py", last=1)
def journeys(project: Project) -> Seen:
    """updatedAt of a journey is no older than that of its draft."""
    before = newest(project, "journeys")
    drafts = [(each.get("draft"), each.get(_UPDATED_AT)) for each in before]
    word, counts = _later([(draft.get(_UPDATED_AT), time) for draft, time in drafts if isinstance(draft, dict)])
    changes = _changes(project, before, lambda project: ask_newest(project, "journeys"), "id")
    if word == "not visible" and not any(changes.values()):
        raise NotVisible("no journey has a draft, and none changed while the probes ran")
    facts = {"draft later than updatedAt": word, **changes}
    return judged(word in ("never", "not visible"), facts, {"drafts": counts})

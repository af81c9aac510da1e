"""Probes of updatedAt: which changes of campaigns, templates and journeys move it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from integration_tests.live import oddities
from integration_tests.live.client import OK
from integration_tests.live.errors import NoAnswer, NotVisible, Unexpected
from integration_tests.live.items import Items, ask_newest, ask_templates, newest
from integration_tests.live.probe import Project, Seen, judged, probe

_UPDATED_AT = "updatedAt"
# Contents of a medium that are looked at.
_CONTENTS = 8


def _later(items: Items, name: str) -> tuple[str, Mapping[str, int]]:
    """Whether times of items are later than their updatedAt, in a word, and how many are."""
    times = [(item[name], item[_UPDATED_AT]) for item in items if item.get(name) and item.get(_UPDATED_AT)]
    later = sum(time > updated for time, updated in times)
    word = "not visible" if not times else "never" if not later else "always" if later == len(times) else "sometimes"
    return word, {"items": len(times), "later": later}


def _changed(before: Items, after: Items, key: str) -> Iterator[tuple[str, bool]]:
    """The fields that have changed between two looks at a list, and whether updatedAt moved with them."""
    known = {item.get(key): item for item in before}
    for item in after:
        old = known.get(item.get(key), item)
        for name in (old.keys() | item.keys()) - {_UPDATED_AT}:
            if old.get(name) != item.get(name):
                yield name, old.get(_UPDATED_AT) != item.get(_UPDATED_AT)


def _during_the_run(project: Project, before: Items, after: Items, key: str) -> dict[str, Any]:
    """What changed while the probes ran: the facts of any such list."""
    changed = Counter(_changed(before, after, key))
    return {
        "changed with updatedAt": project.words.fields(name for name, moved in changed if moved),
        "changed without updatedAt": project.words.fields(name for name, moved in changed if not moved),
    }


@probe(
    "updates of campaigns",
    "updatedAt of a campaign stays at its last edit when it starts or finishes",
    "source_iterable/reading/lists.py",
    last=1,
)
def campaigns(project: Project) -> Seen:
    before = newest(project, "campaigns")
    sent = [each for each in before if each.get("campaignState") not in ("Draft", "Scheduled", "Ready")]
    (starts, started), (ends, ended) = (_later(sent, name) for name in ("startAt", "endedAt"))
    if {starts, ends} == {"not visible"}:
        raise NotVisible("no campaign tells when it started or ended")
    after: Items = []
    with suppress(NotVisible, Unexpected, NoAnswer):
        after = ask_newest(project, "campaigns")
    stays = not {starts, ends}.isdisjoint(("sometimes", "always"))
    return judged(
        stays,
        {
            "startAt later than updatedAt": starts,
            "endedAt later than updatedAt": ends,
            **_during_the_run(project, before, after, "id"),
        },
        {"startAt": started, "endedAt": ended},
        oddities.UPDATE_STAYS if stays else None,
    )


@probe(
    "updates of templates",
    "The content of a template was not updated later than its entry in the list",
    "source_iterable/streams/templates.py",
    last=1,
)
def templates(project: Project) -> Seen:
    found: Items = []
    media = set()
    before = project.once(ask_templates)
    for (_, medium), entries in before.items():
        for entry in entries[:_CONTENTS] if medium not in media else ():
            answer = project.client.get("templates/{}/get", medium.lower(), templateId=entry["templateId"])
            metadata = answer.object.get("metadata")
            # Push and SMS have the time itself, email has it in its metadata (reference).
            content = metadata if isinstance(metadata, dict) else answer.object
            if answer.status == OK and content.get(_UPDATED_AT):
                media.add(medium)
                found.append({"content": content[_UPDATED_AT], _UPDATED_AT: entry.get(_UPDATED_AT)})
    comparable = [each for each in found if type(each["content"]) is type(each[_UPDATED_AT])]
    word, counts = _later(comparable, "content")
    if word == "not visible":
        raise NotVisible("no content tells when it was updated")
    after: Mapping[Any, Items] = {}
    with suppress(NotVisible, Unexpected, NoAnswer):
        after = ask_templates(project)
    old, new = ([each for items in lists.values() for each in items] for lists in (before, after))
    return judged(
        word == "never",
        {"content later than updatedAt": word, **_during_the_run(project, old, new, "templateId")},
        {"contents": counts, "media": len(media)},
    )


@probe(
    "updates of journeys",
    "updatedAt of a journey is no older than that of its draft",
    "source_iterable/reading/lists.py",
    last=1,
)
def journeys(project: Project) -> Seen:
    before = newest(project, "journeys")
    drafts = [
        {"draft": draft.get(_UPDATED_AT), _UPDATED_AT: each.get(_UPDATED_AT)}
        for each in before
        if isinstance(draft := each.get("draft"), dict)
    ]
    word, counts = _later(drafts, "draft")
    after: Items = []
    with suppress(NotVisible, Unexpected, NoAnswer):
        after = ask_newest(project, "journeys")
    facts = _during_the_run(project, before, after, "id")
    if word == "not visible" and not any(facts.values()):
        raise NotVisible("no journey has a draft, and none changed while the probes ran")
    return judged(word in ("never", "not visible"), {"draft later than updatedAt": word, **facts}, {"drafts": counts})

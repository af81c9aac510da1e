"""Lists that several probes look at, each requested once in a run.

All of these functions raise NotVisible, Unexpected or NoAnswer.
"""

from __future__ import annotations

from typing import Any

from integration_tests.live.answers import Items, list_in, must_be_some, some_in
from integration_tests.live.client import REFUSALS, Answer, NotVisible
from integration_tests.live.probe import Project
from source_iterable.streams.templates import MESSAGE_MEDIA, TEMPLATE_TYPES

PAGE = 1000


def lists_of_users(project: Project) -> Answer:
    """GET lists, which may be refused."""
    return project.client.get("lists", may_refuse=True)


def newest(project: Project, path: str) -> Items:
    """The first page of campaigns or journeys, newest update first."""
    return must_be_some(project.once(ask_newest, path))


def ask_newest(project: Project, path: str) -> Items:
    """The same, asked for again at each call, and maybe none."""
    size = 50 if path == "journeys" else PAGE
    return list_in(project.client.get(path, page=1, pageSize=size, sort="-updatedAt"), path)


def plain_items(project: Project, path: str, selector: str) -> Items:
    """The items of a list that comes in one piece."""
    answer = project.once(lists_of_users) if path == "lists" else project.client.get(path)
    if answer.status in REFUSALS:
        raise NotVisible("the key may not read this")
    return some_in(answer, selector)


def ask_templates(project: Project) -> dict[tuple[str, str], Items]:
    """The newest templates of each type and medium, by these."""
    found = {}
    for template_type in TEMPLATE_TYPES:
        for medium in MESSAGE_MEDIA:
            wanted: dict[str, Any] = {"templateType": template_type, "messageMedium": medium}
            answer = project.client.get("templates", page=1, pageSize=PAGE, sort="-updatedAt", **wanted)
            found[template_type, medium] = list_in(answer, "templates")
    if not any(found.values()):
        raise NotVisible("the project has no templates")
    return found

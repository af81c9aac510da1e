"""Probes of lists: their keys, paging, sort and times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

from integration_tests.live import oddities
from integration_tests.live.client import NOT_FOUND
from integration_tests.live.errors import NotVisible, Unexpected
from integration_tests.live.items import (
    Items,
    ask_templates,
    fields_of,
    newest,
    other_types,
    plain_items,
    without_column,
)
from integration_tests.live.probe import Project, Seen, judged, list_in, probe, some_in
from integration_tests.live.words import kind, kinds
from source_iterable.api.request import total_in
from source_iterable.streams.table import STREAMS

# Of campaigns, in the reference, and seen (facts of Iterable's API).
_STATES = (
    *("Draft", "Ready", "Scheduled", "Running", "Finished", "Starting", "Aborted"),
    *("Recurring", "Archived", "Recalling", "Recalled"),
)
_TIMES = ("createdAt", "updatedAt", "startAt", "endedAt")
# Bytes of a list that comes without paging.
_PLAIN_BYTES = 1 << 20


def _plain(path: str, selector: str, stream: str) -> Callable[[Project], Seen]:
    def look(project: Project) -> Seen:
        items = project.once(plain_items, path, selector)
        key = STREAMS[stream].key(project.client.config)[0]
        keys = [item.get(key) for item in items]
        return judged(
            len(set(map(str, keys))) == len(keys) and len({type(each) for each in keys}) == 1 and None not in keys,
            {"keys": kinds(keys), "other types than the column's": other_types(stream, items)},
            {"items": len(items), "fields without a column": without_column(stream, items)},
            fields=fields_of(project, items),
        )

    return look


for _path, _selector, _stream in (
    ("lists", "lists", "lists"),
    ("channels", "channels", "channels"),
    ("messageTypes", "messageTypes", "message_types"),
    ("snippets", "snippets", "snippets"),
    ("webhooks", "webhooks", "webhooks"),
    ("metadata", "results", "metadata"),
):
    probe(
        f"list of {_stream.replace('_', ' ')}",
        f"GET {_path} answers with all items, each with a key",
        "source_iterable/reading/lists.py",
    )(_plain(_path, _selector, _stream))


def _paged(path: str, selector: str, key: str, most: int) -> Callable[[Project], Seen]:
    def look(project: Project) -> Seen:
        client = project.client
        full = some_in(client.get(path, page=1, pageSize=most), selector)
        first = client.get(path, page=1, pageSize=1)
        one = list_in(first, selector)
        second = list_in(client.get(path, page=2, pageSize=1), selector)
        link = first.object.get("nextPageUrl")
        # Some old projects answer with everything.
        plain = client.get(path, most=_PLAIN_BYTES)
        without = list_in(plain, selector) if plain.is_whole else full
        keys = [[each.get(key) for each in items] for items in (one, second)]
        return judged(
            len(one) == 1
            and bool(link) == (len(full) > 1)
            and len(second) == min(len(full) - 1, 1)
            and keys[0] != keys[1]
            and None not in keys[0],
            {
                "status with a larger page": client.get(path, page=1, pageSize=most + 1).status,
                "nextPageUrl": _form_of(project, link),
                "without paging": "all of them" if len(without) >= len(full) else "some of them",
                "wrapped in params": first.is_wrapped,
                "names": project.words.of(first.object),
            },
            {"items of the first page": len(full), "without paging": len(without)},
            oddities.WRAPPED if first.is_wrapped else None,
        )

    return look


def _form_of(project: Project, link: object) -> dict[str, Any]:
    if not isinstance(link, str):
        return {"is": kind(link)}
    parts, own = urlsplit(link), urlsplit(project.client.config.base_url)
    return {
        "is": kind(link),
        "has a host": bool(parts.netloc),
        "of the API": parts.netloc == own.netloc,
        "begins with the API's path": parts.path.startswith(own.path),
        "parameters": project.words.of(parse_qs(parts.query)),
    }


for _path, _selector, _key, _most in (
    ("campaigns", "campaigns", "id", 1000),
    ("templates", "templates", "templateId", 1000),
    ("journeys", "journeys", "id", 50),
    ("catalogs", "catalogNames", "name", 100),
):
    probe(
        f"pages of {_path}",
        f"GET {_path} takes page from 1 and pageSize up to {_most}, and names the next page in nextPageUrl",
        "source_iterable/api/paging.py",
    )(_paged(_path, _selector, _key, _most))


@probe(
    "pages of child campaigns",
    "GET campaigns/recurring/{id}/childCampaigns pages like campaigns, and takes sort=id",
    "source_iterable/streams/campaigns.py",
)
def children(project: Project) -> Seen:
    parents = [each["id"] for each in newest(project, "campaigns") if each.get("campaignState") == "Recurring"]
    if not parents:
        raise NotVisible("no campaign is recurring")
    items: Items = []
    # Not all of them: there may be hundreds.
    for parent in parents[:5]:
        answer = project.client.get("campaigns/recurring/{}/childCampaigns", parent, page=1, pageSize=1000, sort="id")
        items = list_in(answer, "campaigns")
        if items:
            break
    if not items:
        raise NotVisible("the recurring campaigns have no children")
    ids = [each["id"] for each in items]
    return judged(
        ids == sorted(ids) and all(each.get("recurringCampaignId") == parent for each in items),
        {"other types than the column's": other_types("child_campaigns", items)},
        {"recurring": len(parents), "children": len(ids)},
        fields=fields_of(project, items),
    )


def _in_order(path: str, key: str, size: int) -> Callable[[Project], Seen]:
    def look(project: Project) -> Seen:
        kind_of: dict[str, Any] = {}
        if path == "templates":
            lists = project.once(ask_templates)
            template_type, medium = max(lists, key=lambda each: len(lists[each]))
            kind_of = {"templateType": template_type, "messageMedium": medium}
        answer = project.client.get(path, page=1, pageSize=size, sort="id", **kind_of)
        items = some_in(answer, path)
        keys: list[Any] = [each.get(key) for each in items]
        total = total_in(answer.json, path)
        goes_on = bool(answer.object.get("nextPageUrl"))
        return judged(
            all(isinstance(each, int) for each in keys)
            and keys == sorted(set(keys))
            and (total or 0) >= len(keys) + goes_on
            and (goes_on or total == len(keys)),
            {"keys": kinds(keys), "ascending": keys == sorted(keys), "total": kind(total), "goes on": goes_on},
            {"items of the first page": len(keys)},
        )

    return look


for _path, _key, _most in (("campaigns", "id", 1000), ("templates", "templateId", 1000), ("journeys", "id", 50)):
    probe(
        f"order of {_path}",
        f"GET {_path} with sort=id: in ascending order of {_key}, and with the number of all items",
        "source_iterable/reading/shared_lists.py",
    )(_in_order(_path, _key, _most))


def _what_there_is(project: Project) -> dict[str, Items]:
    """Campaigns, templates and journeys, as far as they can be read. Raises NotVisible if there are none."""
    found: dict[str, Items] = {}
    with suppress(NotVisible, Unexpected):
        found["campaigns"] = newest(project, "campaigns")
    with suppress(NotVisible, Unexpected):
        found["templates"] = [each for items in project.once(ask_templates).values() for each in items]
    with suppress(NotVisible, Unexpected):
        found["journeys"] = newest(project, "journeys")
    if not found:
        raise NotVisible("the project has none of them")
    return found


@probe(
    "times of lists",
    "Times of campaigns, templates and journeys are milliseconds since the epoch",
    "source_iterable/reading/lists.py",
)
def times(project: Project) -> Seen:
    found: dict[str, Any] = {}
    for path, items in _what_there_is(project).items():
        for name in _TIMES:
            # 0 stands for no time.
            if values := [item[name] for item in items if item.get(name)]:
                found.setdefault(path, {})[name] = sorted(kinds(values))
    if not found:
        raise NotVisible("none of them has a time")
    return judged(
        all(each == ["milliseconds"] for names in found.values() for each in names.values()), {"times": found}
    )


@probe(
    "fields of lists",
    "Columns of campaigns, templates and journeys have the types of their schemas",
    "source_iterable/schemas/campaigns.json",
)
def fields(project: Project) -> Seen:
    found = _what_there_is(project)
    others = {path: other_types(path, items) for path, items in found.items()}
    return judged(
        not any(others.values()),
        {"other types than the column's": others},
        {path: len(items) for path, items in found.items()},
        fields={path: fields_of(project, items) for path, items in found.items()},
    )


@probe("states of campaigns", "campaignState is a word, and maybe a new one", "source_iterable/streams/metrics.py")
def states(project: Project) -> Seen:
    campaigns = newest(project, "campaigns")
    words = Counter(each.get("campaignState") for each in campaigns)
    unknown = [each for each in words if each not in _STATES]
    return judged(
        all(isinstance(each, str) for each in words),
        {"unknown states": bool(unknown), "media": project.words.of(each.get("messageMedium") for each in campaigns)},
        {project.words.shown(each): count for each, count in words.items()},
        oddities.STATES_OF_CAMPAIGNS if unknown else None,
    )


@probe(
    "archived journeys",
    "GET journeys leaves archived ones out; with state=Archived it has only those",
    "source_iterable/streams/campaigns.py",
)
def archived(project: Project) -> Seen:
    shown = [each.get("isArchived") for each in newest(project, "journeys")]
    answer = project.client.get("journeys", page=1, pageSize=50, sort="id", state="Archived")
    hidden = [each.get("isArchived") for each in list_in(answer, "journeys")]
    if not hidden and True not in shown:
        raise NotVisible("no journey is archived")
    return judged(
        True not in shown and all(each is True for each in hidden),
        {"isArchived": sorted(kinds([*shown, *hidden]))},
        {"journeys": len(shown), "archived": len(hidden)},
    )


@probe(
    "a thing that is gone",
    "A catalog, a metadata table and a template that do not exist get 404, and are skipped",
    "source_iterable/reading/lists.py",
)
def gone(project: Project) -> Seen:
    client, none = project.client, 999_999_999
    statuses = {
        "content of a template": client.get("templates/{}/get", "email", templateId=none).status,
        "items of a catalog": client.get("catalogs/{}/items", "no-catalog-of-this-name", page=1, pageSize=1).status,
        "entries of a metadata table": client.get("metadata/{}", "notableofthisname").status,
    }
    children = client.get("campaigns/recurring/{}/childCampaigns", none, page=1, pageSize=1).status
    return judged(
        all(each == NOT_FOUND for each in statuses.values()), {**statuses, "children of a campaign": children}
    )

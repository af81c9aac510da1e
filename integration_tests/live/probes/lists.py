"""Probes of lists: their keys, paging, order, times and types."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

from integration_tests.live import oddities
from integration_tests.live.answers import Items, fields_of, list_in, other_types, some_in
from integration_tests.live.client import NOT_FOUND, NotVisible, Unexpected
from integration_tests.live.items import PAGE, ask_templates, newest, plain_items
from integration_tests.live.probe import Project, Seen, judged, probe, probe_each
from integration_tests.live.words import columns_of, kind, kinds
from source_iterable.api.request import total_in
from source_iterable.streams.table import STREAMS

# Of campaigns, in the reference, and seen (facts of Iterable's API).
_STATES = (
    *("Draft", "Ready", "Scheduled", "Running", "Finished", "Starting", "Aborted"),
    *("Recurring", "Archived", "Recalling", "Recalled"),
)
_TIMES = ("createdAt", "updatedAt", "startAt", "endedAt")
# Most bytes of a list that is asked for without paging.
_PLAIN_BYTES = 1 << 20
# Recurring campaigns whose children are asked for: there may be hundreds.
_PARENTS = 5
# `most`: items of a page.
_PAGED: tuple[dict[str, Any], ...] = (
    {"path": "campaigns", "key": "id", "most": PAGE},
    {"path": "templates", "key": "templateId", "most": PAGE},
    {"path": "journeys", "key": "id", "most": 50},
)
_CATALOGS = {"path": "catalogs", "key": "name", "most": 100, "selector": "catalogNames"}


@probe_each(
    "list of {things}",
    "reading/lists.py",
    {"path": "lists", "selector": "lists", "things": "lists"},
    {"path": "channels", "selector": "channels", "things": "channels"},
    {"path": "messageTypes", "selector": "messageTypes", "things": "message types"},
    {"path": "snippets", "selector": "snippets", "things": "snippets"},
    {"path": "webhooks", "selector": "webhooks", "things": "webhooks"},
    {"path": "metadata", "selector": "results", "things": "metadata"},
)
def plain(project: Project, path: str, selector: str, things: str) -> Seen:
    """GET {path} answers with all items, each with a key."""
    items, stream = project.once(plain_items, path, selector), things.replace(" ", "_")
    key = STREAMS[stream].key(project.client.config)[0]
    keys = [item.get(key) for item in items]
    names = {name for item in items for name in item}
    return judged(
        len(set(map(str, keys))) == len(keys) and len({type(each) for each in keys}) == 1 and None not in keys,
        {"keys": kinds(keys), "other types than the column's": other_types(stream, items)},
        {"items": len(items), "fields without a column": len(names - columns_of(stream).keys())},
        fields=fields_of(project, items),
    )


@probe_each("pages of {path}", "api/paging.py", *_PAGED, _CATALOGS)
def paged(project: Project, path: str, key: str, most: int, selector: str = "") -> Seen:
    """GET {path} takes page from 1 and pageSize up to {most}, and names the next page in nextPageUrl."""
    selector = selector or path
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
    are_pages = len(one) == 1 and len(second) == min(len(full) - 1, 1)
    return judged(
        are_pages and bool(link) == (len(full) > 1) and keys[0] != keys[1] and None not in keys[0],
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


@probe("pages of child campaigns", "streams/campaigns.py")
def children(project: Project) -> Seen:
    """GET campaigns/recurring/{id}/childCampaigns pages like campaigns, and takes sort=id."""
    parents = [each["id"] for each in newest(project, "campaigns") if each.get("campaignState") == "Recurring"]
    if not parents:
        raise NotVisible("no campaign is recurring")
    for parent in parents[:_PARENTS]:
        answer = project.client.get("campaigns/recurring/{}/childCampaigns", parent, page=1, pageSize=PAGE, sort="id")
        if items := list_in(answer, "campaigns"):
            break
    else:
        raise NotVisible("the recurring campaigns have no children")
    ids = [each["id"] for each in items]
    return judged(
        ids == sorted(ids) and all(each.get("recurringCampaignId") == parent for each in items),
        {"other types than the column's": other_types("child_campaigns", items)},
        {"recurring": len(parents), "children": len(ids)},
        fields=fields_of(project, items),
    )


@probe_each("order of {path}", "reading/shared_lists.py", *_PAGED)
def in_order(project: Project, path: str, key: str, most: int) -> Seen:
    """GET {path} with sort=id: in ascending order of {key}, and with the number of all items."""
    wanted: dict[str, Any] = {}
    if path == "templates":
        lists = project.once(ask_templates)
        template_type, medium = max(lists, key=lambda each: len(lists[each]))
        wanted = {"templateType": template_type, "messageMedium": medium}
    answer = project.client.get(path, page=1, pageSize=most, sort="id", **wanted)
    keys: list[Any] = [each.get(key) for each in some_in(answer, path)]
    total, goes_on = total_in(answer.json, path), bool(answer.object.get("nextPageUrl"))
    has_total = (total or 0) > len(keys) if goes_on else total == len(keys)
    return judged(
        all(isinstance(each, int) for each in keys) and keys == sorted(set(keys)) and has_total,
        {"keys": kinds(keys), "ascending": keys == sorted(keys), "total": kind(total), "goes on": goes_on},
        {"items of the first page": len(keys)},
    )


def _all_things(project: Project) -> dict[str, Items]:
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


@probe("times of lists", "reading/lists.py")
def times(project: Project) -> Seen:
    """Times of campaigns, templates and journeys are milliseconds since the epoch."""
    found: dict[str, Any] = {}
    for path, items in _all_things(project).items():
        for name in _TIMES:
            # 0 stands for no time.
            if values := [item[name] for item in items if item.get(name)]:
                found.setdefault(path, {})[name] = sorted(kinds(values))
    if not found:
        raise NotVisible("none of them has a time")
    forms = [each for names in found.values() for each in names.values()]
    return judged(all(each == ["milliseconds"] for each in forms), {"times": found})


@probe("fields of lists", "schemas/campaigns.json")
def fields(project: Project) -> Seen:
    """Columns of campaigns, templates and journeys have the types of their schemas."""
    found = _all_things(project)
    others = {path: other_types(path, items) for path, items in found.items()}
    counts = {path: len(items) for path, items in found.items()}
    kinds_of_fields = {path: fields_of(project, items) for path, items in found.items()}
    return judged(not any(others.values()), {"other types than the column's": others}, counts, fields=kinds_of_fields)


@probe("states of campaigns", "streams/metrics.py")
def states(project: Project) -> Seen:
    """campaignState is a word, and maybe a new one."""
    campaigns = newest(project, "campaigns")
    words = Counter(each.get("campaignState") for each in campaigns)
    has_unknown = not set(words) <= set(_STATES)
    media = project.words.of(each.get("messageMedium") for each in campaigns)
    return judged(
        all(isinstance(each, str) for each in words),
        {"unknown states": has_unknown, "media": media},
        {project.words.shown(each): count for each, count in words.items()},
        oddities.STATES_OF_CAMPAIGNS if has_unknown else None,
    )


@probe("archived journeys", "streams/campaigns.py")
def archived(project: Project) -> Seen:
    """GET journeys leaves archived ones out; with state=Archived it has only those."""
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


@probe("a thing that is gone", "reading/lists.py")
def gone(project: Project) -> Seen:
    """A catalog, a metadata table and a template that do not exist get 404, and are skipped."""
    client, none = project.client, 999_999_999
    statuses = {
        "content of a template": client.get("templates/{}/get", "email", templateId=none).status,
        "items of a catalog": client.get("catalogs/{}/items", "no-catalog-of-this-name", page=1, pageSize=1).status,
        "entries of a metadata table": client.get("metadata/{}", "notableofthisname").status,
    }
    children = client.get("campaigns/recurring/{}/childCampaigns", none, page=1, pageSize=1).status
    holds = all(each == NOT_FOUND for each in statuses.values())
    return judged(holds, {**statuses, "children of a campaign": children})

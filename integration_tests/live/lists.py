"""Probes of lists: their keys, paging, sort and times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

from integration_tests.live import oddities
from integration_tests.live.client import NOT_FOUND, OK
from integration_tests.live.probe import NotVisible, Project, Seen, Unexpected, judged, list_in, probe
from integration_tests.live.words import json_type, kind, kinds
from source_iterable.config import Config
from source_iterable.streams.table import STREAMS

# Of campaigns, in the reference, and seen (facts of Iterable's API).
_STATES = (
    *("Draft", "Ready", "Scheduled", "Running", "Finished", "Starting", "Aborted"),
    *("Recurring", "Archived", "Recalling", "Recalled"),
)
_NEWEST_FIRST = ("campaigns", "templates", "journeys")
_TIMES = ("createdAt", "updatedAt", "startAt", "endedAt")
Items = list[dict[str, Any]]


def newest(project: Project, path: str) -> Items:
    """The first page of campaigns, templates or journeys, newest update first. Raises NotVisible if there are none."""
    return project.once(_ask_newest, path)


def _ask_newest(project: Project, path: str) -> Items:
    size = 50 if path == "journeys" else 1000
    return list_in(project.client.get(path, page=1, pageSize=size, sort="-updatedAt"), path)


def columns_of(project: Project, stream: str) -> Mapping[str, Any]:
    """The columns of a stream's schema."""
    # Not those of the configuration: they may be asked for at Iterable.
    config = Config.parse({"api_key": "key", "start_date": "2024-01-01T00:00:00Z"})
    found: Mapping[str, Any] = STREAMS[stream].schema(config)["properties"]
    return found


def shape_of(project: Project, stream: str, items: Items) -> tuple[dict[str, Any], bool]:
    """The kinds of each field, and those that its column does not have; and whether there are any of these."""
    columns = columns_of(project, stream)
    values: dict[str, list[Any]] = {}
    for item in items:
        for name, value in item.items():
            values.setdefault(name, []).append(value)
    other = {}
    for name, held in values.items():
        column = columns.get(name)
        if column and (odd := [each for each in kinds(held) if not _fits(each, column)]):
            other[project.words.shown(name)] = odd
    facts = {
        "fields": {project.words.shown(name): sorted(kinds(held)) for name, held in sorted(values.items())},
        "other types than the column's": other,
        "without a column": sum(name not in columns for name in values),
    }
    return facts, bool(other)


def _fits(name: str, column: Mapping[str, Any]) -> bool:
    types = column["type"] if isinstance(column["type"], list) else [column["type"]]
    # Times become texts, whatever they were, and transactionalData becomes an object.
    if name == "object in a text" and "object" in types:
        return True
    may_be_integer = "number" in types or column.get("format") == "date-time"
    return json_type(name) in (*types, "null") or (json_type(name) == "integer" and may_be_integer)


def _plain(path: str, selector: str, stream: str) -> Callable[[Project], Seen]:
    def look(project: Project) -> Seen:
        items = list_in(project.client.get(path), selector)
        key = STREAMS[stream].key(project.client.config)[0]
        keys = [item.get(key) for item in items]
        facts, _ = shape_of(project, stream, items)
        return judged(
            len(set(map(str, keys))) == len(keys) and len({type(each) for each in keys}) == 1 and None not in keys,
            {"keys": kinds(keys), **facts},
            {"items": len(items)},
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
        "source_iterable/reading/plain_list.py",
    )(_plain(_path, _selector, _stream))


def _paged(path: str, selector: str, key: str, most: int) -> Callable[[Project], Seen]:
    def look(project: Project) -> Seen:
        client = project.client
        first = client.get(path, page=1, pageSize=1)
        one = list_in(first, selector)
        full = list_in(client.get(path, page=1, pageSize=most), selector)
        without = list_in(client.get(path), selector)
        body = first.json
        wrapped = selector not in body
        link = (body["params"] if wrapped else body).get("nextPageUrl")
        second = list_in(client.get(path, page=2, pageSize=1), selector) if len(full) > 1 else []
        return judged(
            len(one) == 1
            and bool(link) == (len(full) > 1)
            and (not second or (len(second) == 1 and second[0].get(key) != one[0].get(key))),
            {
                "status with a larger page": client.get(path, page=1, pageSize=most + 1).status,
                "status of page 0": client.get(path, page=0, pageSize=1).status,
                "status beyond the end": client.get(path, page=100_000, pageSize=most).status,
                "nextPageUrl": _form_of(project, link),
                "without paging": "all of them" if len(without) == len(full) else len(without),
                "wrapped in params": wrapped,
                "names": project.words.of(body),
            },
            {"first page": len(full)},
            oddities.WRAPPED if wrapped else None,
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
    campaigns = newest(project, "campaigns")
    parents = [each["id"] for each in campaigns if each.get("campaignState") == "Recurring"]
    if not parents:
        raise NotVisible("no campaign is recurring")
    # Not all of them: there may be hundreds.
    for parent in parents[:5]:
        answer = project.client.get("campaigns/recurring/{}/childCampaigns", parent, page=1, pageSize=1000, sort="id")
        body = answer.json if isinstance(answer.json, dict) else {}
        items: Items = body.get("campaigns") or []
        if items or answer.status != OK:
            break
    if answer.status == OK and not items:
        raise NotVisible("the recurring campaigns have no children")
    ids = [each["id"] for each in items]
    return judged(
        answer.status == OK and ids == sorted(ids) and all(each.get("recurringCampaignId") == parent for each in items),
        {"status": answer.status, **shape_of(project, "child_campaigns", items)[0]},
        {"recurring": len(parents), "children": len(ids)},
    )


def _sorted(path: str) -> Callable[[Project], Seen]:
    def look(project: Project) -> Seen:
        items = newest(project, path)
        times = [each.get("updatedAt") or 0 for each in items]
        if len(items) < 2:
            raise NotVisible("there is only one")
        if not all(isinstance(each, int) for each in times):
            return judged(False, {"updatedAt": kinds(times)})
        ties = max(Counter(filter(None, times)).values(), default=0)
        return judged(
            times == sorted(times, reverse=True),
            {"updatedAt": sorted(kinds(each.get("updatedAt") for each in items))},
            {"items": len(items), "without updatedAt": times.count(0), "at one time": ties},
            oddities.SAME_UPDATE if ties > 1 else None,
        )

    return look


for _path in _NEWEST_FIRST:
    probe(
        f"sort of {_path}",
        f"GET {_path} with sort=-updatedAt: newest update first, those without one last",
        "source_iterable/reading/newest_first.py",
    )(_sorted(_path))


def _what_there_is(project: Project) -> dict[str, Items]:
    found = {}
    for path in _NEWEST_FIRST:
        with suppress(NotVisible, Unexpected):
            found[path] = newest(project, path)
    return found


@probe(
    "times of lists",
    "Times of campaigns, templates and journeys are milliseconds since the epoch",
    "source_iterable/reading/newest_first.py",
)
def times(project: Project) -> Seen:
    found: dict[str, Any] = {}
    for path, items in _what_there_is(project).items():
        for name in _TIMES:
            if values := [item[name] for item in items if item.get(name) is not None]:
                found.setdefault(path, {})[name] = sorted(kinds(values))
    if not found:
        raise NotVisible("the project has none of them")
    return judged(
        all(each == ["milliseconds"] for names in found.values() for each in names.values()), {"times": found}
    )


@probe(
    "fields of campaigns and templates",
    "Columns of campaigns, templates and journeys have the types of their schemas",
    "source_iterable/schemas/campaigns.json",
)
def fields(project: Project) -> Seen:
    facts, counts, differ = {}, {}, False
    for path, items in _what_there_is(project).items():
        facts[path], others = shape_of(project, path, items)
        counts[path] = len(items)
        differ = differ or others
    if not facts:
        raise NotVisible("the project has none of them")
    return judged(not differ, facts, counts)


@probe(
    "states of campaigns",
    "campaignState is a word; Draft and Scheduled have no metrics; a new word does no harm",
    "source_iterable/streams/metrics.py",
)
def states(project: Project) -> Seen:
    campaigns = newest(project, "campaigns")
    words = Counter(each.get("campaignState") for each in campaigns)
    unknown = [each for each in words if each not in _STATES]
    return judged(
        all(isinstance(each, str) for each in words),
        {"states": project.words.of(words), "media": project.words.of(each.get("messageMedium") for each in campaigns)},
        {"by state": {project.words.shown(each): count for each, count in words.items()}},
        oddities.STATES_OF_CAMPAIGNS if unknown else None,
    )


@probe(
    "archived journeys",
    "GET journeys leaves archived ones out; with state=Archived it has only those",
    "source_iterable/streams/journeys.py",
)
def archived(project: Project) -> Seen:
    answers = [
        project.client.get("journeys", page=1, pageSize=50),
        project.client.get("journeys", page=1, pageSize=50, state="Archived"),
    ]
    bodies = [each.json if isinstance(each.json, dict) else {} for each in answers]
    shown, hidden = ([item.get("isArchived") for item in body.get("journeys", [])] for body in bodies)
    if not shown and not hidden and all(each.status == OK for each in answers):
        raise NotVisible("the project has no journeys")
    return judged(
        all(each.status == OK for each in answers) and True not in shown and all(each is True for each in hidden),
        {"statuses": [each.status for each in answers], "isArchived": sorted(kinds([*shown, *hidden]))},
        {"journeys": len(shown), "archived": len(hidden)},
    )


@probe(
    "a thing that is gone",
    "A catalog, a metadata table and a template that do not exist get 404, and are skipped",
    "source_iterable/reading/children.py",
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

"""Probes of catalogs, metadata and templates: things that are requested one by one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from integration_tests.live import oddities
from integration_tests.live.answers import Items, fields_of, list_in, object_in, some_in
from integration_tests.live.client import NOT_FOUND, OK, Answer, NotVisible
from integration_tests.live.items import PAGE, ask_templates, newest, plain_items
from integration_tests.live.probe import Project, Seen, judged, probe
from integration_tests.live.words import kind, kinds

# Things that are looked at for one that is not empty.
_TRIED = 8


def _ask_catalogs(project: Project) -> list[str]:
    return [each["name"] for each in some_in(project.client.get("catalogs", page=1, pageSize=100), "catalogNames")]


def _of_catalogs(project: Project, endpoint: str, **parameters: Any) -> Iterator[Answer]:
    """What an endpoint tells about each of the first catalogs that still exists."""
    for name in project.once(_ask_catalogs)[:_TRIED]:
        answer = project.client.get(endpoint, name, **parameters)
        if answer.status != NOT_FOUND:
            yield answer


@probe("items of a catalog", "streams/catalogs.py")
def catalog_items(project: Project) -> Seen:
    """GET catalogs/{name}/items pages like catalogs, and each item has an itemId of its own."""
    for answer in _of_catalogs(project, "catalogs/{}/items", page=1, pageSize=200):
        if items := list_in(answer, "catalogItemsWithProperties"):
            break
    else:
        raise NotVisible("the first catalogs are empty")
    ids = [each.get("itemId") for each in items]
    return judged(
        len(set(map(str, ids))) == len(ids) and all(isinstance(each, str) for each in ids),
        {"wrapped in params": answer.is_wrapped, "names": project.words.of(answer.object)},
        {"items of a page": len(items)},
        oddities.WRAPPED if answer.is_wrapped else None,
        fields={"an item": fields_of(project, items)},
    )


@probe("types of a catalog's fields", "streams/catalogs.py")
def field_types(project: Project) -> Seen:
    """GET catalogs/{name}/fieldMappings has definedMappings, a map of names to types."""
    defined: Any = None
    for answer in _of_catalogs(project, "catalogs/{}/fieldMappings"):
        defined = object_in(answer).get("definedMappings")
        if defined:
            break
    if defined is None:
        raise NotVisible("the first catalogs no longer exist")
    return judged(
        isinstance(defined, dict),
        {
            "wrapped in params": answer.is_wrapped,
            "names": project.words.of(answer.object),
            "types": project.words.of(defined.values()) if isinstance(defined, dict) else [],
            "undefinedFields": kind(answer.object.get("undefinedFields")),
        },
        {"fields": len(defined)},
        oddities.WRAPPED if answer.is_wrapped else None,
    )


@probe("pages of metadata", "streams/metadata.py")
def metadata(project: Project) -> Seen:
    """GET metadata/{table} lists keys page by page, by nextMarker; GET metadata/{table}/{key} has the value."""
    pages: list[Items] = []
    table = marker = None
    for each in project.once(plain_items, "metadata", "results")[:_TRIED]:
        answer = project.client.get("metadata/{}", each["name"])
        first = [] if answer.status == NOT_FOUND else list_in(answer, "results")
        if first and (not pages or answer.object.get("nextMarker")):
            pages, table, marker = [first], each["name"], answer.object.get("nextMarker")
            if marker:
                break
    if not pages:
        raise NotVisible("the first tables are empty")
    if marker:
        pages.append(list_in(project.client.get("metadata/{}", table, nextMarker=marker), "results"))
    entry = object_in(project.client.get("metadata/{}/{}", table, pages[0][0]["key"]))
    keys = [each["key"] for page in pages for each in page]
    return judged(
        len(set(keys)) == len(keys) and all(pages) and "value" in entry,
        {
            "nextMarker": kind(marker),
            "fields of a listed entry": project.words.fields(pages[0][0]),
            "fields of an entry": project.words.fields(entry),
            "keys in order": keys == sorted(keys),
        },
        {"a page": len(pages[0])},
    )


@probe("types and media of templates", "streams/templates.py")
def types_of_templates(project: Project) -> Seen:
    """Templates are asked for by type and medium; none is in two of these lists, and none comes without them only."""
    kinds_of = project.once(ask_templates)
    ids = [each["templateId"] for items in kinds_of.values() for each in items]
    plain = list_in(project.client.get("templates", page=1, pageSize=PAGE, sort="-updatedAt"), "templates")
    without = {each["templateId"] for each in plain}
    # Where a list goes on, what it lacks may be on its next page.
    are_complete = all(len(items) < PAGE for items in (*kinds_of.values(), plain))
    missing = without - set(ids) if are_complete else set()
    return judged(
        len(set(ids)) == len(ids) and not missing,
        {
            "in several of them": len(set(ids)) < len(ids),
            "in none of them": bool(missing),
            "without type and medium": "all of them" if without >= set(ids) else "some of them",
        },
        {"templates": len(ids), "without type and medium": len(plain)},
    )


@probe("contents of templates", "streams/templates.py")
def template_contents(project: Project) -> Seen:
    """GET templates/{medium}/get has the content of a template, whatever its type."""
    have_ids: dict[str, bool] = {}
    fields: dict[str, Any] = {}
    holds = True
    for (_, medium), templates in project.once(ask_templates).items():
        if not templates:
            continue
        asked = templates[0]["templateId"]
        answer = project.client.get("templates/{}/get", medium.lower(), templateId=asked)
        if answer.status == NOT_FOUND:
            continue
        content = object_in(answer)
        holds = holds and content.get("templateId", asked) == asked
        have_ids.setdefault(medium, "templateId" in content)
        fields[medium] = {**fields.get(medium, {}), **fields_of(project, [content])}
    if not have_ids:
        raise NotVisible("the first templates no longer exist")
    return judged(holds, {"has its templateId": have_ids}, fields=fields)


@probe("embedded templates", "streams/templates.py")
def embedded_templates(project: Project) -> Seen:
    """GET templates/embedded/get has the content of the template that a campaign of medium Embedded names."""
    campaigns = [each for each in newest(project, "campaigns") if each.get("messageMedium") == "Embedded"]
    if not campaigns:
        raise NotVisible("no campaign has the medium Embedded")
    asked = campaigns[0].get("templateId")
    answer = project.client.get("templates/embedded/get", templateId=asked, may_refuse=True)
    return judged(
        answer.status == OK and answer.object.get("templateId") == asked,
        {"status": answer.status, "placementId": kind(answer.object.get("placementId"))},
        {"campaigns": len(campaigns)},
        fields={"content": fields_of(project, [answer.object])},
    )


@probe("locales of templates", "streams/templates.py")
def locales(project: Project) -> Seen:
    """templates/getByClientTemplateId tells a template's locales, and each has its content."""
    named = [
        (medium.lower(), each)
        for (_, medium), templates in project.once(ask_templates).items()
        for each in templates
        if each.get("clientTemplateId")
    ]
    if not named:
        raise NotVisible("no template has a clientTemplateId")
    told: list[str] = []
    for tried in named[:_TRIED]:
        if len(found := _locales_of(project, tried[1])) > len(told):
            told, (medium, template) = found, tried
        if len(told) > 1:
            break
    if not told:
        raise NotVisible("no template tells its locales")
    wanted = {"templateId": template["templateId"]}
    contents = [(each, project.client.get("templates/{}/get", medium, **wanted, locale=each)) for each in told]
    defaults = [content.object.get("isDefaultLocale") for _, content in contents]
    return judged(
        all(content.status == OK and content.object.get("locale") in (locale, None) for locale, content in contents),
        {
            "statuses of contents": sorted({content.status for _, content in contents}),
            "isDefaultLocale": sorted(kinds(defaults)),
            "one default": defaults.count(True) == 1,
        },
        {"templates with a clientTemplateId": len(named), "locales": len(told)},
    )


def _locales_of(project: Project, template: dict[str, Any]) -> list[str]:
    client_id = template["clientTemplateId"]
    answer = project.client.get("templates/getByClientTemplateId", clientTemplateId=client_id)
    entries = [each for each in list_in(answer, "templates") if each.get("templateId") == template["templateId"]]
    return (entries[0].get("locales") or []) if entries else []

"""Probes of catalogs, metadata and templates: things that are requested one by one."""

from __future__ import annotations

from typing import Any

from integration_tests.live import oddities
from integration_tests.live.client import NOT_FOUND, OK, Answer
from integration_tests.live.errors import NotVisible, Unexpected
from integration_tests.live.items import ask_templates, fields_of, plain_items
from integration_tests.live.probe import Project, Seen, judged, list_in, probe, some_in
from integration_tests.live.words import kind, kinds, public

# Things that are looked at for one that is not empty.
_TRIED = 8
_PAGE = 1000


def _ask_catalogs(project: Project) -> list[str]:
    return [each["name"] for each in some_in(project.client.get("catalogs", page=1, pageSize=100), "catalogNames")]


def _object_of(answer: Answer) -> dict[str, Any]:
    """The object that an answer is, or has in `params`. Raises Unexpected."""
    if answer.status != OK or not answer.object:
        raise Unexpected({"status": answer.status, "type": public(answer.content_type), "is": kind(answer.json)})
    return answer.object


@probe(
    "items of a catalog",
    "GET catalogs/{name}/items pages like catalogs, and each item has an itemId of its own",
    "source_iterable/streams/catalogs.py",
)
def catalog_items(project: Project) -> Seen:
    for name in project.once(_ask_catalogs)[:_TRIED]:
        answer = project.client.get("catalogs/{}/items", name, page=1, pageSize=200)
        items = [] if answer.status == NOT_FOUND else list_in(answer, "catalogItemsWithProperties")
        if items:
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


@probe(
    "types of a catalog's fields",
    "GET catalogs/{name}/fieldMappings has definedMappings, a map of names to types",
    "source_iterable/streams/catalogs.py",
)
def mappings(project: Project) -> Seen:
    defined: Any = None
    for name in project.once(_ask_catalogs)[:_TRIED]:
        answer = project.client.get("catalogs/{}/fieldMappings", name)
        if answer.status == NOT_FOUND:
            continue
        defined = _object_of(answer).get("definedMappings")
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


@probe(
    "pages of metadata",
    "GET metadata/{table} lists keys page by page, by nextMarker; GET metadata/{table}/{key} has the value",
    "source_iterable/streams/metadata.py",
)
def metadata(project: Project) -> Seen:
    pages: list[list[dict[str, Any]]] = []
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
    entry = _object_of(project.client.get("metadata/{}/{}", table, pages[0][0]["key"]))
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


@probe(
    "types and media of templates",
    "Templates are asked for by type and medium; none is in two of these lists, and none comes without them only",
    "source_iterable/streams/templates.py",
)
def types_of_templates(project: Project) -> Seen:
    kinds_of = project.once(ask_templates)
    ids = [each["templateId"] for items in kinds_of.values() for each in items]
    plain = list_in(project.client.get("templates", page=1, pageSize=_PAGE, sort="-updatedAt"), "templates")
    without = {each["templateId"] for each in plain}
    # Where a list goes on, what it lacks may be on its next page.
    all_are_here = all(len(items) < _PAGE for items in (*kinds_of.values(), plain))
    missing = without - set(ids) if all_are_here else set()
    return judged(
        len(set(ids)) == len(ids) and not missing,
        {
            "in several of them": len(set(ids)) < len(ids),
            "in none of them": bool(missing),
            "without type and medium": "all of them" if without >= set(ids) else "some of them",
        },
        {"templates": len(ids), "without type and medium": len(plain)},
    )


@probe(
    "contents of templates",
    "GET templates/{medium}/get has the content of a template, whatever its type",
    "source_iterable/streams/templates.py",
)
def template_contents(project: Project) -> Seen:
    facts: dict[str, Any] = {}
    fields: dict[str, Any] = {}
    holds = True
    for (_, medium), templates in project.once(ask_templates).items():
        if not templates:
            continue
        asked = templates[0]["templateId"]
        answer = project.client.get("templates/{}/get", medium.lower(), templateId=asked)
        if answer.status == NOT_FOUND:
            continue
        content = _object_of(answer)
        holds = holds and content.get("templateId", asked) == asked
        facts.setdefault("has its templateId", {}).setdefault(medium, "templateId" in content)
        fields[medium] = {**fields.get(medium, {}), **fields_of(project, [content])}
    if not facts:
        raise NotVisible("the first templates no longer exist")
    return judged(holds, facts, fields=fields)


@probe(
    "locales of templates",
    "templates/getByClientTemplateId tells a template's locales, and each has its content",
    "source_iterable/streams/templates.py",
)
def locales(project: Project) -> Seen:
    named = [
        (medium, each)
        for (_, medium), templates in project.once(ask_templates).items()
        for each in templates
        if each.get("clientTemplateId")
    ]
    if not named:
        raise NotVisible("no template has a clientTemplateId")
    told: list[str] = []
    for tried in named[:_TRIED]:
        asked = tried[1]
        answer = project.client.get("templates/getByClientTemplateId", clientTemplateId=asked["clientTemplateId"])
        entries = [each for each in list_in(answer, "templates") if each.get("templateId") == asked["templateId"]]
        of_this = (entries[0].get("locales") or []) if entries else []
        if len(of_this) > len(told):
            told, (medium, template) = of_this, tried
        if len(told) > 1:
            break
    if not told:
        raise NotVisible("no template tells its locales")
    found = []
    for locale in told:
        content = project.client.get(
            "templates/{}/get", medium.lower(), templateId=template["templateId"], locale=locale
        )
        found.append((locale, content.status, content.object))
    defaults = [fields.get("isDefaultLocale") for _, _, fields in found]
    return judged(
        all(status == OK and fields.get("locale") in (locale, None) for locale, status, fields in found),
        {
            "statuses of contents": sorted({status for _, status, _ in found}),
            "isDefaultLocale": sorted(kinds(defaults)),
            "one default": defaults.count(True) == 1,
        },
        {"templates with a clientTemplateId": len(named), "locales": len(told)},
    )

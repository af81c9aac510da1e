"""Probes of catalogs, metadata and templates: things that are requested one by one."""

from __future__ import annotations

from typing import Any

from integration_tests.live import oddities
from integration_tests.live.client import OK
from integration_tests.live.lists import shape_of
from integration_tests.live.probe import NotVisible, Project, Seen, judged, list_in, probe
from integration_tests.live.words import kind, kinds

_MEDIA = ("Email", "Push", "InApp", "SMS")
_TYPES = ("Base", "Blast", "Triggered", "Workflow")
# Things that are looked at for one that is not empty.
_TRIED = 8


def _catalogs(project: Project) -> list[str]:
    return [each["name"] for each in list_in(project.client.get("catalogs", page=1, pageSize=100), "catalogNames")]


@probe(
    "items of a catalog",
    "GET catalogs/{name}/items pages like catalogs, and each item has an itemId of its own",
    "source_iterable/streams/catalogs.py",
)
def catalog_items(project: Project) -> Seen:
    for name in _catalogs(project)[:_TRIED]:
        answer = project.client.get("catalogs/{}/items", name, page=1, pageSize=200)
        body = answer.json if isinstance(answer.json, dict) else {}
        wrapped = isinstance(body.get("params"), dict)
        holder = body["params"] if wrapped else body
        items = holder.get("catalogItemsWithProperties")
        if answer.status != OK or items:
            break
    else:
        raise NotVisible("the first catalogs are empty")
    items = items or []
    ids = [each.get("itemId") for each in items]
    return judged(
        answer.status == OK and len(set(ids)) == len(ids) and all(isinstance(each, str) for each in ids),
        {
            "status": answer.status,
            "wrapped in params": wrapped,
            "names": project.words.of(holder),
            # Not of `value`: the fields of an item are the project's own.
            "fields": {project.words.shown(name): kinds(each.get(name) for each in items) for name in _names(items)},
        },
        {"items of a page": len(items)},
        oddities.WRAPPED if wrapped else None,
    )


@probe(
    "types of a catalog's fields",
    "GET catalogs/{name}/fieldMappings has definedMappings, a map of names to types",
    "source_iterable/streams/catalogs.py",
)
def mappings(project: Project) -> Seen:
    for name in _catalogs(project)[:_TRIED]:
        answer = project.client.get("catalogs/{}/fieldMappings", name)
        body = answer.json if isinstance(answer.json, dict) else {}
        wrapped = isinstance(body.get("params"), dict)
        holder = body["params"] if wrapped else body
        defined = holder.get("definedMappings")
        if defined or answer.status != OK:
            break
    return judged(
        answer.status == OK and isinstance(defined, dict),
        {
            "status": answer.status,
            "wrapped in params": wrapped,
            "names": project.words.of(holder),
            "types": project.words.of(defined.values()) if isinstance(defined, dict) else [],
            "undefinedFields": kind(holder.get("undefinedFields")),
        },
        {"fields": len(defined or ())},
        oddities.WRAPPED if wrapped else None,
    )


@probe(
    "pages of metadata",
    "GET metadata/{table} lists keys page by page, by nextMarker; GET metadata/{table}/{key} has the value",
    "source_iterable/streams/metadata.py",
)
def metadata(project: Project) -> Seen:
    tables = [each["name"] for each in list_in(project.client.get("metadata"), "results")]
    pages: list[list[dict[str, Any]]] = []
    for name in tables[:_TRIED]:
        body = project.client.get("metadata/{}", name).json
        first = body.get("results") if isinstance(body, dict) else None
        if first and (not pages or body.get("nextMarker")):
            pages, table, marker = [first], name, body.get("nextMarker")
            if marker:
                break
    if not pages:
        raise NotVisible("the first tables are empty")
    if marker:
        body = project.client.get("metadata/{}", table, nextMarker=marker).json
        pages.append(body.get("results") or [] if isinstance(body, dict) else [])
    entry = project.client.get("metadata/{}/{}", table, pages[0][0]["key"])
    fields = entry.json if isinstance(entry.json, dict) else {}
    keys = [each["key"] for page in pages for each in page]
    return judged(
        len(set(keys)) == len(keys) and all(pages) and entry.status == OK and "value" in fields,
        {
            "nextMarker": kind(marker),
            "fields of a listed entry": project.words.of(pages[0][0]),
            "fields of an entry": project.words.of(fields),
            "keys in order": keys == sorted(keys),
        },
        {"a page": len(pages[0])},
    )


def _names(items: list[dict[str, Any]]) -> list[str]:
    return sorted({name for each in items for name in each})


def _ask_templates(project: Project) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """The templates of each type and medium, by these."""
    found = {}
    for template_type in _TYPES:
        for medium in _MEDIA:
            kind_of: dict[str, Any] = {"templateType": template_type, "messageMedium": medium}
            answer = project.client.get("templates", page=1, pageSize=1000, sort="-updatedAt", **kind_of)
            body = answer.json if isinstance(answer.json, dict) else {}
            found[template_type, medium] = body.get("templates") or []
    return found


@probe(
    "types and media of templates",
    "Each type and medium has templates of its own, which together are all",
    "source_iterable/streams/templates.py",
)
def types_of_templates(project: Project) -> Seen:
    ids = [each["templateId"] for templates in project.once(_ask_templates).values() for each in templates]
    if not ids:
        raise NotVisible("the project has no templates")
    plain = list_in(project.client.get("templates", page=1, pageSize=1000), "templates")
    missing = {each["templateId"] for each in plain} - set(ids)
    return judged(
        len(set(ids)) == len(ids) and not missing,
        {"in several of them": len(set(ids)) < len(ids), "in none of them": bool(missing)},
        {"templates": len(ids), "without a type and medium asked for": len(plain)},
    )


@probe(
    "contents of templates",
    "GET templates/{medium}/get has the content of a template, whatever its type",
    "source_iterable/streams/templates.py",
)
def template_contents(project: Project) -> Seen:
    facts: dict[str, Any] = {}
    holds = True
    for (template_type, medium), templates in project.once(_ask_templates).items():
        if not templates:
            continue
        asked = templates[0]["templateId"]
        answer = project.client.get("templates/{}/get", medium.lower(), templateId=asked)
        content = answer.json if isinstance(answer.json, dict) else {}
        same = content.get("templateId", asked) == asked
        holds = holds and answer.status == OK and same and bool(content)
        facts.setdefault(template_type, {})[medium] = {
            "status": answer.status,
            "has its templateId": "templateId" in content,
            "has updatedAt": "updatedAt" in content or "updatedAt" in (content.get("metadata") or {}),
            "locale": kind(content["locale"]) if "locale" in content else "nothing",
            **shape_of(project, "template_contents", [content])[0],
        }
    if not facts:
        raise NotVisible("the project has no templates")
    return judged(holds, facts)


@probe(
    "locales of templates",
    "templates/getByClientTemplateId tells a template's locales, and each has its content",
    "source_iterable/streams/template_locales.py",
)
def locales(project: Project) -> Seen:
    named = [
        (medium, each)
        for (_, medium), templates in project.once(_ask_templates).items()
        for each in templates
        if each.get("clientTemplateId")
    ]
    if not named:
        raise NotVisible("no template has a clientTemplateId")
    told: list[str] = []
    for each in named[:_TRIED]:
        medium, template = each
        answer = project.client.get("templates/getByClientTemplateId", clientTemplateId=template["clientTemplateId"])
        entries = (answer.json or {}).get("templates") if isinstance(answer.json, dict) else None
        mine = [each for each in entries or [] if each.get("templateId") == template["templateId"]]
        told = (mine[0].get("locales") or []) if mine else []
        if answer.status != OK or len(told) > 1:
            break
    if answer.status == OK and not told:
        raise NotVisible("no template tells its locales")
    statuses, defaults, right = [], [], True
    for locale in told:
        content = project.client.get(
            "templates/{}/get", medium.lower(), templateId=template["templateId"], locale=locale
        )
        fields = content.json if isinstance(content.json, dict) else {}
        statuses.append(content.status)
        defaults.append(fields.get("isDefaultLocale"))
        right = right and fields.get("locale") in (locale, None)
    return judged(
        answer.status == OK and bool(mine) and right and all(each == OK for each in statuses),
        {
            "status": answer.status,
            "names": project.words.of(mine[0] if mine else {}),
            "statuses of contents": sorted(set(statuses)),
            "isDefaultLocale": sorted(kinds(defaults)),
            "one default": defaults.count(True) == 1,
        },
        {"templates with a clientTemplateId": len(named), "locales": len(told)},
    )

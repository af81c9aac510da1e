"""Handlers of what is no list: the users of a list, single things, and metrics. TRUTHS tells what they hold in all."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from .core import Core
from .draws import Draw, seeded, shuffled
from .errors import Refusal
from .fixtures import fixture
from .params import Params
from .responses import CSV, TEXT, Response, json_response, text_response
from .settings import EMAIL_BASED
from .world import MEDIA, Thing

COMMON_METRICS = ("Purchases", "Revenue", "Total Custom Conversions")
WITHOUT_METRICS = ("Draft", "Scheduled")
Row = dict[str, str]


def csv_text(columns: list[str], rows: list[Row]) -> str:
    """Rows as CSV; a cell that a row lacks is empty."""

    def cell(text: str) -> str:
        return '"' + text.replace('"', '""') + '"' if any(sign in text for sign in ',"\r\n') else text

    lines = [columns, *([row.get(name, "") for name in columns] for row in rows)]
    return "".join(",".join(map(cell, line)) + "\n" for line in lines)


# the users of a list


def _list_id(core: Core, params: Params) -> int:
    list_id = params.number("listId")
    if all(thing["id"] != list_id for thing in core.world.lists):
        raise Refusal(f"List not found: {list_id}", 404)
    return list_id


def _shuffled_lines(core: Core, list_id: int, prefer_user_id: bool) -> list[str]:
    """In another order at every call (seen)."""
    core.list_calls += 1
    lines = [f"{line}\n" for line in core.world.people.lines(list_id, prefer_user_id)]
    return shuffled(lines, seeded(core.settings.seed, "order", core.list_calls))


def _list_users(core: Core, params: Params) -> Response:
    """A user a line; some lists never answer properly."""
    list_id, prefer = _list_id(core, params), params.flag("preferUserId")
    broken = core.broken_lists.get(list_id)
    if broken == "error":
        raise Refusal(status=500)
    body = "".join(_shuffled_lines(core, list_id, prefer)).encode()
    if broken == "cut":
        return Response(body=iter((body,)), media_type=TEXT, cut_after=max(len(body) // 2, 1))
    return Response(body=body, media_type=TEXT)


def _preview_users(core: Core, params: Params) -> Response:
    list_id, size = _list_id(core, params), params.number("size", 1000)
    if not 1 <= size <= 5000:
        raise Refusal("size must be between 1 and 5000")
    return text_response("".join(_shuffled_lines(core, list_id, params.flag("preferUserId"))[:size]))


def _list_size(core: Core, params: Params) -> Response:
    return text_response(str(len(core.world.people.lines(_list_id(core, params), False))))


def list_users(core: Core, list_id: int, prefer_user_id: bool | None = None) -> list[str]:
    """The lines of a list; userIds preferred unless the project is email-based or it is said otherwise."""
    prefer = core.settings.project_type != EMAIL_BASED if prefer_user_id is None else prefer_user_id
    return core.world.people.lines(list_id, prefer)


# single things


def _user_fields(core: Core, params: Params) -> Response:
    """A map in the reference, an array in other documents."""
    if core.settings.user_fields_shape == "array":
        return json_response({"userFields": TRUTHS["user_fields"](core)})
    return json_response({"fields": fixture("user_fields")})


def _catalog_item(core: Core, params: Params) -> Response:
    for item in core.world.catalog_items(core.world.catalog(params.path["catalogName"])):
        if item["itemId"] == params.path["itemId"]:
            return json_response(item)
    raise Refusal("No catalog item at specified location", 404)


def _field_mappings(core: Core, params: Params) -> Response:
    return json_response(core.world.field_mappings(core.world.catalog(params.path["catalogName"])))


def _metadata_entry(core: Core, params: Params) -> Response:
    entries = core.world.metadata(core.world.table(params.path["table"]))
    if params.path["key"] not in entries:
        raise Refusal("No metadata at specified location", 404)
    return json_response(entries[params.path["key"]])


def _template(medium: str, core: Core, params: Params) -> Response:
    template_id = params.number("templateId")
    for template in core.world.templates:
        if template["templateId"] == template_id and core.world.template_kinds[template_id][1] == medium:
            return json_response(_content(core, template, medium))
    raise Refusal(f"Template {template_id} not found", 404)


def _content(core: Core, template: Thing, medium: str) -> Thing:
    """What templates/{medium}/get says of a template. Keys differ from medium to medium."""
    make, template_id = core.world.fixtures.maker(fixture("template_contents")[medium]), template["templateId"]
    content: Thing = {name: template[name] for name in ("templateId", "name", "messageTypeId")}
    content |= {"clientTemplateId": template.get("clientTemplateId", ""), "campaignDataFields": {"theme": "größe"}}
    content |= core.world.make(make, 0, "content", template_id)
    if medium == "Email":
        metadata = {name: value for name, value in template.items() if name != "campaignId"}
        return {**content, "creatorUserId": template["creatorUserId"], "metadata": metadata}
    times = {} if medium == "InApp" else {name: template[name] for name in ("createdAt", "updatedAt")}
    return {**content, **times}


# metrics


def _metrics(core: Core, campaign: Thing) -> Row:
    """The cells of a campaign that are not empty. They do not depend on the dates asked for."""
    if campaign["campaignState"] in WITHOUT_METRICS:
        return {}
    draw = Draw(seeded(core.settings.seed, "metrics", campaign["id"], size=64))
    cells = {"id": str(campaign["id"])}
    for name in (*COMMON_METRICS, *fixture("metrics")[campaign["messageMedium"]]):
        # A cell may be empty though the column fits the campaign: no order, no average.
        if not draw.one_in(7):
            fraction = name.startswith(("Average", "Revenue", "Email Open Rate"))
            cells[name] = str(draw.below(100_000) / (8 if fraction else 1)).removesuffix("" if fraction else ".0")
    return cells


def _campaign_metrics(core: Core, params: Params) -> Response:
    """CSV whose columns differ with the media asked for (seen); no row for a campaign without metrics."""
    params.required("campaignId"), params.required("startDateTime")
    params.date("startDateTime"), params.date("endDateTime")
    ids = set(params.numbers("campaignId"))
    campaigns = [thing for thing in core.world.campaigns if thing["id"] in ids]
    media = {campaign["messageMedium"] for campaign in campaigns}
    columns = {name for medium in media for name in fixture("metrics")[medium]} | set(COMMON_METRICS)
    rows = [row for campaign in campaigns if (row := _metrics(core, campaign))]
    return text_response(csv_text(["id", *sorted(columns)], rows))


def _experiment(core: Core, campaign: int, experiment: int) -> list[Row]:
    """The report of an experiment: a row for each variation."""
    rows = []
    for place, variation in enumerate(("Control", "A", "B")):
        draw = Draw(seeded(core.settings.seed, "experiment", experiment, place, size=64))
        row = {"Campaign ID": campaign, "Experiment ID": experiment, "Template ID": 700_001 + 2 * place}
        row |= {"Variation": variation, "Subject": draw.pick(core.world.fixtures.words["titles"])}
        row |= {"Total Email Sends": draw.below(10_000), "Unique Email Opens": draw.below(10_000)}
        rows.append({**row, "Improvement": draw.below(100) / 8 if place else ""})
    return [{name: str(value) for name, value in row.items()} for row in rows]


def _experiment_metrics(core: Core, params: Params) -> Response:
    """Of campaigns, of experiments, or of all."""
    campaigns, wanted = set(params.numbers("campaignId")), set(params.numbers("experimentId"))
    params.date("startDateTime"), params.date("endDateTime")
    rows: list[Row] = []
    for campaign, experiment in core.world.experiments.items():
        if not (campaigns or wanted) or campaign in campaigns or experiment in wanted:
            rows += _experiment(core, campaign, experiment)
    text = csv_text(list(_experiment(core, 0, 0)[0]), rows)
    if core.settings.experiments_as_csv:
        return text_response(text, CSV)
    headers, *lines = text.splitlines()
    return json_response({"headers": headers, "rows": lines})


DETAIL_HANDLERS: dict[str, Callable[[Core, Params], Response]] = {
    "GET lists/getUsers": _list_users,
    "GET lists/previewUsers": _preview_users,
    "GET lists/{listId}/size": _list_size,
    "GET users/getFields": _user_fields,
    "GET catalogs/{catalogName}/items/{itemId}": _catalog_item,
    "GET catalogs/{catalogName}/fieldMappings": _field_mappings,
    "GET metadata/{table}/{key}": _metadata_entry,
    "GET campaigns/metrics": _campaign_metrics,
    "GET experiments/metrics": _experiment_metrics,
    **{f"GET templates/{medium.lower()}/get": partial(_template, medium) for medium in MEDIA},
}


def _all_list_users(core: Core) -> list[Any]:
    ids = [thing["id"] for thing in core.world.lists]
    return [{"listId": list_id, "userIdentifier": line} for list_id in ids for line in list_users(core, list_id)]


def _all_events(core: Core) -> list[Any]:
    names = sorted({record["userIdentifier"] for record in _all_list_users(core)})
    return [event for name in names for event in core.exports.user_events(name, True)]


def _all_contents(core: Core) -> list[Any]:
    media = [(template, core.world.template_kinds[template["templateId"]][1]) for template in core.world.templates]
    return [{"messageMedium": medium, **_content(core, template, medium)} for template, medium in media]


TRUTHS: dict[str, Callable[[Core], list[Any]]] = {
    "list_users": _all_list_users,
    "events": _all_events,
    "user_fields": lambda core: [{"name": name, "type": kind} for name, kind in fixture("user_fields").items()],
    "catalog_field_mappings": lambda core: [
        {"catalogName": name, **core.world.field_mappings(name)} for name in core.world.catalogs
    ],
    "template_contents": _all_contents,
    "campaigns_metrics": lambda core: [row for each in core.world.campaigns if (row := _metrics(core, each))],
    "experiments_metrics": lambda core: [
        row
        for campaign, experiment in core.world.experiments.items()
        for row in _experiment(core, campaign, experiment)
    ],
}

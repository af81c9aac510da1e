"""The table of the endpoints that read the project, and the handlers that some of them need."""

import random
from typing import Any

from .core import Core, Params, Row, by_marker, numbered, single
from .fixtures import Record, fixture
from .http import CSV, TEXT, Refusal, Response, csv_lines, json_response, records_response
from .settings import EMAIL_BASED, USER_ID_BASED
from .times import DAY_MS, iso_time, parse_date
from .world import EMBEDDED, MEDIA, REFERENCE_STATES, TEMPLATE_TYPES, UNKNOWN_STATES


def _in_states(core: Core, params: Params, campaigns: list[Record]) -> list[Record]:
    states = params.query.get("campaignState", [])
    params.choice("campaignState", REFERENCE_STATES + UNKNOWN_STATES)
    return [thing for thing in campaigns if not states or thing["campaignState"] in states]


def _of_parent(core: Core, params: Params, children: list[Record]) -> list[Record]:
    parent = params.number("id")
    if (parent, "Recurring") not in {(thing["id"], thing["campaignState"]) for thing in core.world.things("campaigns")}:
        raise Refusal(f"Campaign {parent} is not a recurring campaign")
    return _in_states(core, params, [thing for thing in children if thing["recurringCampaignId"] == parent])


def _campaign_metrics(core: Core, params: Params) -> Response:
    """CSV of [start, end), whose columns differ with the media of the campaigns (seen)."""
    ids, start, end = set(params.numbers("campaignId")), params.date("startDateTime"), params.date("endDateTime")
    if not ids or start is None:
        raise Refusal("Missing required parameter: campaignId or startDateTime")
    media = {thing["messageMedium"] for thing in core.world.things("campaigns") if thing["id"] in ids}
    columns = {name for medium in media for name in fixture(f"metrics {medium}")}
    table = csv_lines(["id", *sorted(columns)], core.metrics.rows(start, end, ids))
    return Response(200, "".join(table).encode(), TEXT)


def _experiment_metrics(core: Core, params: Params) -> Response:
    """Experiments of some campaigns, some experiments, or all: as CSV (client), or as the texts of its lines."""
    rows = core.metrics.experiments(params.date("startDateTime"), params.date("endDateTime"))
    ids = {*params.query.get("campaignId", []), *params.query.get("experimentId", [])}
    wanted = [row for row in rows if not ids or ids & {row["Campaign ID"], row["Experiment ID"]}]
    headers, *lines = csv_lines(list(rows[0] if rows else fixture("experiments")), wanted)
    if core.settings.experiments_as_csv:
        return Response(200, "".join([headers, *lines]).encode(), CSV)
    return json_response({"headers": headers.rstrip("\n"), "rows": [line.rstrip("\n") for line in lines]})


def _offered(core: Core, params: Params, things: list[Any]) -> list[Any]:
    """The same; 404 if the project has no experiments."""
    if not core.settings.experiments_offered:
        raise Refusal(status=404)
    return things


def _experiments(core: Core, params: Params, selector: str, things: list[Any]) -> Response:
    """By `limit` and `offset`; of each only what a list shows (client)."""
    limit, offset = params.number("limit", 20), params.number("offset", 0)
    if not 1 <= limit <= 1000 or offset < 0:
        raise Refusal("limit must be between 1 and 1000, and offset at least 0")
    items = [
        {
            **_some(thing, "id", "channelType", "author"),
            "name": thing["meta"]["name"],
            # A list knows three of the states, and its times are texts.
            "status": {"ready": "draft", "winner_found": "finished"}.get(thing["status"], thing["status"]),
            **({"startDate": iso_time(thing["startDate"])} if "startDate" in thing else {}),
        }
        for thing in things[offset : offset + limit]
    ]
    return json_response({selector: items, "totalCount": len(things)})


def _experiment(core: Core, params: Params) -> Response:
    """One experiment, its variants with their content, or their lifetime numbers (client)."""
    _offered(core, params, [])
    wanted, part = params.number("experimentId"), params.url_path.partition("/")[2].partition("/")[2]
    thing = next((each for each in core.world.things("experiments") if each["id"] == wanted), None)
    if thing is None:
        raise Refusal(f"Experiment {wanted} not found", 404)
    if part == "trends":
        return _trends(core, params, thing)
    if not part:
        return json_response({name: value for name, value in thing.items() if name != "author"})
    things = (
        core.things if part == "totals" else core.world.things
    )  # only totals have metrics, which take time to count
    variants = [each for each in things("experiment_variants") if each["experimentId"] == wanted]
    if part == "variants":
        fields = ("name", "value", "currentPercentage", "content")
        shown = [{"variantId": each["id"], **_some(each, *fields)} for each in variants]
        return json_response({"experimentId": wanted, "variants": shown})
    if thing["status"] == "draft":
        raise Refusal(f"Experiment {wanted} has no totals", 404)
    totals = [_some(each, "id", "name", "isControl", "isWinner", "metrics") for each in variants]
    return json_response({"id": wanted, "status": thing["status"], "variants": totals})


def _trends(core: Core, params: Params, thing: Record) -> Response:
    """What each variant did on each day between two dates, or since the experiment began (client)."""
    start, end = params.date("startDateTime"), params.date("endDateTime")
    if (start is None) != (end is None):
        raise Refusal("startDateTime and endDateTime must be given together")
    if "startDate" not in thing:
        raise Refusal(f"Experiment {thing['id']} has no trends", 404)
    first, last = start or thing["startDate"], end or core.clock.now_ms()
    series: dict[int, dict[str, list[Record]]] = {}
    for row in core.things("experiment_trends"):
        if row["experimentId"] == thing["id"] and first - DAY_MS < (parse_date(row["time"]) or 0) < last:
            of_variant = series.setdefault(row["variantId"], {})
            of_variant.setdefault(row["metric"], []).append(_some(row, "time", "value"))
    shown = [
        {**_some(each, "id", "name", "isControl", "isWinner"), "series": series.get(each["id"], {})}
        for each in thing["variants"]
    ]
    about = {"interval": "day", "startDateTime": iso_time(first), "endDateTime": iso_time(last)}
    held = {"id": -1, "name": "Holdout", "isControl": False, "isWinner": False, "series": series.get(-1)}
    return json_response(
        {**_some(thing, "id", "status"), **about, "variants": shown, "holdout": held if -1 in series else None}
    )


def _some(thing: Record, *names: str) -> Record:
    return {name: thing[name] for name in names if name in thing}


def _of_kind_and_time(core: Core, params: Params, templates: list[Record]) -> list[Record]:
    kind, medium = params.choice("templateType", TEMPLATE_TYPES), params.choice("messageMedium", MEDIA)
    # Dates filter on createdAt only (seen).
    start, end = params.date("startDateTime") or 0, params.date("endDateTime") or 2**62
    found = [(*core.world.template_kinds[t["templateId"]], t) for t in templates if start <= t["createdAt"] < end]
    return [template for its, of, template in found if kind in (None, its) and medium in (None, of)]


def _of_template(core: Core, params: Params, contents: list[Record]) -> list[Record]:
    """In the default locale, or in the one that is requested."""
    wanted, locale = (params.number("templateId"), params.url_path.split("/")[1]), params.one("locale")
    found = [each for each in contents if (each["templateId"], each["messageMedium"].lower()) == wanted]
    if not locale or not found or locale == found[0].get("locale"):
        return found
    others = core.world.things("template_locales")
    found = [each for each in others if (each["templateId"], each["locale"]) == (wanted[0], locale)]
    if not found:
        raise Refusal("Content does not exist for specified locale", 404)
    return found


def _by_client_id(core: Core, params: Params) -> Response:
    wanted = params.required("clientTemplateId")
    found = [thing for thing in core.world.things("templates") if thing.get("clientTemplateId") == wanted]
    rows = [{**_some(t, "templateId", "campaignId"), "locales": core.world.locales_of(t["templateId"])} for t in found]
    return json_response({"templates": rows})


def _live_or_archived(core: Core, params: Params, journeys: list[Record]) -> list[Record]:
    return [thing for thing in journeys if thing["isArchived"] == ("Archived" in params.query.get("state", []))]


def _in_state(core: Core, params: Params, jobs: list[Record]) -> list[Record]:
    return [job for job in jobs if (params.one("jobState") or "").lower() in ("", job["jobState"].lower())]


def _user_fields(core: Core, params: Params, selector: str, things: list[Any]) -> Response:
    """A map in the reference, an array in other documents."""
    if core.settings.user_fields_shape == "array":
        return json_response({"userFields": things})
    return json_response({selector: {thing["name"]: thing["type"] for thing in things}})


def _hashes(core: Core, params: Params, users: list[Any]) -> list[Any]:
    kind, without = ("userId", EMAIL_BASED) if params.url_path.endswith("UserIds") else ("email", USER_ID_BASED)
    if core.settings.project_type == without:
        raise Refusal(f"This endpoint is not available for {without} projects")
    return [user["hash"] for user in users if user["identifierType"] == kind]


def _list_users(core: Core, params: Params) -> Response:
    """A user a line, in another order at every call (seen)."""
    list_id, size = params.number("listId"), params.number("size", 1000)
    if list_id not in {thing["id"] for thing in core.world.things("lists")}:
        raise Refusal(f"List not found: {list_id}", 404)
    lines = [line + "\n" for line in core.world.people.lines(list_id, params.choice("preferUserId") == "true")]
    if params.url_path.endswith("size"):
        return Response(200, str(len(lines)).encode(), TEXT)
    core.list_calls += 1
    random.Random(core.list_calls).shuffle(lines)
    if params.url_path.endswith("previewUsers"):
        if not 1 <= size <= 5000:
            raise Refusal("size must be between 1 and 5000")
        lines = lines[:size]
    return Response(200, "".join(lines).encode(), TEXT)


def _user_events(core: Core, params: Params) -> Response:
    email = params.one("email")
    kinds, name = (("email",), email) if email else (("userId", "itblUserId"), params.required("userId"))
    return records_response(core.exports.user_events(name, params.choice("includeCustomEvents") == "true", kinds))


_BY_ID = {name: name for name in ("id", "name", "createdAt", "updatedAt")}
_BY_START, _BY_TEMPLATE = {**_BY_ID, "startAt": "startAt"}, {**_BY_ID, "id": "templateId"}
_CAMPAIGNS = numbered(20, 1000, "totalCampaignsCount", always=False)
_TEMPLATES = numbered(20, 1000, "totalTemplatesCount", always=False)
_ITEMS = numbered(10, 1000, "totalItemsCount")
_CATALOG, _CHILDREN = "catalogs/{catalogName}", "campaigns/recurring/{id}/childCampaigns"
_OF_EXPERIMENT = [f"experiments/{{experimentId}}{part}" for part in ("", "/variants", "/totals", "/trends")]
_OF_LIST = ("lists/getUsers", "lists/previewUsers", "lists/{listId}/size")

ROWS = [
    *(Row(path) for path in ("lists", "channels", "messageTypes", "snippets", "webhooks")),
    Row("journeys", shape=numbered(10, 50, "totalJourneysCount"), wanted=_live_or_archived, sorts=_BY_ID),
    Row("campaigns", shape=_CAMPAIGNS, wanted=_in_states, sorts=_BY_START),
    Row(_CHILDREN, "campaigns", shape=_CAMPAIGNS, wanted=_of_parent, sorts=_BY_START),
    Row("campaigns/metrics", "-", "campaigns_metrics", handler=_campaign_metrics),
    Row("experiments/metrics", "-", "experiments_metrics", handler=_experiment_metrics),
    Row("experiments", shape=_experiments, wanted=_offered),
    *(Row(path, "-", "experiments", handler=_experiment) for path in _OF_EXPERIMENT),
    Row("templates", shape=_TEMPLATES, wanted=_of_kind_and_time, sorts=_BY_TEMPLATE),
    *(
        Row(f"templates/{m.lower()}/get", "messageMedium", "template_contents", single, _of_template)
        for m in (*MEDIA, EMBEDDED)
    ),
    Row("templates/getByClientTemplateId", "-", "templates", handler=_by_client_id),
    Row("catalogs", "catalogNames", shape=numbered(10, 100, "totalCatalogsCount")),
    Row(f"{_CATALOG}/items", "catalogItemsWithProperties", "catalog_items", _ITEMS, parents="catalogs"),
    Row(f"{_CATALOG}/items/{{itemId}}", "-", "catalog_items", single, parents="catalogs"),
    Row(f"{_CATALOG}/fieldMappings", "catalogName", "catalog_field_mappings", single, parents="catalogs"),
    Row("metadata", "results"),
    Row("metadata/{table}", "results", "metadata_entries", by_marker, parents="metadata"),
    Row("metadata/{table}/{key}", "-", "metadata_entries", single, parents="metadata"),
    Row("users/getFields", "fields", "user_fields", _user_fields),
    Row("users/forgotten", "hashedEmails", "forgotten_users", wanted=_hashes),
    Row("users/forgottenUserIds", "hashedUserIds", "forgotten_users", wanted=_hashes),
    Row("export/jobs", wanted=_in_state),
    Row("export/userEvents", stream="events", handler=_user_events),
    *(Row(path, stream="list_users", handler=_list_users) for path in _OF_LIST),
]

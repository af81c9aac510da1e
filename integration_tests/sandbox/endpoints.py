"""The endpoints that read the project: one row each, and one handler for all of them."""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from . import experiments
from .core import Core
from .fixtures import fixture
from .messages import CSV, Params, Refusal, Response, csv_lines, json_response, records_response, text_response
from .metrics import metric_names
from .settings import EMAIL_BASED, USER_ID_BASED
from .world import MEDIA, REFERENCE_STATES, TEMPLATE_TYPES, UNKNOWN_STATES, Thing

# Makes the response of things, under their selector.
Shape = Callable[[Core, Params, str, list[Any]], Response]


def whole(core: Core, params: Params, selector: str, things: list[Any]) -> Response:
    """A list in one piece."""
    return json_response({selector: things})


def single(core: Core, params: Params, selector: str, things: list[Any]) -> Response:
    """One thing, without the field that is the selector."""
    if not things:
        raise Refusal("Nothing at specified location", 404)
    return json_response({name: value for name, value in things[0].items() if name != selector})


def numbered(default: int, maximum: int, total: str, always: bool = True) -> Shape:
    """By `page` and `pageSize`. Without `always`, `total` comes only where one of these does."""

    def page_of(core: Core, params: Params, selector: str, things: list[Any]) -> Response:
        number, size = params.number("page", 1), params.number("pageSize", default)
        if number < 1 or not 1 <= size <= maximum:
            raise Refusal(f"page must be at least 1, and pageSize between 1 and {maximum}")
        response: dict[str, Any] = {selector: things[(number - 1) * size : number * size]}
        if always or "page" in params.query or "pageSize" in params.query:
            response[total] = len(things)
        for name, other in {"nextPageUrl": number + 1, "previousPageUrl": number - 1}.items():
            if 0 < other <= -(-len(things) // size):
                query = urlencode({**params.query, "page": [other], "pageSize": [size]}, doseq=True)
                response[name] = f"{core.base_url}{params.url_path}?{query}"
        return json_response(response)

    return page_of


def by_marker(core: Core, params: Params, selector: str, things: list[Any]) -> Response:
    """By `nextMarker`, the last key of the page before, and without values."""
    marker, size = params.one("nextMarker") or "", 10
    rest = [{n: value for n, value in thing.items() if n != "value"} for thing in things if thing["key"] > marker]
    return json_response({selector: rest[:size], **({"nextMarker": rest[size - 1]["key"]} if rest[size:] else {})})


def report(core: Core, params: Params, selector: str, rows: list[Any]) -> Response:
    """Experiments of some campaigns, some experiments, or all: as CSV, or as the texts of its lines."""
    params.date("startDateTime"), params.date("endDateTime")
    ids = {*params.query.get("campaignId", []), *params.query.get("experimentId", [])}
    wanted = [row for row in rows if not ids or ids & {row["Campaign ID"], row["Experiment ID"]}]
    headers, *lines = csv_lines(list(rows[0] if rows else fixture("experiments")), wanted)
    if core.settings.experiments_as_csv:
        return text_response(headers + "".join(lines), CSV)
    return json_response({"headers": headers.rstrip("\n"), "rows": [line.rstrip("\n") for line in lines]})


def metrics(core: Core, params: Params) -> Response:
    """CSV of [start, end), whose columns differ with the media of the campaigns (seen)."""
    ids, start, end = set(params.numbers("campaignId")), params.date("startDateTime"), params.date("endDateTime")
    if not ids or start is None:
        raise Refusal("Missing required parameter: campaignId or startDateTime")
    media = {thing["messageMedium"] for thing in core.world.things("campaigns") if thing["id"] in ids}
    columns = {name for medium in media for name in metric_names(medium)}
    return text_response("".join(csv_lines(["id", *sorted(columns)], core.metrics.rows(start, end, ids))))


def fields(core: Core, params: Params, selector: str, things: list[Any]) -> Response:
    """A map in the reference, an array in other documents."""
    if core.settings.user_fields_shape == "array":
        return json_response({"userFields": things})
    return json_response({selector: {thing["name"]: thing["type"] for thing in things}})


@dataclass
class Row:
    """`GET path` returns `{selector: items}`, and `truth_list(stream)` the items.

    `Row("things", items=[{"id": 1}])` is all that a plain list takes: its selector is the end of the path, its stream
    the same in snake case. Without items it shows what the world has under the stream's name, from a fixture or else. A
    parameter of the path selects the items that have it in the field of its name.
    """

    path: str
    selector: str = ""
    stream: str = ""
    shape: Shape = whole
    wanted: Callable[[Core, Params, list[Any]], list[Any]] | None = None  # the items that the query selects
    sorts: dict[str, str] = field(default_factory=dict)  # the names that `sort` takes, and their keys
    parents: str = ""  # the things that the first parameter of the path names, in any case
    items: list[Thing] | None = None
    handler: Callable[[Core, Params], Response] | None = None  # in place of the common one

    def __post_init__(self) -> None:
        self.selector = self.selector or self.path.rpartition("/")[2]
        self.stream = self.stream or re.sub("([A-Z])", r"_\1", self.path.rpartition("/")[2]).lower()

    def truth(self, core: Core) -> list[Thing]:
        """All items."""
        if self.stream == "events":
            names = sorted({member["userIdentifier"] for member in core.world.things("list_users")})
            return [event for name in names for event in core.exports.user_events(name)]
        made = {"jobs": core.jobs.recent, "campaigns_metrics": core.metrics.rows}
        items = made[self.stream]() if self.stream in made else self.items
        return [dict(item) for item in (core.world.things(self.stream) if items is None else items)]

    def respond(self, core: Core, params: Params) -> Response:
        """The common handler."""
        if self.handler is not None:
            return self.handler(core, params)
        things: list[Any] = self.truth(core)
        if self.parents:
            (parent, value), *rest = params.path.items()
            if value.lower() not in {thing["name"].lower() for thing in core.world.things(self.parents)}:
                raise Refusal(f"{value} not found", 404)
            things = [thing for thing in things if thing[parent].lower() == value.lower()]
            things = [thing for thing in things if all(thing[name] == key for name, key in rest)]
        things = self.wanted(core, params, things) if self.wanted is not None else things
        response = self.shape(core, params, self.selector, self._sort(things, params) if self.sorts else things)
        wrapped = core.settings.wrapped_catalogs and self.path.startswith("catalogs") and "{itemId}" not in self.path
        if wrapped and isinstance(response.body, bytes):
            response.body = b'{"msg":"","code":"Success","params":%b}' % response.body
        return response

    def _sort(self, things: list[Any], params: Params) -> list[Any]:
        """In the order of `sort`; what lacks its key comes last."""
        text = params.one("sort") or "id"
        # "+name" reaches a server as " name" where the client did not encode the plus sign.
        key = self.sorts.get(text.lstrip("-+ "))
        if key is None:
            raise Refusal(f"Invalid sort field: {text}")
        having = sorted((thing for thing in things if key in thing), key=lambda t: t[key], reverse=text[0] == "-")
        return having + [thing for thing in things if key not in thing]


def _in_states(core: Core, params: Params, campaigns: list[Thing]) -> list[Thing]:
    states = params.query.get("campaignState", [])
    params.choice("campaignState", REFERENCE_STATES + UNKNOWN_STATES)
    return [thing for thing in campaigns if not states or thing["campaignState"] in states]


def _of_parent(core: Core, params: Params, children: list[Thing]) -> list[Thing]:
    parent = params.number("id")
    if (parent, "Recurring") not in {(thing["id"], thing["campaignState"]) for thing in core.world.things("campaigns")}:
        raise Refusal(f"Campaign {parent} is not a recurring campaign")
    return _in_states(core, params, [thing for thing in children if thing["recurringCampaignId"] == parent])


def _of_kind_and_time(core: Core, params: Params, templates: list[Thing]) -> list[Thing]:
    kind, medium = params.choice("templateType", TEMPLATE_TYPES), params.choice("messageMedium", MEDIA)
    # Dates filter on createdAt only (seen).
    start, end = params.date("startDateTime") or 0, params.date("endDateTime") or 2**62
    found = [(*core.world.template_kinds[t["templateId"]], t) for t in templates if start <= t["createdAt"] < end]
    return [template for its, of, template in found if kind in (None, its) and medium in (None, of)]


def _of_template(core: Core, params: Params, contents: list[Thing]) -> list[Thing]:
    """In the default locale, or in the one that is asked for."""
    wanted, locale = (params.number("templateId"), params.url_path.split("/")[1]), params.one("locale")
    found = [each for each in contents if (each["templateId"], each["messageMedium"].lower()) == wanted]
    if not locale or not found or locale == found[0].get("locale"):
        return found
    others = [each for each in core.world.things("template_locales") if each["templateId"] == wanted[0]]
    if locale not in {each["locale"] for each in others}:
        raise Refusal("Content does not exist for specified locale", 404)
    return [each for each in others if each["locale"] == locale]


def _by_client_id(core: Core, params: Params) -> Response:
    """The templates of one clientTemplateId, with their locales."""
    wanted = params.required("clientTemplateId")
    found = [thing for thing in core.world.things("templates") if thing.get("clientTemplateId") == wanted]
    entries = [
        {
            **{name: thing[name] for name in ("templateId", "campaignId") if name in thing},
            "locales": core.world.locales_of(thing["templateId"]),
        }
        for thing in found
    ]
    return json_response({"templates": entries})


def _live_or_archived(core: Core, params: Params, journeys: list[Thing]) -> list[Thing]:
    return [thing for thing in journeys if thing["isArchived"] == ("Archived" in params.query.get("state", []))]


def _in_state(core: Core, params: Params, jobs: list[Thing]) -> list[Thing]:
    return [job for job in jobs if (params.one("jobState") or "").lower() in ("", job["jobState"].lower())]


def _hashes(core: Core, params: Params, users: list[Any]) -> list[Any]:
    kind, without = ("userId", EMAIL_BASED) if params.url_path.endswith("UserIds") else ("email", USER_ID_BASED)
    if core.settings.project_type == without:
        raise Refusal(f"This endpoint is not available for {without} projects")
    return [user["hash"] for user in users if user["identifierType"] == kind]


def _list_users(core: Core, params: Params) -> Response:
    """A user a line, in another order at every call; some lists never come whole (both seen)."""
    list_id, size = params.number("listId"), params.number("size", 1000)
    if list_id not in {thing["id"] for thing in core.world.things("lists")}:
        raise Refusal(f"List not found: {list_id}", 404)
    lines = [line + "\n" for line in core.world.people.lines(list_id, params.flag("preferUserId"))]
    if params.url_path.endswith("size"):
        return text_response(str(len(lines)))
    core.list_calls += 1
    random.Random(core.list_calls).shuffle(lines)
    if params.url_path.endswith("previewUsers"):
        if not 1 <= size <= 5000:
            raise Refusal("size must be between 1 and 5000")
        return text_response("".join(lines[:size]))
    broken, response = core.broken_lists.get(list_id), text_response("".join(lines))
    if broken == "error":
        raise Refusal(status=500)
    return replace(response, cut_after=max(sum(map(len, lines)) // 2, 1)) if broken else response


def _user_events(core: Core, params: Params) -> Response:
    email = params.one("email")
    kinds, name = (("email",), email) if email else (("userId", "itblUserId"), params.required("userId"))
    return records_response(core.exports.user_events(name, params.flag("includeCustomEvents"), kinds))


_BY_ID = {name: name for name in ("id", "name", "createdAt", "updatedAt")}
_BY_START, _BY_TEMPLATE = {**_BY_ID, "startAt": "startAt"}, {**_BY_ID, "id": "templateId"}
_CAMPAIGNS = numbered(20, 1000, "totalCampaignsCount", always=False)
_TEMPLATES = numbered(20, 1000, "totalTemplatesCount", always=False)
_CATALOGS, _ITEMS = numbered(10, 100, "totalCatalogsCount"), numbered(10, 1000, "totalItemsCount")
_JOURNEYS = numbered(10, 50, "totalJourneysCount")
_CATALOG, _CHILDREN = "catalogs/{catalogName}", "campaigns/recurring/{id}/childCampaigns"
_USERS: dict[str, Any] = {"stream": "list_users", "handler": _list_users}

ROWS = [
    *(Row(path) for path in ("lists", "channels", "messageTypes", "snippets", "webhooks")),
    Row("journeys", shape=_JOURNEYS, wanted=_live_or_archived, sorts=_BY_ID),
    Row("campaigns", shape=_CAMPAIGNS, wanted=_in_states, sorts=_BY_START),
    Row(_CHILDREN, "campaigns", shape=_CAMPAIGNS, wanted=_of_parent, sorts=_BY_START),
    Row("campaigns/metrics", "-", "campaigns_metrics", handler=metrics),
    Row("experiments/metrics", "-", "experiments_metrics", report),
    Row("experiments", shape=experiments.page, wanted=experiments.offered),
    *(
        Row(f"experiments/{{experimentId}}{part}", "-", "experiments", handler=experiments.one)
        for part in ("", "/variants", "/totals")
    ),
    Row("templates", shape=_TEMPLATES, wanted=_of_kind_and_time, sorts=_BY_TEMPLATE),
    *(Row(f"templates/{m.lower()}/get", "messageMedium", "template_contents", single, _of_template) for m in MEDIA),
    Row("templates/getByClientTemplateId", "-", "templates", handler=_by_client_id),
    Row("catalogs", "catalogNames", shape=_CATALOGS),
    Row(f"{_CATALOG}/items", "catalogItemsWithProperties", "catalog_items", _ITEMS, parents="catalogs"),
    Row(f"{_CATALOG}/items/{{itemId}}", "-", "catalog_items", single, parents="catalogs"),
    Row(f"{_CATALOG}/fieldMappings", "catalogName", "catalog_field_mappings", single, parents="catalogs"),
    Row("metadata", "results"),
    Row("metadata/{table}", "results", "metadata_entries", by_marker, parents="metadata"),
    Row("metadata/{table}/{key}", "-", "metadata_entries", single, parents="metadata"),
    Row("users/getFields", "fields", "user_fields", fields),
    Row("users/forgotten", "hashedEmails", "forgotten_users", wanted=_hashes),
    Row("users/forgottenUserIds", "hashedUserIds", "forgotten_users", wanted=_hashes),
    Row("export/jobs", wanted=_in_state),
    Row("export/userEvents", stream="events", handler=_user_events),
    *(Row(path, **_USERS) for path in ("lists/getUsers", "lists/previewUsers", "lists/{listId}/size")),
]

"""The endpoints that read the project: one row each, and one handler for all of them."""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from . import shapes
from .core import Core
from .messages import Refusal
from .exports import chunks
from .messages import Params
from .messages import JSON_LINES, TEXT, Response, text_response
from .settings import EMAIL_BASED, USER_ID_BASED
from .world import MEDIA, REFERENCE_STATES, TEMPLATE_TYPES, UNKNOWN_STATES, Thing


@dataclass
class Row:
    """`GET path` answers `{selector: items}`, and `truth_list(stream)` tells the items.

    `Row("things", items=[{"id": 1}])` is all that a plain list takes: its selector is the end of the path, its stream
    the same in snake case. Without items it shows what the world has under the stream's name, from a fixture or else. A
    parameter of the path selects the items that have it in the field of its name.
    """

    path: str
    selector: str = ""
    stream: str = ""
    shape: shapes.Shape = shapes.whole
    wanted: Callable[[Core, Params, list[Any]], list[Any]] | None = None  # the items that a query asks for
    sorts: dict[str, str] = field(default_factory=dict)  # what `sort` may name, and the keys of these
    parents: str = ""  # the things that the first parameter of the path names, in any case
    items: list[Thing] | None = None
    handler: Callable[[Core, Params], Response] | None = None  # in place of that of all rows

    def __post_init__(self) -> None:
        self.selector = self.selector or self.path.rpartition("/")[2]
        self.stream = self.stream or re.sub("([A-Z])", r"_\1", self.path.rpartition("/")[2]).lower()

    def truth(self, core: Core) -> list[Thing]:
        """All items."""
        if self.stream == "events":
            names = sorted({member["userIdentifier"] for member in core.world.things("list_users")})
            return [event for name in names for event in core.exports.user_events(name)]
        items = core.jobs.recent() if self.stream == "jobs" else self.items
        return [dict(item) for item in (core.world.things(self.stream) if items is None else items)]

    def respond(self, core: Core, params: Params) -> Response:
        """The handler."""
        if self.handler is not None:
            return self.handler(core, params)
        things: list[Any] = self.truth(core)
        for place, (name, value) in enumerate(params.path.items() if self.parents else ()):
            if place == 0:
                parents = {thing["name"].lower(): thing["name"] for thing in core.world.things(self.parents)}
                if value.lower() not in parents:
                    raise Refusal(f"{value} not found", 404)
                value = parents[value.lower()]
            things = [thing for thing in things if thing[name] == value]
        if self.wanted is not None:
            things = self.wanted(core, params, things)
        things = shapes.sort(things, params, self.sorts) if self.sorts else things
        return self.shape(core, params, self.selector, things)


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
    found = [thing for thing in templates if start <= thing["createdAt"] < end]
    kinds = [core.world.template_kinds[thing["templateId"]] for thing in found]
    return [t for t, its in zip(found, kinds, strict=True) if kind in (None, its[0]) and medium in (None, its[1])]


def _of_template(core: Core, params: Params, contents: list[Thing]) -> list[Thing]:
    wanted = params.number("templateId"), params.url_path.split("/")[1]
    return [each for each in contents if (each["templateId"], each["messageMedium"].lower()) == wanted]


def _live_or_archived(core: Core, params: Params, journeys: list[Thing]) -> list[Thing]:
    archived = "Archived" in params.query.get("state", [])
    return [thing for thing in journeys if thing["isArchived"] == archived]


def _in_state(core: Core, params: Params, jobs: list[Thing]) -> list[Thing]:
    state = params.one("jobState")
    return [job for job in jobs if state is None or job["jobState"].lower() == state.lower()]


def _hashes(core: Core, params: Params, users: list[Any]) -> list[Any]:
    kind, without = ("userId", EMAIL_BASED) if params.url_path.endswith("UserIds") else ("email", USER_ID_BASED)
    if core.settings.project_type == without:
        raise Refusal(f"This endpoint is not available for {without} projects")
    return [user["hash"] for user in users if user["identifierType"] == kind]


def _list_users(core: Core, params: Params) -> Response:
    """A user a line, in another order at every call; some lists never answer properly (both seen)."""
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
    broken, body = core.broken_lists.get(list_id), "".join(lines).encode()
    if broken == "error":
        raise Refusal(status=500)
    cut_after = max(len(body) // 2, 1) if broken == "cut" else None
    return Response(200, iter((body,)) if broken else body, TEXT, cut_after=cut_after)


def _user_events(core: Core, params: Params) -> Response:
    name = params.one("email") or params.required("userId")
    events = core.exports.user_events(name, params.flag("includeCustomEvents"))
    return Response(body=chunks(orjson.dumps(event) + b"\n" for event in events), media_type=JSON_LINES)


_BY_ID = {name: name for name in ("id", "name", "createdAt", "updatedAt")}
_CAMPAIGN_SORTS, _TEMPLATE_SORTS = {**_BY_ID, "startAt": "startAt"}, {**_BY_ID, "id": "templateId"}
_CAMPAIGNS = shapes.numbered(20, 1000, "totalCampaignsCount", always=False)
_TEMPLATES = shapes.numbered(20, 1000, "totalTemplatesCount", always=False)
_JOURNEYS = shapes.numbered(10, 50, "totalJourneysCount")
# The reference names no maximum for pages of catalogs.
_CATALOGS = shapes.numbered(10, 1000, "totalCatalogsCount")
_ITEMS = shapes.numbered(10, 1000, "totalItemsCount")
_CONTENT: dict[str, Any] = {"stream": "template_contents", "shape": shapes.single, "wanted": _of_template}
_CATALOG, _CATALOG_ITEMS = "catalogs/{catalogName}", "catalogItemsWithProperties"
_CHILDREN = "campaigns/recurring/{id}/childCampaigns"

ROWS = [
    Row("lists"),
    Row("channels"),
    Row("messageTypes"),
    Row("snippets"),
    Row("webhooks"),
    Row("journeys", shape=_JOURNEYS, wanted=_live_or_archived, sorts=_BY_ID),
    Row("campaigns", shape=_CAMPAIGNS, wanted=_in_states, sorts=_CAMPAIGN_SORTS),
    Row(_CHILDREN, "campaigns", shape=_CAMPAIGNS, wanted=_of_parent, sorts=_CAMPAIGN_SORTS),
    Row("campaigns/metrics", "-", "campaigns_metrics", shapes.metrics),
    Row("experiments/metrics", "-", "experiments_metrics", shapes.report),
    Row("templates", shape=_TEMPLATES, wanted=_of_kind_and_time, sorts=_TEMPLATE_SORTS),
    *(Row(f"templates/{medium.lower()}/get", "messageMedium", **_CONTENT) for medium in MEDIA),
    Row("catalogs", "catalogNames", shape=_CATALOGS),
    Row(f"{_CATALOG}/items", _CATALOG_ITEMS, "catalog_items", _ITEMS, parents="catalogs"),
    Row(f"{_CATALOG}/items/{{itemId}}", "-", "catalog_items", shapes.single, parents="catalogs"),
    Row(f"{_CATALOG}/fieldMappings", "catalogName", "catalog_field_mappings", shapes.single, parents="catalogs"),
    Row("metadata", "results"),
    Row("metadata/{table}", "results", "metadata_entries", shapes.by_marker, parents="metadata"),
    Row("metadata/{table}/{key}", "-", "metadata_entries", shapes.single, parents="metadata"),
    Row("users/getFields", "fields", "user_fields", shapes.fields),
    Row("users/forgotten", "hashedEmails", "forgotten_users", wanted=_hashes),
    Row("users/forgottenUserIds", "hashedUserIds", "forgotten_users", wanted=_hashes),
    Row("export/jobs", wanted=_in_state),
    Row("export/userEvents", stream="events", handler=_user_events),
    Row("lists/getUsers", stream="list_users", handler=_list_users),
    Row("lists/previewUsers", stream="list_users", handler=_list_users),
    Row("lists/{listId}/size", stream="list_users", handler=_list_users),
]

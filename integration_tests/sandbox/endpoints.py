"""The endpoints that read the project: one row each, and one handler for all of them."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from . import shapes
from .core import Core
from .errors import Refusal
from .exports import chunks
from .fixtures import fixture
from .params import Params
from .responses import JSON_LINES, TEXT, Response, json_response, text_response
from .settings import EMAIL_BASED, USER_ID_BASED
from .world import MEDIA, REFERENCE_STATES, TEMPLATE_TYPES, UNKNOWN_STATES, Thing


@dataclass
class Row:
    """`GET path` answers `{selector: items}`, and `truth_list(stream)` tells the items.

    `Row("things", [{"id": 1}])` is all that a plain list takes: its selector is the end of the path, its stream the same in
    snake case. Without items they come from the fixture of the stream's name. A parameter of the path selects the items
    that have it in the field of its name.
    """

    path: str
    items: Sequence[Thing] | Callable[[Core], Sequence[Thing]] | None = None
    selector: str = ""
    stream: str = ""
    shape: shapes.Shape = shapes.whole
    sorts: dict[str, str] = field(default_factory=dict)  # what `sort` may name, and the keys of these
    wanted: Callable[[Core, Params, list[Any]], list[Any]] | None = None  # the items that a query asks for
    parents: Callable[[Core], list[str]] | None = None  # what the first parameter of the path may be, in any case
    handler: Callable[[Core, Params], Response] | None = None  # in place of that of all rows

    def __post_init__(self) -> None:
        self.selector = self.selector or self.path.rpartition("/")[2]
        self.stream = self.stream or re.sub("([A-Z])", r"_\1", self.path.rpartition("/")[2]).lower()

    def truth(self, core: Core) -> list[Thing]:
        """All items."""
        items = core.world.things(self.stream) if self.items is None else self.items
        return [dict(item) for item in (items(core) if callable(items) else items)]

    def respond(self, core: Core, params: Params) -> Response:
        """The handler."""
        if self.handler is not None:
            return self.handler(core, params)
        things: list[Any] = self.truth(core)
        for name, value in params.path.items() if self.parents is not None else ():
            if name == next(iter(params.path)):
                value = next((each for each in self.parents(core) if each.lower() == value.lower()), "")
                if not value:
                    raise Refusal(f"{params.path[name]} not found", 404)
            things = [thing for thing in things if thing[name] == value]
        if self.wanted is not None:
            things = self.wanted(core, params, things)
        if self.sorts:
            text = params.one("sort") or "id"
            # "+name" reaches a server as " name" where the client did not encode the plus sign.
            key = self.sorts.get(text.lstrip("-+ "), "")
            if not key:
                raise Refusal(f"Invalid sort field: {text}")
            lacking = [thing for thing in things if key not in thing]
            rest = (thing for thing in things if key in thing)
            things = sorted(rest, key=lambda thing: thing[key], reverse=text[0] == "-") + lacking
        return self.shape(core, params, self.selector, things)


def _in_states(core: Core, params: Params, campaigns: list[Thing]) -> list[Thing]:
    states = params.choices("campaignState", REFERENCE_STATES + UNKNOWN_STATES)
    return [thing for thing in campaigns if not states or thing["campaignState"] in states]


def _of_parent(core: Core, params: Params, children: list[Thing]) -> list[Thing]:
    parent = params.number("id")
    if (parent, "Recurring") not in {(thing["id"], thing["campaignState"]) for thing in core.world.campaigns}:
        raise Refusal(f"Campaign {parent} is not a recurring campaign")
    children = [thing for thing in children if thing["recurringCampaignId"] == parent]
    return _in_states(core, params, children)


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
    if not users and core.settings.forgotten:
        raise Refusal(f"This endpoint is not available for {core.settings.project_type} projects")
    return [user["hash"] for user in users]


def _field_types(core: Core) -> list[Thing]:
    return [{"name": name, "type": kind} for name, kind in fixture("user_fields").items()]


def _fields(core: Core, params: Params, selector: str, things: list[Any]) -> Response:
    """A map in the reference, an array in other documents."""
    if core.settings.user_fields_shape == "array":
        return json_response({"userFields": things})
    return json_response({"fields": {thing["name"]: thing["type"] for thing in things}})


def _members(core: Core) -> list[Thing]:
    """As a connector asks for them: userIds unless the project is email-based."""
    ids = [thing["id"] for thing in core.world.lists]
    return [{"listId": each, "userIdentifier": line} for each in ids for line in core.world.people.lines(each)]


def _member_lines(core: Core, params: Params) -> Response:
    """A user a line, in another order at every call; some lists never answer properly (both seen)."""
    list_id, size = params.number("listId"), params.number("size", 1000)
    if list_id not in {thing["id"] for thing in core.world.lists}:
        raise Refusal(f"List not found: {list_id}", 404)
    lines = [line + "\n" for line in core.world.people.lines(list_id, params.flag("preferUserId"))]
    core.list_calls += 1
    random.Random(core.list_calls).shuffle(lines)
    if params.url_path.endswith("size"):
        return text_response(str(len(lines)))
    if params.url_path.endswith("previewUsers"):
        if not 1 <= size <= 5000:
            raise Refusal("size must be between 1 and 5000")
        return text_response("".join(lines[:size]))
    broken, body = core.broken_lists.get(list_id), "".join(lines).encode()
    if broken == "error":
        raise Refusal(status=500)
    cut_after = max(len(body) // 2, 1) if broken == "cut" else None
    return Response(200, iter((body,)) if broken else body, TEXT, cut_after=cut_after)


def _events(core: Core) -> list[Thing]:
    names = sorted({member["userIdentifier"] for member in _members(core)})
    return [event for name in names for event in core.exports.user_events(name)]


def _event_lines(core: Core, params: Params) -> Response:
    name = params.one("email") or params.required("userId")
    events = core.exports.user_events(name, params.flag("includeCustomEvents"))
    return Response(body=chunks(orjson.dumps(event) + b"\n" for event in events), media_type=JSON_LINES)


_BY_ID = {name: name for name in ("id", "name", "createdAt", "updatedAt")}
_CAMPAIGNS: dict[str, Any] = {
    "shape": shapes.numbered(20, 1000, "totalCampaignsCount", always=False),
    "sorts": {**_BY_ID, "startAt": "startAt"},
}
_TEMPLATES: dict[str, Any] = {
    "shape": shapes.numbered(20, 1000, "totalTemplatesCount", always=False),
    "sorts": {**_BY_ID, "id": "templateId"},
}
_CATALOG: dict[str, Any] = {"parents": lambda core: core.world.catalogs}
_TABLE: dict[str, Any] = {"parents": lambda core: core.world.tables}
_CONTENTS: dict[str, Any] = {"stream": "template_contents", "shape": shapes.single, "wanted": _of_template}
_FORGOTTEN: dict[str, Any] = {"stream": "forgotten_users", "wanted": _hashes}
# The reference names no maximum for pages of catalogs.
_CATALOGS = shapes.numbered(10, 1000, "totalCatalogsCount")
_ITEMS = shapes.numbered(10, 1000, "totalItemsCount")
_JOURNEYS = shapes.numbered(10, 50, "totalJourneysCount")

ROWS = [
    Row("lists", lambda core: core.world.lists),
    Row("channels"),
    Row("messageTypes"),
    Row("snippets"),
    Row("webhooks"),
    Row("journeys", shape=_JOURNEYS, sorts=_BY_ID, wanted=_live_or_archived),
    Row("campaigns", lambda core: core.world.campaigns, wanted=_in_states, **_CAMPAIGNS),
    Row(
        "campaigns/recurring/{id}/childCampaigns",
        lambda core: [thing for thing in core.world.campaigns if "recurringCampaignId" in thing],
        "campaigns",
        wanted=_of_parent,
        **_CAMPAIGNS,
    ),
    Row("campaigns/metrics", shapes.metrics, "-", "campaigns_metrics", shapes.metrics_csv),
    Row(
        "experiments/metrics",
        shapes.experiments,
        "-",
        "experiments_metrics",
        shapes.report,
        wanted=shapes.experiments_of,
    ),
    Row("templates", wanted=_of_kind_and_time, **_TEMPLATES),
    *(Row(f"templates/{medium.lower()}/get", shapes.contents, "messageMedium", **_CONTENTS) for medium in MEDIA),
    Row("catalogs", lambda core: [{"name": name} for name in core.world.catalogs], "catalogNames", shape=_CATALOGS),
    Row(
        "catalogs/{catalogName}/items",
        lambda core: core.world.catalog_items,
        "catalogItemsWithProperties",
        "catalog_items",
        _ITEMS,
        **_CATALOG,
    ),
    Row(
        "catalogs/{catalogName}/items/{itemId}",
        lambda core: core.world.catalog_items,
        "-",
        "-",
        shapes.single,
        **_CATALOG,
    ),
    Row(
        "catalogs/{catalogName}/fieldMappings",
        lambda core: core.world.field_mappings,
        "catalogName",
        "catalog_field_mappings",
        shapes.single,
        **_CATALOG,
    ),
    Row("metadata", lambda core: [{"name": name} for name in core.world.tables], "results"),
    Row("metadata/{table}", lambda core: core.world.entries, "results", "metadata_entries", shapes.by_marker, **_TABLE),
    Row("metadata/{table}/{key}", lambda core: core.world.entries, "-", "-", shapes.single, **_TABLE),
    Row("users/getFields", _field_types, stream="user_fields", shape=_fields),
    Row("users/forgotten", lambda core: core.world.forgotten("email", USER_ID_BASED), "hashedEmails", **_FORGOTTEN),
    Row(
        "users/forgottenUserIds",
        lambda core: core.world.forgotten("userId", EMAIL_BASED),
        "hashedUserIds",
        **_FORGOTTEN,
    ),
    Row("export/jobs", lambda core: core.jobs.recent(), stream="export_jobs", wanted=_in_state),
    Row("export/userEvents", _events, stream="events", handler=_event_lines),
    Row("lists/getUsers", _members, stream="list_users", handler=_member_lines),
    Row("lists/previewUsers", [], handler=_member_lines),
    Row("lists/{listId}/size", [], handler=_member_lines),
]

"""The endpoints that read the project: one row each, and one handler for all of them."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import orjson

from .core import Core
from .errors import Refusal
from .exports import chunks
from .fixtures import fixture
from .params import Params
from .reports import contents, experiments, experiments_of, metrics, metrics_csv, metrics_of
from .responses import JSON_LINES, TEXT, Response, json_response, text_response
from .settings import EMAIL_BASED, USER_ID_BASED
from .shapes import Shape, by_marker, numbered, report, single, whole
from .world import MEDIA, REFERENCE_STATES, TEMPLATE_TYPES, UNKNOWN_STATES, Thing

Items = Callable[[Core, Params], Sequence[Thing]]
Path = dict[str, str]


@dataclass
class Row:
    """`GET path` answers `{selector: items}`, and `truth_list(stream)` tells the items.

    `Row("things", [{"id": 1}])` is all that a plain list takes: its selector is the end of the path, its stream the same in
    snake case. Without items they come from the fixture of the stream's name.
    """

    path: str
    items: Sequence[Thing] | Items | None = None
    selector: str = ""
    stream: str = ""
    shape: Shape = whole
    sorts: dict[str, str] = field(default_factory=dict)  # what `sort` may name, and the keys of these
    wanted: Callable[[Core, Params, list[Any]], list[Any]] | None = None  # the items that a query asks for
    each: Callable[[Core], Iterable[Path]] = lambda core: [{}]  # what parameters of paths there are

    def __post_init__(self) -> None:
        self.selector = self.selector or self.path.rpartition("/")[2]
        self.stream = self.stream or re.sub("([A-Z])", r"_\1", self.path.rpartition("/")[2]).lower()

    def all_items(self, core: Core, params: Params) -> list[Thing]:
        """The things under the path of a request."""
        if callable(self.items):
            return list(self.items(core, params))
        return list(core.world.things(self.stream) if self.items is None else self.items)

    def respond(self, core: Core, params: Params) -> Response:
        """The handler."""
        things = self.all_items(core, params)
        if self.wanted is not None:
            things = self.wanted(core, params, things)
        return self.shape(core, params, self.selector, _sorted(things, params, self.sorts) if self.sorts else things)

    def truth(self, core: Core) -> list[Thing]:
        """The things under all paths."""
        return [dict(item) for path in self.each(core) for item in self.all_items(core, Params(path, {}))]


def _sorted(things: list[Thing], params: Params, sorts: dict[str, str]) -> list[Thing]:
    text = params.one("sort") or "id"
    # "+name" reaches a server as " name" where the client did not encode the plus sign.
    key = sorts.get(text.lstrip("-+ "))
    if key is None:
        raise Refusal(f"Invalid sort field: {text}")
    ordered = sorted((thing for thing in things if key in thing), key=lambda thing: thing[key], reverse=text[0] == "-")
    return ordered + [thing for thing in things if key not in thing]


# What a query asks for.


def _in_states(core: Core, params: Params, campaigns: list[Thing]) -> list[Thing]:
    states = params.choices("campaignState", REFERENCE_STATES + UNKNOWN_STATES)
    return [thing for thing in campaigns if not states or thing["campaignState"] in states]


def _of_kind_and_time(core: Core, params: Params, templates: list[Thing]) -> list[Thing]:
    kind, medium = params.choice("templateType", TEMPLATE_TYPES), params.choice("messageMedium", MEDIA)
    # Dates filter on createdAt only (seen).
    start, end = params.date("startDateTime") or 0, params.date("endDateTime") or 2**62
    found = [thing for thing in templates if start <= thing["createdAt"] < end]
    kinds = [core.world.template_kinds[thing["templateId"]] for thing in found]
    return [t for t, its in zip(found, kinds, strict=True) if kind in (None, its[0]) and medium in (None, its[1])]


def _live_or_archived(core: Core, params: Params, journeys: list[Thing]) -> list[Thing]:
    archived = "Archived" in params.query.get("state", [])
    return [thing for thing in journeys if thing["isArchived"] == archived]


def _in_state(core: Core, params: Params, jobs: list[Thing]) -> list[Thing]:
    state = params.one("jobState")
    return [job for job in jobs if state is None or job["jobState"].lower() == state.lower()]


# What is under a path.


def _children(core: Core, params: Params) -> list[Thing]:
    parent = params.number("id")
    if {"id": str(parent)} not in _recurring(core):
        raise Refusal(f"Campaign {parent} is not a recurring campaign")
    return [thing for thing in core.world.campaigns if thing.get("recurringCampaignId") == parent]


def _recurring(core: Core) -> list[Path]:
    return [{"id": str(thing["id"])} for thing in core.world.campaigns if thing["campaignState"] == "Recurring"]


def _named(names: list[str], wanted: str) -> str:
    """Names of catalogs and tables are the same in any case, as the reference says."""
    for name in names:
        if name.lower() == wanted.lower():
            return name
    raise Refusal(f"{wanted} not found", 404)


def _catalog_items(core: Core, params: Params) -> list[Thing]:
    items = core.world.catalog_items(_named(core.world.catalogs, params.path["catalogName"]))
    return [item for item in items if params.path.get("itemId") in (None, item["itemId"])]


def _catalogs(core: Core) -> list[Path]:
    return [{"catalogName": name} for name in core.world.catalogs]


def _field_mappings(core: Core, params: Params) -> list[Thing]:
    """The types that somebody has given to fields, and the fields that nobody has."""
    name = _named(core.world.catalogs, params.path["catalogName"])
    place = core.world.catalogs.index(name)
    mappings = {"name": "string", "price": "double", "inStock": "boolean"} if place % 3 else {}
    undefined = ["tags", "seller.city"] if place % 2 else []
    return [{"catalogName": name, "definedMappings": mappings, "undefinedFields": undefined}]


def _entries(core: Core, params: Params) -> list[Thing]:
    entries = core.world.metadata_entries(_named(core.world.tables, params.path["table"]))
    return [entry for entry in entries if params.path.get("key") in (None, entry["key"])]


def _templates(medium: str, core: Core) -> list[Path]:
    kinds = core.world.template_kinds.items()
    return [{"templateId": str(template_id)} for template_id, kind in kinds if kind[1] == medium]


def _field_types(core: Core, params: Params) -> list[Thing]:
    return [{"name": name, "type": kind} for name, kind in fixture("user_fields").items()]


def _fields(core: Core, params: Params, selector: str, things: list[Any]) -> Response:
    """A map in the reference, an array in other documents."""
    if core.settings.user_fields_shape == "array":
        return json_response({"userFields": things})
    return json_response({"fields": {thing["name"]: thing["type"] for thing in things}})


def _forgotten(kind: str, project_type: str) -> Items:
    def items(core: Core, params: Params) -> list[Thing]:
        if core.settings.project_type == project_type:
            raise Refusal(f"This endpoint is not available for {project_type} projects")
        return [{"hash": digest, "identifierType": kind} for digest in core.world.forgotten(kind)]

    return items


def _hashes(core: Core, params: Params, users: list[Any]) -> list[Any]:
    return [user["hash"] for user in users]


# The users of a list, and their events.


def _members(core: Core, params: Params) -> list[Thing]:
    list_id, by_email = params.number("listId"), core.settings.project_type == EMAIL_BASED
    if all(thing["id"] != list_id for thing in core.world.lists):
        raise Refusal(f"List not found: {list_id}", 404)
    # The truth, which has no query, is what a connector asks for: userIds unless the project is email-based.
    prefer = not by_email and (not params.query or params.flag("preferUserId"))
    return [{"listId": list_id, "userIdentifier": line} for line in core.world.people.lines(list_id, prefer)]


def _member_lines(core: Core, params: Params, selector: str, users: list[Any]) -> Response:
    """A user a line, in another order at every call; some lists never answer properly (both seen)."""
    size = params.number("size", 1000)
    if not 1 <= size <= 5000:
        raise Refusal("size must be between 1 and 5000")
    core.list_calls += 1
    random.Random(core.list_calls).shuffle(users)
    lines = [f"{user['userIdentifier']}\n" for user in users]
    if selector == "previewUsers":
        return text_response("".join(lines[:size]))
    broken, body = core.broken_lists.get(params.number("listId")), "".join(lines).encode()
    if broken == "error":
        raise Refusal(status=500)
    if broken == "cut":
        return Response(body=iter((body,)), media_type=TEXT, cut_after=max(len(body) // 2, 1))
    return Response(body=body, media_type=TEXT)


def _size(core: Core, params: Params, selector: str, users: list[Any]) -> Response:
    return text_response(str(len(users)))


def _user_events(core: Core, params: Params) -> Any:
    name = params.path.get("user") or params.one("email") or params.one("userId")
    if not name:
        raise Refusal("Either email or userId is required")
    return core.exports.user_events(name, not params.query or params.flag("includeCustomEvents"))


def _event_lines(core: Core, params: Params, selector: str, events: list[Any]) -> Response:
    return Response(body=chunks(orjson.dumps(event) + b"\n" for event in events), media_type=JSON_LINES)


def _list_ids(core: Core) -> list[Path]:
    return [{"listId": str(thing["id"])} for thing in core.world.lists]


def _all_members(core: Core) -> list[Path]:
    lists = [_members(core, Params(path, {})) for path in _list_ids(core)]
    return [{"user": name} for name in sorted({user["userIdentifier"] for users in lists for user in users})]


_BY_ID = {name: name for name in ("id", "name", "createdAt", "updatedAt")}
_CAMPAIGNS: dict[str, Any] = {
    "shape": numbered(20, 1000, "totalCampaignsCount", always=False),
    "sorts": {**_BY_ID, "startAt": "startAt"},
    "wanted": _in_states,
}
_TEMPLATES: dict[str, Any] = {
    "shape": numbered(20, 1000, "totalTemplatesCount", always=False),
    "sorts": {**_BY_ID, "id": "templateId"},
    "wanted": _of_kind_and_time,
}
_EXPERIMENTS: dict[str, Any] = {"shape": report, "wanted": experiments_of}
_CATALOG_ITEMS = "catalogItemsWithProperties"

ROWS = [
    Row("lists", lambda core, params: core.world.lists),
    Row("channels"),
    Row("messageTypes"),
    Row("snippets"),
    Row("webhooks"),
    Row("campaigns", lambda core, params: core.world.campaigns, **_CAMPAIGNS),
    Row("campaigns/recurring/{id}/childCampaigns", _children, "campaigns", each=_recurring, **_CAMPAIGNS),
    Row("campaigns/metrics", metrics, stream="campaigns_metrics", shape=metrics_csv, wanted=metrics_of),
    Row("experiments/metrics", experiments, stream="experiments_metrics", **_EXPERIMENTS),
    Row("templates", **_TEMPLATES),
    Row("journeys", shape=numbered(10, 50, "totalJourneysCount"), sorts=_BY_ID, wanted=_live_or_archived),
    # The reference names no maximum for pages of catalogs.
    Row(
        "catalogs",
        lambda core, params: [{"name": name} for name in core.world.catalogs],
        "catalogNames",
        shape=numbered(10, 1000, "totalCatalogsCount"),
    ),
    Row(
        "catalogs/{catalogName}/items",
        _catalog_items,
        _CATALOG_ITEMS,
        "catalog_items",
        numbered(10, 1000, "totalItemsCount"),
        each=_catalogs,
    ),
    Row("catalogs/{catalogName}/items/{itemId}", _catalog_items, "-", shape=single),
    Row(
        "catalogs/{catalogName}/fieldMappings",
        _field_mappings,
        "catalogName",
        "catalog_field_mappings",
        single,
        each=_catalogs,
    ),
    Row("metadata", lambda core, params: [{"name": name} for name in core.world.tables], "results"),
    Row(
        "metadata/{table}",
        _entries,
        "results",
        "metadata_entries",
        by_marker,
        each=lambda core: [{"table": name} for name in core.world.tables],
    ),
    Row("metadata/{table}/{key}", _entries, "-", shape=single),
    Row("users/getFields", _field_types, stream="user_fields", shape=_fields),
    Row("export/jobs", lambda core, params: core.jobs.recent(), stream="export_jobs", wanted=_in_state),
    Row("export/userEvents", _user_events, stream="events", shape=_event_lines, each=_all_members),
    Row("lists/getUsers", _members, stream="list_users", shape=_member_lines, each=_list_ids),
    Row("lists/previewUsers", _members, shape=_member_lines),
    Row("lists/{listId}/size", _members, shape=_size),
]
for _kind, _without, _path, _selector in (
    ("email", USER_ID_BASED, "users/forgotten", "hashedEmails"),
    ("userId", EMAIL_BASED, "users/forgottenUserIds", "hashedUserIds"),
):
    ROWS.append(Row(_path, _forgotten(_kind, _without), _selector, "forgotten_users", wanted=_hashes))
for _medium in MEDIA:
    _get, _each = partial(contents, _medium), partial(_templates, _medium)
    _row = Row(f"templates/{_medium.lower()}/get", _get, "messageMedium", "template_contents", single, each=_each)
    ROWS.append(_row)

"""The lists of the API: one row an endpoint, and one handler for all of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from .core import Core
from .errors import Refusal
from .paging import Paging, by_marker, numbered, sorted_by, whole
from .params import Params
from .responses import Response, json_response
from .settings import EMAIL_BASED, USER_ID_BASED
from .world import MEDIA, REFERENCE_STATES, TEMPLATE_TYPES, UNKNOWN_STATES, Thing

Items = Callable[[Core, Params], Sequence[Thing]]
Shown = Callable[[Core, Params, list[Any]], list[Any]]


@dataclass
class ListRow:
    """`GET path` answers `{selector: items}`, and `truth_list(stream)` tells the items.

    `ListRow("things", [{"id": 1}])` is all that a plain list takes: its selector is the end of the path, its stream the same
    in snake case. Without items they come from the fixture of the stream's name.
    """

    path: str
    items: Sequence[Thing] | Items | None = None
    selector: str = ""
    stream: str = ""
    paging: Paging = whole
    sorts: dict[str, str] = field(default_factory=dict)  # what `sort` may name, and the keys of these
    shown: Shown | None = None  # what of the items a query wants to see
    each: Callable[[Core], Iterable[dict[str, str]]] = lambda core: [{}]  # all values of the path's parameters

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
        if self.shown is not None:
            things = self.shown(core, params, things)
        if self.sorts:
            things = sorted_by(things, params, self.sorts)
        return json_response(self.paging(core, params, self.path.format(**params.path), self.selector, things))

    def truth(self, core: Core) -> list[Thing]:
        """The things under all paths."""
        return [dict(item) for path in self.each(core) for item in self.all_items(core, Params(path, {}))]


def _in_states(core: Core, params: Params, campaigns: list[Thing]) -> list[Thing]:
    states = params.choices("campaignState", REFERENCE_STATES + UNKNOWN_STATES)
    return [thing for thing in campaigns if not states or thing["campaignState"] in states]


def _of_kind_and_time(core: Core, params: Params, templates: list[Thing]) -> list[Thing]:
    """Dates filter on createdAt only (seen)."""
    wanted = params.choice("templateType", TEMPLATE_TYPES), params.choice("messageMedium", MEDIA)
    start, end = params.date("startDateTime"), params.date("endDateTime")
    kinds = core.world.template_kinds
    return [
        thing
        for thing in templates
        if all(name in (None, kind) for name, kind in zip(wanted, kinds[thing["templateId"]], strict=True))
        and (start is None or thing["createdAt"] >= start)
        and (end is None or thing["createdAt"] < end)
    ]


def _live_or_archived(core: Core, params: Params, journeys: list[Thing]) -> list[Thing]:
    archived = "Archived" in params.query.get("state", [])
    return [thing for thing in journeys if thing["isArchived"] == archived]


def _in_state(core: Core, params: Params, jobs: list[Thing]) -> list[Thing]:
    state = params.one("jobState")
    return [job for job in jobs if state is None or job["jobState"].lower() == state.lower()]


def _without_values(core: Core, params: Params, entries: list[Thing]) -> list[Thing]:
    return [{name: value for name, value in entry.items() if name != "value"} for entry in entries]


def _hashes(core: Core, params: Params, users: list[Thing]) -> list[str]:
    return [user["hash"] for user in users]


def _children(core: Core, params: Params) -> list[Thing]:
    parent = params.number("id")
    if {"id": str(parent)} not in _recurring(core):
        raise Refusal(f"Campaign {parent} is not a recurring campaign")
    return [thing for thing in core.world.campaigns if thing.get("recurringCampaignId") == parent]


def _recurring(core: Core) -> list[dict[str, str]]:
    return [{"id": str(thing["id"])} for thing in core.world.campaigns if thing["campaignState"] == "Recurring"]


def _forgotten(kind: str, project_type: str) -> Items:
    def items(core: Core, params: Params) -> list[Thing]:
        if core.settings.project_type == project_type:
            raise Refusal(f"This endpoint is not available for {project_type} projects")
        return [{"hash": digest, "identifierType": kind} for digest in core.world.forgotten(kind)]

    return items


def _unless(project_type: str) -> Callable[[Core], Iterable[dict[str, str]]]:
    return lambda core: [{}] if core.settings.project_type != project_type else []


_BY_ID = {name: name for name in ("id", "name", "createdAt", "updatedAt")}
_CAMPAIGNS: dict[str, Any] = {
    "paging": numbered(20, 1000, "totalCampaignsCount", always=False),
    "sorts": {**_BY_ID, "startAt": "startAt"},
    "shown": _in_states,
}

LISTS = [
    ListRow("lists", lambda core, params: core.world.lists),
    ListRow("channels"),
    ListRow("messageTypes"),
    ListRow("snippets"),
    ListRow("webhooks"),
    ListRow("campaigns", lambda core, params: core.world.campaigns, **_CAMPAIGNS),
    ListRow("campaigns/recurring/{id}/childCampaigns", _children, "campaigns", each=_recurring, **_CAMPAIGNS),
    ListRow(
        "templates",
        lambda core, params: core.world.templates,
        paging=numbered(20, 1000, "totalTemplatesCount", always=False),
        sorts={**_BY_ID, "id": "templateId"},
        shown=_of_kind_and_time,
    ),
    ListRow("journeys", paging=numbered(10, 50, "totalJourneysCount"), sorts=_BY_ID, shown=_live_or_archived),
    ListRow(
        "catalogs",
        lambda core, params: [{"name": name} for name in core.world.catalogs],
        "catalogNames",
        paging=numbered(10, 1000, "totalCatalogsCount"),  # the reference names no maximum for catalogs
    ),
    ListRow(
        "catalogs/{catalogName}/items",
        lambda core, params: core.world.catalog_items(core.world.catalog(params.path["catalogName"])),
        "catalogItemsWithProperties",
        "catalog_items",
        paging=numbered(10, 1000, "totalItemsCount"),
        each=lambda core: [{"catalogName": name} for name in core.world.catalogs],
    ),
    ListRow("metadata", lambda core, params: [{"name": name} for name in core.world.tables], "results"),
    ListRow(
        "metadata/{table}",
        lambda core, params: list(core.world.metadata(core.world.table(params.path["table"])).values()),
        "results",
        "metadata_entries",
        paging=by_marker,
        shown=_without_values,
        each=lambda core: [{"table": name} for name in core.world.tables],
    ),
    *(
        ListRow(path, _forgotten(kind, without), selector, "forgotten_users", shown=_hashes, each=_unless(without))
        for path, kind, selector, without in (
            ("users/forgotten", "email", "hashedEmails", USER_ID_BASED),
            ("users/forgottenUserIds", "userId", "hashedUserIds", EMAIL_BASED),
        )
    ),
    ListRow("export/jobs", lambda core, params: core.jobs.recent(), "jobs", "export_jobs", shown=_in_state),
]


def list_handlers() -> dict[str, Callable[[Core, Params], Response]]:
    """The handlers of all rows."""
    return {f"GET {row.path}": partial(ListRow.respond, row) for row in LISTS}

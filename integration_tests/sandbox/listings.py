"""Handlers of the list endpoints: lists, channels, message types, campaigns, templates, journeys and children."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from .core import Core
from .draws import seeded
from .errors import Refusal, bad_params, not_found
from .library import EXPERIMENT_COLUMNS, csv_text
from .paging import Page, Query, chosen, flag, number, one, required, sorted_by
from .replies import Reply, json_reply, text_reply
from .settings import EMAIL_BASED
from .times import parse_iso_date, to_ms
from .world import MEDIA, REFERENCE_STATES, TEMPLATE_TYPES, UNKNOWN_STATES

CAMPAIGN_SORTS = {name: name for name in ("id", "name", "createdAt", "updatedAt", "startAt")}
TEMPLATE_SORTS = {"id": "templateId", "name": "name", "createdAt": "createdAt", "updatedAt": "updatedAt"}
JOURNEY_SORTS = {name: name for name in ("id", "name", "createdAt", "updatedAt")}


class Asked(NamedTuple):
    """A request as a handler sees it."""

    path: dict[str, str]
    query: Query
    body: Any


def _date(query: Query, name: str) -> int | None:
    text = one(query, name)
    if text is None or text == "":
        return None
    instant = parse_iso_date(text)
    if instant is None:
        raise bad_params(f"Invalid date for {name}: {text}")
    return to_ms(instant)


class Listings:
    """One method an endpoint."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._world = core.world

    def lists(self, asked: Asked) -> Reply:
        """GET lists."""
        return json_reply({"lists": self._world.lists})

    def channels(self, asked: Asked) -> Reply:
        """GET channels."""
        return json_reply({"channels": self._world.channels})

    def message_types(self, asked: Asked) -> Reply:
        """GET messageTypes."""
        return json_reply({"messageTypes": self._world.message_types})

    def list_users(self, asked: Asked) -> Reply:
        """GET lists/getUsers: a user a line, in another order at every call; some lists never answer properly."""
        list_id = self._list_id(required(asked.query, "listId"))
        prefer = flag(asked.query, "preferUserId")
        broken = self._core.broken_lists.get(list_id)
        if broken == "error":
            raise Refusal(500)
        lines = self._lines(list_id, prefer)
        reply = text_reply("".join(line + "\n" for line in lines))
        if broken == "cut":
            reply.pieces, reply.cut_after = iter((reply.body,)), max(len(reply.body) // 2, 1)
        return reply

    def preview_users(self, asked: Asked) -> Reply:
        """GET lists/previewUsers: a random sample."""
        list_id = self._list_id(required(asked.query, "listId"))
        size = number(one(asked.query, "size") or "1000", "size")
        if not 1 <= size <= 5000:
            raise bad_params("size must be between 1 and 5000")
        lines = self._lines(list_id, flag(asked.query, "preferUserId"))[:size]
        return text_reply("".join(line + "\n" for line in lines))

    def list_size(self, asked: Asked) -> Reply:
        """GET lists/{listId}/size."""
        place = self._world.list_places[self._list_id(asked.path["listId"])]
        return text_reply(str(len(self._world.people.members(place))))

    def _list_id(self, text: str) -> int:
        list_id = number(text, "listId")
        if all(thing["id"] != list_id for thing in self._world.lists):
            raise not_found(f"List not found: {list_id}")
        return list_id

    def _lines(self, list_id: int, prefer_user_id: bool) -> list[str]:
        prefer = prefer_user_id and self._core.settings.project_type != EMAIL_BASED
        place = self._world.list_places[list_id]
        lines = [user.line(prefer) for user in self._world.people.members(place)]
        self._core.list_calls += 1
        seeded(self._core.settings.seed, "order", self._core.list_calls).shuffle(lines)
        return lines

    def campaigns(self, asked: Asked) -> Reply:
        """GET campaigns."""
        return self._campaign_page(asked, self._world.campaigns, "campaigns")

    def child_campaigns(self, asked: Asked) -> Reply:
        """GET campaigns/recurring/{id}/childCampaigns."""
        parent = number(asked.path["id"], "id")
        known = [thing for thing in self._world.campaigns if thing["id"] == parent]
        if not known or known[0]["campaignState"] != "Recurring":
            raise bad_params(f"Campaign {parent} is not a recurring campaign")
        children = [thing for thing in self._world.campaigns if thing.get("recurringCampaignId") == parent]
        return self._campaign_page(asked, children, f"campaigns/recurring/{parent}/childCampaigns")

    def _campaign_page(self, asked: Asked, campaigns: list[dict[str, Any]], path: str) -> Reply:
        states = asked.query.get("campaignState", [])
        for state in states:
            if state not in REFERENCE_STATES + UNKNOWN_STATES:
                raise bad_params(f"Invalid campaign state: {state}")
        wanted = [thing for thing in campaigns if not states or thing["campaignState"] in states]
        ordered = sorted_by(wanted, asked.query, CAMPAIGN_SORTS)
        return self._page(asked.query, ordered, "campaigns", "totalCampaignsCount", path)

    def templates(self, asked: Asked) -> Reply:
        """GET templates; its dates filter on createdAt only (seen)."""
        kind = chosen(asked.query, "templateType", TEMPLATE_TYPES)
        medium = chosen(asked.query, "messageMedium", MEDIA)
        start, end = _date(asked.query, "startDateTime"), _date(asked.query, "endDateTime")
        wanted = []
        for thing in self._world.templates:
            its_kind, its_medium = self._world.template_kinds[thing["templateId"]]
            if kind not in (None, its_kind) or medium not in (None, its_medium):
                continue
            if (start is None or thing["createdAt"] >= start) and (end is None or thing["createdAt"] < end):
                wanted.append(thing)
        ordered = sorted_by(wanted, asked.query, TEMPLATE_SORTS)
        return self._page(asked.query, ordered, "templates", "totalTemplatesCount", "templates")

    def _page(self, query: Query, things: list[Any], key: str, total: str, path: str) -> Reply:
        page = Page(query, 20, 1000)
        if self._core.settings.unpaginated and not page.asked:
            return json_reply({key: things})
        answer: dict[str, Any] = {key: page.cut(things)}
        if page.asked:
            answer[total] = len(things)
        return json_reply({**answer, **page.links(self._core.root, path, len(things))})

    def journeys(self, asked: Asked) -> Reply:
        """GET journeys: those not archived, or with state=Archived the archived ones only."""
        archived = "Archived" in asked.query.get("state", [])
        wanted = [thing for thing in self._world.journeys if thing["isArchived"] == archived]
        page = Page(asked.query, 10, 50)
        answer = {
            "journeys": page.cut(sorted_by(wanted, asked.query, JOURNEY_SORTS)),
            "totalJourneysCount": len(wanted),
            **page.links(self._core.root, "journeys", len(wanted)),
        }
        return json_reply(answer)

    def campaign_metrics(self, asked: Asked) -> Reply:
        """GET campaigns/metrics: CSV; campaigns that nobody knows or that have no metrics have no row."""
        ids = [number(text, "campaignId") for text in asked.query.get("campaignId", [])]
        if not ids:
            raise bad_params("Missing required parameter: campaignId")
        if _date(asked.query, "startDateTime") is None:
            raise bad_params("Missing required parameter: startDateTime")
        _date(asked.query, "endDateTime")
        known = [thing for thing in self._world.campaigns if thing["id"] in set(ids)]
        columns = self._core.library.metrics_columns(known)
        rows = [row for row in map(self._core.library.metrics, known) if row]
        return Reply(body=csv_text(columns, rows).encode(), media_type="text/plain; charset=utf-8")

    def experiment_metrics(self, asked: Asked) -> Reply:
        """GET experiments/metrics: of campaigns, of experiments, or of all."""
        campaigns = {number(text, "campaignId") for text in asked.query.get("campaignId", [])}
        wanted = {number(text, "experimentId") for text in asked.query.get("experimentId", [])}
        _date(asked.query, "startDateTime"), _date(asked.query, "endDateTime")
        rows = []
        for campaign, experiments in self._world.experiments.items():
            for experiment in experiments:
                if not (campaigns or wanted) or campaign in campaigns or experiment in wanted:
                    rows += self._core.library.experiment_rows(campaign, experiment)
        text = csv_text(list(EXPERIMENT_COLUMNS), rows)
        if self._core.settings.experiments_as_csv:
            return Reply(body=text.encode(), media_type="text/csv; charset=utf-8")
        headers, *lines = text.splitlines()
        return json_reply({"headers": headers, "rows": lines})

    def template_content(self, medium: str) -> Callable[[Asked], Reply]:
        """GET templates/{medium}/get."""

        def handler(asked: Asked) -> Reply:
            template_id = number(required(asked.query, "templateId"), "templateId")
            kind = self._world.template_kinds.get(template_id)
            if kind is None or kind[1] != medium:
                raise not_found(f"Template {template_id} not found")
            template = next(thing for thing in self._world.templates if thing["templateId"] == template_id)
            return json_reply(self._core.library.template_content(template, medium))

        return handler

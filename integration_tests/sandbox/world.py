"""What the project consists of: lists, channels, message types, campaigns, templates and journeys."""

from __future__ import annotations

from typing import Any

from .draws import Draw
from .people import FIRST_LIST_ID, People
from .settings import SandboxSettings
from .times import DAY_MS, HOUR_MS, Clock
from .words import ODD_TEXTS, THINGS

Thing = dict[str, Any]

# The states of the reference, then two that were seen though it names neither, then one that nobody knows.
CAMPAIGN_STATES = ("Finished", "Running", "Ready", "Draft", "Scheduled", "Starting", "Aborted", "Archived", "Finished")
UNKNOWN_STATES = ("Recalled", "Recalling", "Throttled")
REFERENCE_STATES = (*dict.fromkeys(CAMPAIGN_STATES), "Recurring")
MEDIA = ("Email", "Push", "InApp", "SMS")
TEMPLATE_TYPES = ("Base", "Blast", "Triggered", "Workflow")
WITHOUT_METRICS = ("Draft", "Scheduled")


class World:
    """The project's things, in the order of their ids. Each is the dictionary that the API sends."""

    def __init__(self, settings: SandboxSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self.start_day_ms = clock.now_ms() // DAY_MS * DAY_MS
        self.epoch_ms = self.start_day_ms - settings.days * DAY_MS
        self._span = max(settings.days, 1) * DAY_MS
        self.lists = [self._list(place) for place in range(settings.lists)]
        self.list_places = {thing["id"]: place for place, thing in enumerate(self.lists)}
        self.channels = [self._channel(place) for place in range(settings.channels)]
        self.message_types = [self._message_type(place) for place in range(settings.message_types)]
        self.people = People(
            settings, self.epoch_ms, list(self.list_places), [thing["id"] for thing in self.message_types]
        )
        self.journeys = [self._journey(place) for place in range(settings.journeys)]
        self.templates = [self._template(place) for place in range(settings.templates)]
        self.template_kinds = {thing["templateId"]: self.template_kind(i) for i, thing in enumerate(self.templates)}
        self.campaigns = self._campaigns()
        self.experiments = self._experiments()

    # lists, channels, message types

    def _list(self, place: int) -> Thing:
        draw = Draw.named(self._settings.seed, "list", place)
        kind = ("Standard", "Dynamic", "Standard", "Suppression", "Internal")[place % 5]
        thing: Thing = {
            "id": FIRST_LIST_ID + place * 7,
            "name": f"{draw.pick(THINGS)} {place}",
            "createdAt": self._past(draw),
            "listType": kind,
        }
        if place % 2:
            thing["description"] = draw.pick(ODD_TEXTS)
        if kind == "Suppression":
            thing["isGlobalSuppressionEnabled"] = draw.one_in(2)
        return thing

    def _channel(self, place: int) -> Thing:
        return {
            "id": 2001 + place,
            "name": f"{('Marketing', 'Transactional')[place % 2]} channel {place} → Ünïcode",
            "channelType": ("Marketing", "Transactional")[place % 2],
            "messageMedium": ("Email", "Push", "SMS")[place % 3],
        }

    def _message_type(self, place: int) -> Thing:
        draw = Draw.named(self._settings.seed, "message type", place)
        created = self._past(draw)
        thing: Thing = {
            "id": 30001 + place,
            "createdAt": created,
            "updatedAt": created + draw.below(HOUR_MS),
            "name": f"{draw.pick(THINGS)} type {place}",
            "channelId": self.channels[place % len(self.channels)]["id"] if self.channels else 1,
            "subscriptionPolicy": ("OptIn", "OptOut")[place % 2],
        }
        if place % 3 == 0:
            thing["rateLimitPerMinute"] = 1000 * (place + 1)
            thing["frequencyCap"] = {"days": 7, "messages": 3}
        return thing

    # journeys and templates

    def _journey(self, place: int) -> Thing:
        draw = Draw.named(self._settings.seed, "journey", place)
        created = self._past(draw)
        thing: Thing = {
            "id": 90001 + place * 3,
            "name": f"{draw.pick(THINGS)} journey {place}",
            "description": draw.pick(ODD_TEXTS),
            "enabled": place % 2 == 0,
            "isArchived": place % 4 == 3,
            "journeyType": ("Published", "Draft")[place % 5 == 4],
            "createdAt": created,
            "updatedAt": self._later(draw, created),
            "creatorUserId": "editor@example.com",
            "startTileId": 400 + place,
            "lifetimeLimit": 1 + place % 3,
            "simultaneousLimit": 1,
            "triggerEventNames": ["signup"] if place % 3 else [],
        }
        if place % 6 == 0:
            thing["draft"] = {
                "id": 95001 + place,
                "name": f"draft {place}",
                "creatorUserId": "editor@example.com",
                "createdAt": created,
                "updatedAt": thing["updatedAt"],
            }
        return thing

    @staticmethod
    def template_kind(place: int) -> tuple[str, str]:
        """The template type and medium at this place: all sixteen kinds in turn."""
        return TEMPLATE_TYPES[place // 4 % 4], MEDIA[place % 4]

    def _template(self, place: int) -> Thing:
        draw = Draw.named(self._settings.seed, "template", place)
        created = self._past(draw)
        thing: Thing = {
            "templateId": 700001 + place * 2,
            "name": f"{draw.pick(THINGS)} template {place}",
            "createdAt": created,
            "updatedAt": self._later(draw, created),
            "creatorUserId": draw.pick(("editor@example.com", "zoë@example.com")),
            "messageTypeId": self.message_types[place % len(self.message_types)]["id"] if self.message_types else 1,
        }
        if self.template_kind(place)[0] != "Base":
            thing["campaignId"] = 500001 + place
        if place % 5 == 0:
            thing["clientTemplateId"] = f"client-{place}"
        return thing

    # campaigns

    def _campaigns(self) -> list[Thing]:
        recurring = min(len(self._settings.recurring_children), self._settings.campaigns)
        parents = [self._campaign(place, place < recurring) for place in range(self._settings.campaigns)]
        campaigns = list(parents)
        for parent, count in zip(parents, self._settings.recurring_children, strict=False):
            for _ in range(count):
                child = self._campaign(len(campaigns), False)
                child["name"] = f"{parent['name']} #{len(campaigns)}"
                child["recurringCampaignId"] = parent["id"]
                child["messageMedium"] = parent["messageMedium"]
                campaigns.append(child)
        return campaigns

    def _campaign(self, place: int, recurring: bool) -> Thing:
        draw = Draw.named(self._settings.seed, "campaign", place)
        states = UNKNOWN_STATES if place % 13 == 12 else CAMPAIGN_STATES
        state = "Recurring" if recurring else states[place % len(states)]
        created = self._past(draw)
        updated = self._later(draw, created)
        thing: Thing = {
            "id": 500001 + place,
            "createdAt": created,
            "updatedAt": updated,
            "name": f"{draw.pick(THINGS)} {place}",
            "messageMedium": MEDIA[place % 4],
            "createdByUserId": "editor@example.com",
            "updatedByUserId": draw.pick(("editor@example.com", "zoë@example.com")),
            "campaignState": state,
            "listIds": [self.lists[place % len(self.lists)]["id"]] if self.lists else [],
            "suppressionListIds": [],
            "labels": [draw.pick(ODD_TEXTS)] if place % 4 == 1 else [],
            "type": "Triggered" if place % 5 == 4 else "Blast",
        }
        if self.templates:
            thing["templateId"] = self.templates[place % len(self.templates)]["templateId"]
        if state not in ("Draft", "Ready"):
            thing["startAt"] = created + draw.below(HOUR_MS)
        if state in ("Finished", "Archived", "Recalled"):
            thing["endedAt"] = updated
            thing["sendSize"] = draw.below(100_000)
        if thing["type"] == "Triggered" and self.journeys:
            thing["workflowId"] = self.journeys[place % len(self.journeys)]["id"]
        return thing

    def _experiments(self) -> dict[int, list[int]]:
        """Experiments of every third email campaign: id of the campaign -> ids of its experiments."""
        emails = [thing["id"] for thing in self.campaigns if thing["messageMedium"] == "Email"]
        return {campaign: [60_000 + campaign - 500_000] for campaign in emails[::3]}

    # change

    def touch(self, kind: str, thing_id: int) -> None:
        """Let the campaign, template or journey with this id be updated now."""
        key = "templateId" if kind == "templates" else "id"
        for thing in getattr(self, kind):
            if thing[key] == thing_id:
                thing["updatedAt"] = self._clock.now_ms()
                return
        raise KeyError(f"no {thing_id} in {kind}")

    def delete_list(self, list_id: int) -> None:
        """Let the list be gone."""
        if list_id not in self.list_places:
            raise KeyError(f"no list {list_id}")
        self.lists = [thing for thing in self.lists if thing["id"] != list_id]

    def _past(self, draw: Draw) -> int:
        return self.epoch_ms + draw.below(self._span)

    def _later(self, draw: Draw, created: int) -> int:
        # On a multiple of six hours now and then, so that several things share an update's time, as after a bulk
        # edit: a page may then end between two of the same time.
        updated = created + draw.below(max(self.start_day_ms - created, 1))
        return max(created, updated // (6 * HOUR_MS) * (6 * HOUR_MS)) if draw.one_in(2) else updated

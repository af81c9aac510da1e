"""What the project consists of: lists, campaigns, templates and all other things that the API lists."""

from __future__ import annotations

from functools import cached_property
from hashlib import sha256
from typing import Any

import orjson

from .draws import Draw, seeded
from .errors import Refusal
from .fixtures import Fixtures, Maker, fixture
from .settings import SandboxSettings
from .times import DAY_MS, HOUR_MS, Clock
from .users import People

Thing = dict[str, Any]

# The states of the reference, then two that were seen though it names neither, then one that nobody knows.
CAMPAIGN_STATES = ("Finished", "Running", "Ready", "Draft", "Scheduled", "Starting", "Aborted", "Archived", "Finished")
UNKNOWN_STATES = ("Recalled", "Recalling", "Throttled")
REFERENCE_STATES = (*dict.fromkeys(CAMPAIGN_STATES), "Recurring")
MEDIA = ("Email", "Push", "InApp", "SMS")
TEMPLATE_TYPES = ("Base", "Blast", "Triggered", "Workflow")


class World:
    """The project's things, in the order of their ids. Each is the dictionary that the API sends."""

    def __init__(self, settings: SandboxSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self.start_day_ms = clock.now_ms() // DAY_MS * DAY_MS
        self.epoch_ms = self.start_day_ms - settings.days * DAY_MS
        self.fixtures = Fixtures(self.things, settings.odd)
        self._things: dict[str, list[Thing]] = {}
        self._deleted: set[int] = set()
        self.people = People(settings, self.epoch_ms, [thing["id"] for thing in self.lists], self.fixtures)
        self.catalogs = [f"Catalog-{place:02d}" for place in range(settings.catalogs)]
        self.tables = [f"table{place}" for place in range(settings.metadata_tables)]

    def things(self, name: str) -> list[Thing]:
        """Things of a fixture, as many as the setting of the same name says (10 where there is none)."""
        if name not in self._things:
            make, count = self.fixtures.maker(fixture(name)), getattr(self._settings, name, 10)
            self._things[name] = [self.make(make, place, name, place) for place in range(count)]
        return self._things[name]

    def make(self, make: Maker, place: int, *name: object) -> Any:
        """Something with times of its own, at this place of its list."""
        draw = Draw(seeded(self._settings.seed, *name, size=64))
        draw.n = place
        draw.created_ms = self.epoch_ms + draw.below(max(self._settings.days, 1) * DAY_MS)
        draw.updated_ms = draw.created_ms + draw.below(max(self.start_day_ms - draw.created_ms, 1))
        if draw.one_in(2):
            # Several things share an update's time, as after a bulk edit: a page may end between two of them.
            draw.updated_ms = max(draw.created_ms, draw.updated_ms // (6 * HOUR_MS) * (6 * HOUR_MS))
        return make(draw)

    @property
    def lists(self) -> list[Thing]:
        """The lists that are not deleted."""
        return [thing for thing in self.things("lists") if thing["id"] not in self._deleted]

    @property
    def journeys(self) -> list[Thing]:
        """All journeys, archived ones included."""
        return self.things("journeys")

    @cached_property
    def templates(self) -> list[Thing]:
        """All templates: sixteen kinds in turn."""
        templates = self.things("templates")
        for place, template in enumerate(templates):
            if self.template_kind(place)[0] != "Base" and place < self._settings.campaigns:
                template["campaignId"] = 500_001 + place
        return templates

    @staticmethod
    def template_kind(place: int) -> tuple[str, str]:
        """The template type and medium at this place."""
        return TEMPLATE_TYPES[place // 4 % 4], MEDIA[place % 4]

    @cached_property
    def template_kinds(self) -> dict[int, tuple[str, str]]:
        """The template type and medium of every template by its id."""
        return {thing["templateId"]: self.template_kind(place) for place, thing in enumerate(self.templates)}

    @cached_property
    def campaigns(self) -> list[Thing]:
        """All campaigns: first those that were made by hand, then the children of recurring ones."""
        children = self._settings.recurring_children[: self._settings.campaigns]
        make = self.fixtures.maker(fixture("campaigns"))
        campaigns = [self._campaign(make, place, place < len(children)) for place in range(self._settings.campaigns)]
        for parent, count in zip(list(campaigns), children, strict=False):
            for _ in range(count):
                child = self._campaign(make, len(campaigns), False)
                child |= {name: parent[name] for name in ("messageMedium", "templateId") if name in parent}
                child |= {"name": f"{parent['name']} #{len(campaigns)}", "recurringCampaignId": parent["id"]}
                campaigns.append(child)
        return campaigns

    def _campaign(self, make: Maker, place: int, recurring: bool) -> Thing:
        thing: Thing = self.make(make, place, "campaigns", place)
        states = UNKNOWN_STATES if place % 13 == 12 and self._settings.odd else CAMPAIGN_STATES
        state = thing["campaignState"] = "Recurring" if recurring else states[place % len(states)]
        if self.lists:
            thing["listIds"] = [self.lists[place % len(self.lists)]["id"]]
        if self.templates:
            thing["templateId"] = self.templates[place % len(self.templates)]["templateId"]
        if thing["type"] == "Triggered" and self.journeys:
            thing["workflowId"] = self.journeys[place % len(self.journeys)]["id"]
        for name, absent in (("startAt", ("Draft", "Ready")), ("endedAt", ()), ("sendSize", ())):
            if state in absent or (not absent and state not in ("Finished", "Archived", "Recalled")):
                del thing[name]
        return thing

    @cached_property
    def experiments(self) -> dict[int, int]:
        """Experiments of every third email campaign: id of the campaign -> id of its experiment."""
        emails = [thing["id"] for thing in self.campaigns if thing["messageMedium"] == "Email"]
        return {campaign: campaign - 440_000 for campaign in emails[::3]}

    def messages(self, medium: str | None) -> list[Thing]:
        """What events say about a message, for every campaign of the medium that sends; one of no campaign otherwise."""
        templates = {thing["templateId"]: thing for thing in self.templates}
        channels = {thing["id"]: thing["channelId"] for thing in self.things("message_types")}
        journeys = {thing["id"]: thing["name"] for thing in self.journeys}
        messages = []
        for campaign in self.campaigns:
            if campaign["messageMedium"] == medium and "startAt" in campaign:
                message = {"campaignId": campaign["id"]}
                if campaign.get("templateId") in templates:
                    template = templates[campaign["templateId"]]
                    kind = template["messageTypeId"]
                    message |= {"templateId": template["templateId"], "messageTypeId": kind}
                    message |= {"channelId": channels[kind]} if kind in channels else {}
                    message |= {"contentId": 3_000_000 + template["templateId"]}
                if "workflowId" in campaign:
                    workflow = campaign["workflowId"]
                    message |= {"workflowId": workflow, "workflowName": journeys[workflow]}
                if campaign["id"] in self.experiments:
                    message["experimentId"] = self.experiments[campaign["id"]]
                messages.append(message)
        return messages or [{}] * (medium is not None)

    def delete_list(self, list_id: int) -> None:
        """Let a list be gone. Events go on to name it."""
        if list_id not in {thing["id"] for thing in self.lists}:
            raise KeyError(f"no list {list_id}")
        self._deleted.add(list_id)

    def touch(self, name: str, key: str, thing_id: int) -> None:
        """Let the campaign, template or journey with this id be updated now."""
        for thing in getattr(self, name):
            if thing[key] == thing_id:
                thing["updatedAt"] = self._clock.now_ms()
                return
        raise KeyError(f"no {thing_id} in {name}")

    # catalogs and metadata: the first holds all that the settings say, the second none, the others a part

    def catalog(self, name: str) -> str:
        """The catalog of this name in any case, as the reference says. Raises Refusal."""
        return _named(self.catalogs, name, "Catalog not found")

    def catalog_items(self, catalog: str) -> list[Thing]:
        """The items of a catalog."""
        make, items = self.fixtures.maker(fixture("catalog_items")), []
        for place in range(_share(self._settings.catalog_items, self.catalogs.index(catalog))):
            item = self.make(make, place, "item", catalog, place)
            size = len(orjson.dumps(item["value"]))
            items.append({"catalogName": catalog, "itemId": f"Item-{place:04d}", **item, "size": size})
        return items

    def field_mappings(self, catalog: str) -> Thing:
        """The types that somebody has given to fields, and the fields that nobody has."""
        place = self.catalogs.index(catalog)
        mappings = {"name": "string", "price": "double", "inStock": "boolean"} if place % 3 else {}
        return {"definedMappings": mappings, "undefinedFields": ["tags", "seller.city"] if place % 2 else []}

    def table(self, name: str) -> str:
        """The metadata table of this name. Raises Refusal."""
        return _named(self.tables, name, "No such table")

    def metadata(self, table: str) -> dict[str, Thing]:
        """The entries of a table by their keys, which know case, in the order of these."""
        make, entries = self.fixtures.maker(fixture("metadata_entries")), {}
        for place in range(_share(self._settings.metadata_entries, self.tables.index(table))):
            key = f"{('Key', 'key')[place % 2]}{place // 2:04d}"
            entry = self.make(make, place, "metadata", table, key)
            entries[key] = {"table": table, "key": key, **entry, "size": len(orjson.dumps(entry["value"]))}
        return dict(sorted(entries.items()))

    def forgotten(self, kind: str) -> list[str]:
        """Hashes of forgotten users; kind is `email` or `userId`."""
        names = (f"{kind}-forgotten-{number}" for number in range(self._settings.forgotten))
        return [sha256(name.encode()).hexdigest() for name in names]


def _named(names: list[str], wanted: str, msg: str) -> str:
    for name in names:
        if name.lower() == wanted.lower():
            return name
    raise Refusal(msg, 404)


def _share(count: int, place: int) -> int:
    return (count, 0)[place] if place < 2 else count // place

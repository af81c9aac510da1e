"""What the project consists of: lists, campaigns, templates and all other things that the API lists."""

from __future__ import annotations

from functools import cached_property
from hashlib import sha256
from typing import Any

from .fixtures import Draw, Fixtures, Maker, Record, fixture, seeded
from .settings import SandboxSettings
from .times import DAY_MS, HOUR_MS, Clock
from .users import People

Thing = dict[str, Any]

# The states of the reference, then two that were seen though it names neither, then one that nobody knows.
REFERENCE_STATES = (*dict.fromkeys(fixture("campaigns")["campaignState"]["$cycle"]), "Recurring")
UNKNOWN_STATES = ("Recalled", "Recalling", "Throttled")
MEDIA = ("Email", "Push", "InApp", "SMS")
TEMPLATE_TYPES = ("Base", "Blast", "Triggered", "Workflow")


class World:
    """The project's things, in the order of their ids. Each is the dictionary that the API sends."""

    def __init__(self, settings: SandboxSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._start_day_ms = clock.now_ms() // DAY_MS * DAY_MS
        self.epoch_ms = self._start_day_ms - settings.days * DAY_MS
        self.fixtures = Fixtures(self.things, settings.odd)
        self._things: dict[str, list[Thing]] = {}
        self._makers: dict[int, Maker] = {}
        self._deleted: set[int] = set()
        self.people = People(settings, self.epoch_ms, [thing["id"] for thing in self.lists], self.fixtures)
        self.catalogs = [f"Catalog-{place:02d}" for place in range(settings.catalogs)]
        self.tables = [f"table{place}" for place in range(settings.metadata_tables)]

    def things(self, name: str) -> list[Thing]:
        """Things of a fixture, as many as the setting of the same name says (10 where there is none)."""
        if name not in self._things:
            count = getattr(self._settings, name, 10)
            self._things[name] = [self.make(fixture(name), place, name, place) for place in range(count)]
        return self._things[name]

    def make(self, template: Record, place: int, *name: object) -> Thing:
        """A thing of a fixture with times of its own, at this place of its list."""
        draw = Draw(seeded(self._settings.seed, *name))
        draw.n = place
        draw.created_ms = self.epoch_ms + draw.below(max(self._settings.days, 1) * DAY_MS)
        draw.updated_ms = draw.created_ms + draw.below(max(self._start_day_ms - draw.created_ms, 1))
        if draw.below(2):
            # Several things share an update's time, as after a bulk edit: a page may end between two of them.
            draw.updated_ms = max(draw.created_ms, draw.updated_ms // (6 * HOUR_MS) * (6 * HOUR_MS))
        if id(template) not in self._makers:
            self._makers[id(template)] = self.fixtures.maker(template)
        thing: Thing = self._makers[id(template)](draw)
        return thing

    @property
    def lists(self) -> list[Thing]:
        """The lists that are not deleted."""
        return [thing for thing in self.things("lists") if thing["id"] not in self._deleted]

    @cached_property
    def template_kinds(self) -> dict[int, tuple[str, str]]:
        """The template type and medium of every template by its id: all sixteen in turn."""
        ids = [thing["templateId"] for thing in self.things("templates")]
        return {each: (TEMPLATE_TYPES[place // 4 % 4], MEDIA[place % 4]) for place, each in enumerate(ids)}

    @cached_property
    def campaigns(self) -> list[Thing]:
        """All campaigns: first those that were made by hand, then the children of recurring ones."""
        campaigns = self.things("campaigns")
        for thing in campaigns[12::13] if self._settings.odd else ():
            thing["campaignState"] = UNKNOWN_STATES[campaigns.index(thing) % 3]
        for parent, count in zip(list(campaigns), self._settings.recurring_children, strict=False):
            parent["campaignState"] = "Recurring"
            for place in range(len(campaigns), len(campaigns) + count):
                child = self.make(fixture("campaigns"), place, "campaigns", place)
                child |= {name: parent[name] for name in ("messageMedium", "templateId") if name in parent}
                child |= {"name": f"{parent['name']} #{place}", "recurringCampaignId": parent["id"]}
                campaigns.append(child)
        return campaigns

    @cached_property
    def experiments(self) -> dict[int, int]:
        """Experiments of every third email campaign: id of the campaign -> id of its experiment."""
        emails = [thing["id"] for thing in self.campaigns if thing["messageMedium"] == "Email"]
        return {campaign: campaign - 440_000 for campaign in emails[::3]}

    def messages(self, medium: str | None) -> list[Record]:
        """What events say about a message, for every campaign of the medium that was started."""
        templates = {thing["templateId"]: thing for thing in self.things("templates")}
        channels = {thing["id"]: thing.get("channelId") for thing in self.things("message_types")}
        journeys = {thing["id"]: thing["name"] for thing in self.things("journeys")}
        messages = []
        for campaign in self.campaigns:
            if campaign["messageMedium"] == medium and "startAt" in campaign:
                template_id, workflow_id = campaign.get("templateId"), campaign.get("workflowId")
                kind = templates.get(template_id, {}).get("messageTypeId")
                message = {"campaignId": campaign["id"], "templateId": template_id, "messageTypeId": kind}
                message |= {"channelId": channels.get(kind), "contentId": campaign["id"] + 3_000_000}
                message |= {"workflowId": workflow_id, "workflowName": journeys.get(workflow_id)}
                message |= {"experimentId": self.experiments.get(campaign["id"])}
                messages.append({name: value for name, value in message.items() if value is not None})
        return messages

    def delete_list(self, list_id: int) -> None:
        """Let a list be gone. Events go on to name it."""
        self._deleted.add(next(thing["id"] for thing in self.lists if thing["id"] == list_id))

    def touch(self, name: str, key: str, thing_id: int) -> None:
        """Let the campaign, template or journey with this id be updated now."""
        next(each for each in self.things(name) if each[key] == thing_id)["updatedAt"] = self._clock.now_ms()

    @cached_property
    def catalog_items(self) -> list[Thing]:
        """The items of all catalogs."""
        return [
            {"catalogName": name, "itemId": f"Item-{n:04d}", **self.make(fixture("catalog_items"), n, name, n)}
            for name, n in _shares(self.catalogs, self._settings.catalog_items)
        ]

    @property
    def field_mappings(self) -> list[Thing]:
        """The types that somebody has given to fields of catalogs, and the fields that nobody has."""
        named = enumerate(self.catalogs)
        return [{"catalogName": name, **self.make(fixture("field_mappings"), place, name)} for place, name in named]

    @cached_property
    def entries(self) -> list[Thing]:
        """The entries of all metadata tables by their keys, which know case."""
        shares = _shares(self.tables, self._settings.metadata_entries)
        keys = sorted((table, f"{('Key', 'key')[place % 2]}{place // 2:04d}") for table, place in shares)
        template = fixture("metadata_entries")
        return [{"table": table, "key": key, **self.make(template, 0, table, key)} for table, key in keys]

    def forgotten(self, kind: str, without: str) -> list[Thing]:
        """Hashes of forgotten users, by email or userId; none in projects of the type that does not know these."""
        count = 0 if self._settings.project_type == without else self._settings.forgotten
        digests = [sha256(f"{kind}-forgotten-{number}".encode()).hexdigest() for number in range(count)]
        return [{"hash": digest, "identifierType": kind} for digest in digests]


def _shares(names: list[str], count: int) -> list[tuple[str, int]]:
    """What each holds by number: the first all that the settings say, the second none, the others a part."""
    shares = [(count, 0)[place] if place < 2 else count // place for place in range(len(names))]
    return [(name, place) for name, share in zip(names, shares, strict=True) for place in range(share)]

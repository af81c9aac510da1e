"""What the project consists of: lists, campaigns, templates and all other things that the API lists."""

import threading
from functools import cache, cached_property
from hashlib import sha256
from typing import Any

from .fixtures import Draw, Fixtures, Maker, Record, fixture, seeded
from .settings import EMAIL_BASED, USER_ID_BASED, SandboxSettings
from .times import DAY_MS, HOUR_MS, Clock
from .users import People

Thing = dict[str, Any]

# The states of the reference, then two that were seen though it names neither, then one that nobody knows.
REFERENCE_STATES = (*dict.fromkeys(fixture("campaigns")["campaignState"]["$cycle"]), "Recurring")
UNKNOWN_STATES = ("Recalled", "Recalling", "Throttled")
MEDIA = ("Email", "Push", "InApp", "SMS")
TEMPLATE_TYPES = ("Base", "Blast", "Triggered", "Workflow")


class World:
    """The project's things. Each is the dictionary that the API sends."""

    def __init__(self, settings: SandboxSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._start_day_ms = clock.now_ms() // DAY_MS * DAY_MS
        self.epoch_ms = self._start_day_ms - settings.days * DAY_MS
        # Events and campaigns go on to name lists that are deleted.
        self.fixtures = Fixtures(lambda name: self._lists if name == "lists" else self.things(name), settings.odd)
        self._things: dict[str, list[Thing]] = {}
        self._lock = threading.RLock()
        self._makers: dict[int, Maker] = {}
        self._catalogs = [f"Catalog-{place:02d}" for place in range(settings.catalogs)]
        self._tables = [f"table{place}" for place in range(settings.metadata_tables)]
        self._lists = self.things("lists")
        self.people = People(settings, self.epoch_ms, [thing["id"] for thing in self._lists], self.fixtures)

    def things(self, name: str) -> list[Thing]:
        """The things of a stream, in the order of their ids. They come from the method of its name, or from its
        fixture, as many as the setting of its name says (10 where there is none).
        """
        with self._lock:
            if name not in self._things:
                made, count = getattr(self, f"_make_{name}", None), getattr(self._settings, name, 10)
                self._things[name] = made() if made is not None else self._of_fixture(name, count)
            return self._things[name]

    def _of_fixture(self, name: str, count: int) -> list[Thing]:
        return [self._fill(fixture(name), place, name, place) for place in range(count)]

    def _fill(self, template: Record, place: int, *name: object) -> Thing:
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

    def delete_list(self, list_id: int) -> None:
        """Let a list be gone."""
        lists = {thing["id"]: thing for thing in self.things("lists")}
        del lists[list_id]
        self._things["lists"] = list(lists.values())
        self._things.pop("list_users", None)

    def touch(self, name: str, key: str, thing_id: int) -> None:
        """Let the campaign, template or journey with this id be updated now."""
        {each[key]: each for each in self.things(name)}[thing_id]["updatedAt"] = self._clock.now_ms()
        self._things.pop("template_contents", None)

    # campaigns and templates

    @cached_property
    def template_kinds(self) -> dict[int, tuple[str, str]]:
        """The template type and medium of every template by its id: all sixteen in turn."""
        ids = [thing["templateId"] for thing in self.things("templates")]
        return {each: (TEMPLATE_TYPES[place // 4 % 4], MEDIA[place % 4]) for place, each in enumerate(ids)}

    def _make_campaigns(self) -> list[Thing]:
        """First those that were made by hand, then the children of recurring ones."""
        campaigns = self._of_fixture("campaigns", self._settings.campaigns)
        for place in range(12, len(campaigns), 13) if self._settings.odd else ():
            campaigns[place]["campaignState"] = UNKNOWN_STATES[place % 3]
        for parent, count in zip(list(campaigns), self._settings.recurring_children, strict=False):
            parent["campaignState"] = "Recurring"
            for place in range(len(campaigns), len(campaigns) + count):
                child = self._fill(fixture("campaigns"), place, "campaigns", place)
                child |= {name: parent[name] for name in ("messageMedium", "templateId") if name in parent}
                child |= {"name": f"{parent['name']} #{place}", "recurringCampaignId": parent["id"]}
                campaigns.append(child)
        return campaigns

    def _make_child_campaigns(self) -> list[Thing]:
        return [thing for thing in self.things("campaigns") if "recurringCampaignId" in thing]

    def _make_campaigns_metrics(self) -> list[Thing]:
        """A row of text for every campaign that has metrics; a cell may be empty: no order, no average."""
        rows = []
        for thing in self.things("campaigns"):
            if thing["campaignState"] not in ("Draft", "Scheduled"):
                cells = self._fill(of_medium("metrics", thing["messageMedium"]), 0, "metrics", thing["id"])
                rows.append({"id": str(thing["id"]), **{name: str(value) for name, value in cells.items()}})
        return rows

    @cached_property
    def _experiments(self) -> dict[int, int]:
        """Experiments of every third email campaign: id of the campaign -> id of its experiment."""
        emails = [thing["id"] for thing in self.things("campaigns") if thing["messageMedium"] == "Email"]
        return {campaign: campaign - 440_000 for campaign in emails[::3]}

    def _make_experiments_metrics(self) -> list[Thing]:
        """A row of text for each variation of an experiment."""
        rows = []
        for campaign, experiment in self._experiments.items():
            for place in range(3):
                cells = self._fill(fixture("experiments"), place, "experiment", experiment, place)
                row = {"Campaign ID": campaign, "Experiment ID": experiment, **cells}
                rows.append({name: str(value) for name, value in row.items()})
        return rows

    def _make_template_contents(self) -> list[Thing]:
        """What templates/{medium}/get says of each, and its medium; what the template says too is as there."""
        contents = []
        for template in self.things("templates"):
            medium = self.template_kinds[template["templateId"]][1]
            fields = self._fill(of_medium("template_contents", medium), 0, "content", template["templateId"])
            fields |= {name: value for name, value in template.items() if name in fields}
            if "metadata" in fields:
                fields["metadata"] = {name: value for name, value in template.items() if name != "campaignId"}
            contents.append({"messageMedium": medium, **fields})
        return contents

    def messages(self, medium: str | None) -> list[Record]:
        """What events say about a message, for every campaign of the medium that was started."""
        templates = {thing["templateId"]: thing for thing in self.things("templates")}
        channels = {thing["id"]: thing.get("channelId") for thing in self.things("message_types")}
        journeys = {thing["id"]: thing["name"] for thing in self.things("journeys")}
        messages = []
        for campaign in self.things("campaigns"):
            if campaign["messageMedium"] == medium and "startAt" in campaign:
                template_id, workflow_id = campaign.get("templateId"), campaign.get("workflowId")
                kind = templates.get(template_id, {}).get("messageTypeId")
                message = {"campaignId": campaign["id"], "templateId": template_id, "messageTypeId": kind}
                message |= {"channelId": channels.get(kind), "contentId": campaign["id"] + 3_000_000}
                message |= {"workflowId": workflow_id, "workflowName": journeys.get(workflow_id)}
                message |= {"experimentId": self._experiments.get(campaign["id"])}
                messages.append({name: value for name, value in message.items() if value is not None})
        return messages

    # catalogs, metadata, users

    def _make_catalogs(self) -> list[Thing]:
        return [{"name": name} for name in self._catalogs]

    def _make_catalog_items(self) -> list[Thing]:
        shares, template = _shares(self._catalogs, self._settings.catalog_items), fixture("catalog_items")
        named = [({"catalogName": name, "itemId": f"Item-{n:04d}"}, name, n) for name, n in shares]
        return [{**keys, **self._fill(template, n, name, n)} for keys, name, n in named]

    def _make_catalog_field_mappings(self) -> list[Thing]:
        named, template = enumerate(self._catalogs), fixture("field_mappings")
        return [{"catalogName": name, **self._fill(template, place, name)} for place, name in named]

    def _make_metadata(self) -> list[Thing]:
        return [{"name": name} for name in self._tables]

    def _make_metadata_entries(self) -> list[Thing]:
        """By their keys, which know case."""
        shares = _shares(self._tables, self._settings.metadata_entries)
        keys = sorted((table, f"{('Key', 'key')[place % 2]}{place // 2:04d}") for table, place in shares)
        template = fixture("metadata_entries")
        return [{"table": table, "key": key, **self._fill(template, 0, table, key)} for table, key in keys]

    def _make_user_fields(self) -> list[Thing]:
        return [{"name": name, "type": kind} for kind, names in fixture("user_fields").items() for name in names]

    def _make_forgotten_users(self) -> list[Thing]:
        """Hashes of what the project knows its users by."""
        kinds = {"email": USER_ID_BASED, "userId": EMAIL_BASED}
        names = [kind for kind, without in kinds.items() if self._settings.project_type != without]
        numbered = [(name, f"{name}-forgotten-{n}") for name in names for n in range(self._settings.forgotten)]
        return [{"hash": sha256(text.encode()).hexdigest(), "identifierType": name} for name, text in numbered]

    def _make_list_users(self) -> list[Thing]:
        """As a connector asks for them: userIds unless the project is email-based."""
        ids = [thing["id"] for thing in self.things("lists")]
        return [{"listId": each, "userIdentifier": line} for each in ids for line in self.people.lines(each)]


@cache
def of_medium(name: str, medium: str) -> Record:
    """The part of a fixture that all media share, and the medium's own."""
    return {**fixture(name)["all"], **fixture(name)[medium]}


def _shares(names: list[str], count: int) -> list[tuple[str, int]]:
    """What each holds by number: the first all that the settings say, the second none, the others a part."""
    shares = [(count, 0)[place] if place < 2 else count // place for place in range(len(names))]
    return [(name, place) for name, share in zip(names, shares, strict=True) for place in range(share)]

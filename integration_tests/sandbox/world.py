"""What the project consists of: lists, campaigns, templates and all else that the API lists."""

import threading
from hashlib import sha256
from typing import Any

from . import campaigns as sent
from . import experiments
from .fixtures import Draw, Fixtures, Maker, Record, fixture, seeded
from .people import People
from .settings import EMAIL_BASED, USER_ID_BASED, SandboxSettings
from .times import DAY_MS, HOUR_MS, Clock

Thing = dict[str, Any]

# The states of the reference, then two that were seen though it names neither, then an invented one.
REFERENCE_STATES = (*dict.fromkeys(fixture("campaigns")["campaignState"]["$cycle"]), "Recurring")
UNKNOWN_STATES = ("Recalled", "Recalling", "Throttled")
MEDIA = ("Email", "Push", "InApp", "SMS")
TEMPLATE_TYPES = ("Base", "Blast", "Triggered", "Workflow")


class World:
    """The project's things. Each is the dictionary that the API sends."""

    def __init__(self, settings: SandboxSettings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self._start_day_ms = clock.now_ms() // DAY_MS * DAY_MS
        self.epoch_ms = self._start_day_ms - settings.days * DAY_MS
        # Events and campaigns go on to name lists that are deleted.
        self.fixtures = Fixtures(lambda name: self._lists if name == "lists" else self.things(name), settings.odd)
        self._things: dict[str, list[Thing]] = {}
        self._scheduled: dict[int, int] = {}  # campaigns that start and finish by themselves, and when
        self._lock = threading.RLock()
        self._makers: dict[str, Maker] = {}
        self._lists = self.things("lists")
        self.people = People(settings, self.epoch_ms, [thing["id"] for thing in self._lists], self.fixtures)
        # Not cached properties, which have a lock of their own before Python 3.12: with that of `things`, two threads could
        # each hold one and wait for the other.
        self.template_kinds = self._template_kinds()
        self.experiment_ids = self._experiment_ids()

    def things(self, name: str) -> list[Thing]:
        """The things of a stream, in the order of their ids. They come from the method of its name, or from its
        fixture, as many as the setting of its name says.
        """
        with self._lock:
            if name in ("campaigns", "child_campaigns"):
                self._send_campaigns()
            if name not in self._things:
                made = getattr(self, f"_make_{name}", None)
                self._things[name] = made() if made is not None else self._of_fixture(name)
            return self._things[name]

    def _of_fixture(self, name: str) -> list[Thing]:
        return [self.fill(name, place, name, place) for place in range(getattr(self._settings, name, 10))]

    def fill(self, template: str, place: int, *name: object) -> Thing:
        """A thing of a fixture, or of its part for a medium, with times of its own, at this place of its list."""
        draw = Draw(seeded(self._settings.seed, *name), n=place)
        draw.created_ms = self.epoch_ms + draw.below(max(self._settings.days, 1) * DAY_MS)
        draw.updated_ms = draw.created_ms + draw.below(max(self._start_day_ms - draw.created_ms, 1))
        if draw.below(2):
            # Several things share an update's time, as after a bulk edit: a page may end between two of them.
            draw.updated_ms = max(draw.created_ms, draw.updated_ms // (6 * HOUR_MS) * (6 * HOUR_MS))
        # What is sent is sent after its last edit.
        draw.started_ms = (draw.updated_ms + self._start_day_ms) // 2
        draw.ended_ms = (draw.started_ms + self._start_day_ms) // 2
        if template not in self._makers:
            self._makers[template] = self.fixtures.maker(of_medium(*template.split(" ")))
        thing: Thing = self._makers[template](draw)
        return thing

    def touch(self, name: str, key: str, thing_id: int) -> None:
        """Update the campaign, template or journey with this id now."""
        self.change(name, key, thing_id, updatedAt=self._clock.now_ms())

    def change(self, name: str, key: str, thing_id: int, /, **fields: Any) -> None:
        """Change fields of the campaign, template or journey with this id. Its updatedAt stays, unless it is one of them."""
        self._scheduled.pop(thing_id, None)
        self._replace(name, [{**each, **fields} if each[key] == thing_id else each for each in self.things(name)])

    def delete(self, name: str, key: str, thing_id: int) -> None:
        """Delete the list, campaign, template or journey with this id."""
        self._scheduled.pop(thing_id, None)
        self._replace(name, [each for each in self.things(name) if each[key] != thing_id])

    def _replace(self, name: str, things: list[Thing]) -> None:
        """Other threads may be sending what there was."""
        with self._lock:
            self._things[name] = things
            for made_of_them in ("list_users", "child_campaigns", "template_contents", "template_locales"):
                self._things.pop(made_of_them, None)

    # campaigns and templates

    def _send_campaigns(self) -> None:
        now_ms = self._clock.now_ms()
        due = [each for each, start_ms in self._scheduled.items() if start_ms <= now_ms]
        if not due:
            return
        campaigns = [sent.as_of(each, now_ms) if each["id"] in due else each for each in self._things["campaigns"]]
        for each in campaigns:
            if "endedAt" in each:
                self._scheduled.pop(each["id"], None)
        self._replace("campaigns", campaigns)

    def _template_kinds(self) -> dict[int, tuple[str, str]]:
        """The template type and medium of every template by its id: all sixteen in turn."""
        ids = [thing["templateId"] for thing in self.things("templates")]
        return {each: (TEMPLATE_TYPES[place // 4 % 4], MEDIA[place % 4]) for place, each in enumerate(ids)}

    def _make_campaigns(self) -> list[Thing]:
        """First those that were made by hand, then the children of recurring ones."""
        campaigns = self._of_fixture("campaigns")
        for place in range(12, len(campaigns), 13) if self._settings.odd else ():
            campaigns[place]["campaignState"] = UNKNOWN_STATES[place % 3]
        for parent, count in zip(list(campaigns), self._settings.recurring_children, strict=False):
            parent["campaignState"] = "Recurring"
            for place in range(len(campaigns), len(campaigns) + count):
                child = self.fill("campaigns", place, "campaigns", place)
                child |= {name: parent[name] for name in ("messageMedium", "templateId") if name in parent}
                child |= {"name": f"{parent['name']} #{place}", "recurringCampaignId": parent["id"]}
                campaigns.append(child)
        self._scheduled = sent.scheduled(campaigns, self._start_day_ms)
        return campaigns

    def _make_child_campaigns(self) -> list[Thing]:
        return [thing for thing in self.things("campaigns") if "recurringCampaignId" in thing]

    def _experiment_ids(self) -> dict[int, int]:
        """Experiments of every third email campaign: id of the campaign -> id of its experiment."""
        emails = [thing["id"] for thing in self.things("campaigns") if thing["messageMedium"] == "Email"]
        return {campaign: campaign - 440_000 for campaign in emails[::3][: self._settings.experiments]}

    def _make_experiments_metrics(self) -> list[Thing]:
        return experiments.report(self)

    def _make_experiment_variants(self) -> list[Thing]:
        return experiments.variants(self)

    def _make_experiments(self) -> list[Thing]:
        return experiments.details(self)

    def _localized(self) -> list[Thing]:
        """The templates that have locales."""
        return self.things("templates")[:: self._settings.localized] if self._settings.locales else []

    def locales_of(self, template_id: int) -> list[str]:
        """The locales of a template, its default first; none where it has one content without a locale."""
        return [*self._settings.locales] if template_id in {each["templateId"] for each in self._localized()} else []

    def _make_template_contents(self) -> list[Thing]:
        """The fields of templates/{medium}/get, and the medium; fields that templates list too are the same there."""
        localized = {thing["templateId"] for thing in self._localized()}
        default = {"locale": next(iter(self._settings.locales), None), "isDefaultLocale": True}
        contents = [self._content(template) for template in self.things("templates")]
        return [{**each, **default} if each["templateId"] in localized else each for each in contents]

    def _make_template_locales(self) -> list[Thing]:
        """The contents in other locales than the default one."""
        return [
            {**self._content(template, locale), "locale": locale, "isDefaultLocale": False}
            for template in self._localized()
            for locale in self._settings.locales[1:]
        ]

    def _content(self, template: Thing, *locale: str) -> Thing:
        medium = self.template_kinds[template["templateId"]][1]
        fields = self.fill(f"template_contents {medium}", 0, "content", template["templateId"], *locale)
        fields |= {name: value for name, value in template.items() if name in fields}
        if "metadata" in fields:
            fields["metadata"] = {name: value for name, value in template.items() if name != "campaignId"}
        return {"messageMedium": medium, **fields}

    def messages(self, medium: str | None) -> list[Record]:
        """The fields of events about a message, for every campaign of the medium that was started."""
        templates = {thing["templateId"]: thing for thing in self.things("templates")}
        channels = {thing["id"]: thing.get("channelId") for thing in self.things("message_types")}
        journeys = {thing["id"]: thing["name"] for thing in self.things("journeys")}
        messages = []
        for campaign in self.things("campaigns"):
            if campaign["messageMedium"] == medium and "startAt" in campaign:
                message = {"campaignId": campaign["id"], "contentId": campaign["id"] + 3_000_000}
                message |= {name: campaign.get(name) for name in ("templateId", "workflowId")}
                message["messageTypeId"] = kind = templates.get(message["templateId"], {}).get("messageTypeId")
                message |= {"channelId": channels.get(kind), "workflowName": journeys.get(message["workflowId"])}
                message["experimentId"] = self.experiment_ids.get(campaign["id"])
                messages.append({name: value for name, value in message.items() if value is not None})
        return messages

    # catalogs, metadata, users

    def _make_catalogs(self) -> list[Thing]:
        return [{"name": f"Catalog-{place:02d}"} for place in range(self._settings.catalogs)]

    def _make_catalog_items(self) -> list[Thing]:
        shares = _shares(self.things("catalogs"), self._settings.catalog_items)
        return [
            {"catalogName": name, "itemId": f"Item-{n:04d}", **self.fill("catalog_items", n, name, n)}
            for name, n in shares
        ]

    def _make_catalog_field_mappings(self) -> list[Thing]:
        names = [thing["name"] for thing in self.things("catalogs")]
        return [{"catalogName": name, **self.fill("field_mappings", n, name)} for n, name in enumerate(names)]

    def _make_metadata(self) -> list[Thing]:
        return [{"name": f"table{place}"} for place in range(self._settings.metadata_tables)]

    def _make_metadata_entries(self) -> list[Thing]:
        """By their keys, which know case."""
        shares = _shares(self.things("metadata"), self._settings.metadata_entries)
        keys = sorted((table, f"{('Key', 'key')[place % 2]}{place // 2:04d}") for table, place in shares)
        return [{"table": table, "key": key, **self.fill("metadata_entries", 0, table, key)} for table, key in keys]

    def _make_user_fields(self) -> list[Thing]:
        return [{"name": name, "type": kind} for kind, names in fixture("user_fields").items() for name in names]

    def _make_forgotten_users(self) -> list[Thing]:
        """Hashes of what the project knows its users by."""
        kinds = {"email": USER_ID_BASED, "userId": EMAIL_BASED}
        names = [kind for kind, without in kinds.items() if self._settings.project_type != without]
        numbered = [(name, f"{name}-forgotten-{n}") for name in names for n in range(self._settings.forgotten)]
        return [{"hash": sha256(text.encode()).hexdigest(), "identifierType": name} for name, text in numbered]

    def _make_list_users(self) -> list[Thing]:
        """As a connector requests them: userIds unless the project is email-based."""
        ids = [thing["id"] for thing in self.things("lists")]
        return [{"listId": each, "userIdentifier": line} for each in ids for line in self.people.lines(each)]


def of_medium(name: str, medium: str = "") -> Record:
    """A fixture; for a medium, the part that all media share and its own."""
    whole: Record = fixture(name)
    return {**whole["all"], **whole[medium]} if medium else whole


def texts(row: Record) -> Record:
    """The cells of a CSV."""
    return {name: str(value) for name, value in row.items()}


def _shares(parents: list[Thing], count: int) -> list[tuple[str, int]]:
    """What each holds by number: the first all that the settings say, the second none, the others a part."""
    shares = [(count, 0)[place] if place < 2 else count // place for place in range(len(parents))]
    return [(thing["name"], n) for thing, share in zip(parents, shares, strict=True) for n in range(share)]

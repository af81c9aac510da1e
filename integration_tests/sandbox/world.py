"""The project: everything that the API lists, made from fixtures, the same every time; tests can change it."""

import threading
from collections.abc import Callable, Iterator
from functools import cache
from hashlib import sha256
from itertools import chain, cycle
from typing import Any, NamedTuple

from .fixtures import Draw, Fixtures, Record, fixture, seeded
from .people import People
from .settings import EMAIL_BASED, USER_ID_BASED, SandboxSettings
from .times import DAY_MS, HOUR_MS, Clock, format_time

# The states of the reference, then two that were seen though it names neither, then an invented one.
REFERENCE_STATES = (*dict.fromkeys(fixture("campaigns")["campaignState"]["$cycle"]), "Recurring")
UNKNOWN_STATES = ("Recalled", "Recalling", "Throttled")
MEDIA = ("Email", "Push", "InApp", "SMS")
EMBEDDED = "Embedded"  # the medium of templates that no list has
TEMPLATE_TYPES = ("Base", "Blast", "Triggered", "Workflow")
# Made of other things, so made anew when one of those changes.
_DERIVED = ("list_users", "list_sizes", "child_campaigns", "template_contents", "template_locales")
_SENDING_MS = 2 * HOUR_MS  # how long a scheduled campaign is being sent
_SENT_FOR_MS = 2 * DAY_MS  # the same of a campaign that has neither ended nor goes on, such as an aborted one
_FOR_EVER_MS = 2**62
_NOT_SENT_ITSELF = ("Recurring", "Scheduled")  # states of campaigns whose children send, or that will send
_IN_ANOTHER_SCRIPT = "新着情報：春のセール"  # the name of one campaign


class Sender(NamedTuple):
    """What sends messages from one time to another: the fields of its events. `life_ms`: how long its content is news."""

    fields: Record
    medium: str
    start_ms: int
    end_ms: int
    life_ms: int


class World:
    """The project's things by stream, each the dictionary that the API sends, and its users."""

    def __init__(self, settings: SandboxSettings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self.start_day_ms = clock.now_ms() // DAY_MS * DAY_MS
        self.epoch_ms = self.start_day_ms - settings.days * DAY_MS
        self._things: dict[str, list[Record]] = {}
        self._scheduled: dict[int, int] = {}  # campaigns that start and finish by themselves, and when they start
        self._lock = threading.RLock()
        # Events and campaigns go on to name lists that are deleted.
        self.fixtures = Fixtures(lambda name: self._lists if name == "lists" else self.things(name), settings.odd)
        self._maker = cache(lambda name: self.fixtures.maker(fixture(name)))
        self._lists = self.things("lists")
        self.people = People(settings, self.epoch_ms, [thing["id"] for thing in self._lists], self.fixtures)
        # The template type and medium of every template by its id: all sixteen in turn.
        ids = [thing["templateId"] for thing in self.things("templates")]
        self.template_kinds = {each: (TEMPLATE_TYPES[n // 4 % 4], _medium_at(n)) for n, each in enumerate(ids)}
        self.template_kinds |= {each["templateId"]: ("", EMBEDDED) for each in self.things("embedded")}
        # Every third email campaign that sends has an experiment: id of the campaign -> id of its experiment.
        sending = [thing for thing in self.things("campaigns") if thing["campaignState"] != "Recurring"]
        emails = [thing for thing in sending if thing["messageMedium"] == "Email"]
        tested = emails[::3][: settings.experiments]
        self.experiment_ids = {thing["id"]: thing["id"] - 440_000 for thing in tested}
        # The templates of its three variants, the first of which is the campaign's, by the id of the campaign.
        of_emails = [each for each, (_, medium) in self.template_kinds.items() if medium == "Email"]
        places = {thing["id"]: of_emails.index(thing["templateId"]) for thing in tested}
        self.variants = {each: [of_emails[(n + k) % len(of_emails)] for k in range(3)] for each, n in places.items()}
        # Of the project as it was at first: what a test changes or deletes later has sent what it sent.
        self.senders = list(self._make_senders())

    def things(self, name: str) -> list[Record]:
        """A stream's things by id, from `_make_{name}` or a fixture: as many as the setting of that name says, or ten."""
        with self._lock:
            now_ms = self._clock.now_ms()
            if name in ("campaigns", "child_campaigns") and any(now_ms >= at for at in self._scheduled.values()):
                self._store("campaigns", [self._sent(each, now_ms) for each in self._things["campaigns"]])
                self._scheduled = {each: at for each, at in self._scheduled.items() if now_ms < at + _SENDING_MS}
            if name not in self._things:
                made = getattr(self, f"_make_{name}", None)
                self._things[name] = self._of_fixture(name) if made is None else made()
            return self._things[name]

    def _of_fixture(self, name: str) -> list[Record]:
        return [self.fill(name, place, name, place) for place in range(getattr(self._settings, name, 10))]

    def fill(self, template: str, place: int, *name: object) -> Record:
        """A thing of this fixture at this place of its list; its name decides its values and times."""
        draw = Draw(seeded(self._settings.seed, *name), n=place)
        created_ms = self.epoch_ms + draw.below(max(self._settings.days, 1) * DAY_MS)
        updated_ms = created_ms + draw.below(max((self.start_day_ms - created_ms) // 2, 1))
        if draw.below(2):
            # Several things share an update's time, as after a bulk edit: a page may end between two of them.
            updated_ms = max(created_ms, updated_ms // (6 * HOUR_MS) * (6 * HOUR_MS))
        # What is sent is sent soon after its last edit.
        started_ms = updated_ms + (self.start_day_ms - updated_ms) // 8
        ended_ms = started_ms + (self.start_day_ms - started_ms) // 3
        draw.times = {"created": created_ms, "updated": updated_ms, "started": started_ms, "ended": ended_ms}
        thing: Record = self._maker(template)(draw)
        return thing

    def touch(self, name: str, thing_id: int) -> None:
        self.change(name, thing_id, updatedAt=self._clock.now_ms())

    def change(self, name: str, thing_id: int, /, **fields: Any) -> None:
        """Change fields of the thing of a stream with this id. Its updatedAt stays, unless it is one of them."""
        self._replace(name, thing_id, lambda thing: [{**thing, **fields}])

    def delete(self, name: str, thing_id: int) -> None:
        self._replace(name, thing_id, lambda thing: [])

    def _replace(self, name: str, thing_id: int, by: Callable[[Record], list[Record]]) -> None:
        key = "templateId" if name == "templates" else "id"
        self._scheduled.pop(thing_id, None)
        changed = [by(each) if each[key] == thing_id else [each] for each in self.things(name)]
        self._store(name, list(chain.from_iterable(changed)))

    def _store(self, name: str, things: list[Record]) -> None:
        """In a new list, as other threads may be sending the old one."""
        with self._lock:
            self._things[name] = things
            for derived in _DERIVED:
                self._things.pop(derived, None)

    def _sent(self, campaign: Record, now_ms: int) -> Record:
        """A campaign as it is now if it was scheduled: updatedAt stays at its last edit (seen)."""
        start_ms = self._scheduled.get(campaign["id"])
        if start_ms is None or now_ms < start_ms:
            return campaign
        if now_ms < start_ms + _SENDING_MS:
            return {**campaign, "campaignState": "Running"}
        ended = {"endedAt": start_ms + _SENDING_MS, "sendSize": campaign["id"] % 1000}
        return {**campaign, "campaignState": "Finished", **ended}

    def _make_templates(self) -> list[Record]:
        """Each of a message type whose channel is of its medium."""
        templates, channels = self._of_fixture("templates"), {each["id"]: each for each in self.things("channels")}
        for place, template in enumerate(templates):
            all_types, medium = self.things("message_types"), _medium_at(place)
            its = [each for each in all_types if channels[each["channelId"]]["messageMedium"] == medium] or all_types
            template["messageTypeId"] = its[place // len(MEDIA) % len(its)]["id"]
            if place >= self._settings.campaigns:
                template.pop("campaignId", None)
        return templates

    def _make_embedded(self) -> list[Record]:
        """The templates of embedded messages."""
        filled = [self.fill("templates", n, "embedded", n) for n in range(self._settings.embedded)]
        return [{**each, "templateId": each["templateId"] + 100_000} for each in filled]

    def _make_campaigns(self) -> list[Record]:
        """First those made by hand, then the children of recurring ones."""
        campaigns = self._of_fixture("campaigns")
        for place in range(12, len(campaigns), 13) if self._settings.odd else ():
            campaigns[place]["campaignState"] = UNKNOWN_STATES[place % 3]
        for parent, count, name in zip(
            list(campaigns), self._settings.recurring_children, cycle(fixture("words")["recurring"]), strict=False
        ):
            parent |= {"campaignState": "Recurring", "name": name}
            parent.pop("endedAt", None), parent.pop("sendSize", None)
            for place in range(len(campaigns), len(campaigns) + count):
                child = self.fill("campaigns", place, "campaigns", place)
                child |= {"name": name, "templateId": parent["templateId"], "recurringCampaignId": parent["id"]}
                campaigns.append(child)
        for place, template in enumerate(self.things("embedded"), len(campaigns)):
            campaigns.append(self.fill("campaigns", place, "campaigns", place) | {"templateId": template["templateId"]})
        for campaign in campaigns:
            campaign["messageMedium"] = self.template_kinds[campaign["templateId"]][1]
        for campaign in campaigns[3:4] if self._settings.odd else ():
            campaign["name"] = _IN_ANOTHER_SCRIPT
        for medium, name in zip(MEDIA, fixture("words")["evergreens"], strict=True):
            its = [each for each in campaigns if each["messageMedium"] == medium]
            _send_from_the_first_hour(its, self.epoch_ms, name)
        # The scheduled ones start on the next days, one after the other.
        scheduled = [each for each in campaigns if each["campaignState"] == "Scheduled"]
        for place, campaign in enumerate(scheduled):
            campaign["startAt"] = self.start_day_ms + (1 + place % 3) * DAY_MS + place * HOUR_MS
        for child in (each for each in campaigns if "recurringCampaignId" in each):
            day_ms = child["startAt"] if "startAt" in child else child["createdAt"]
            child["name"] += format_time(day_ms, ", {day}")
        self._scheduled = {each["id"]: each["startAt"] for each in scheduled}
        return campaigns

    def _make_child_campaigns(self) -> list[Record]:
        return [thing for thing in self.things("campaigns") if "recurringCampaignId" in thing]

    def _make_experiment_variants(self) -> list[Record]:
        """All fields of all endpoints but metrics; variants of drafts have no content."""
        states, variants = fixture("experiment_details")["status"]["$cycle"], []
        for (campaign, experiment), status in zip(self.experiment_ids.items(), cycle(states), strict=False):
            for number, template in enumerate(self.variants[campaign]):
                variant = self.fill("experiment_variants", number, "variant", experiment, number)
                won = status == "winner_found" and number == 1
                variant |= {"experimentId": experiment, "id": experiment * 10 + number, "isWinner": won}
                variant["value"]["templateId"] = template
                if status == "draft":
                    del variant["content"]
                variants.append(variant)
        return variants

    def _make_experiments(self) -> list[Record]:
        """The response of experiments/{id}, and the author, whom only the list names."""
        left_out, variants, found = ("experimentId", "content", "metrics"), self.things("experiment_variants"), []
        for place, (campaign, experiment) in enumerate(self.experiment_ids.items()):
            thing = self.fill("experiment_details", place, "details", experiment)
            thing["id"], thing["meta"]["campaignId"] = experiment, campaign
            its = [each for each in variants if each["experimentId"] == experiment]
            thing["variants"] = [{n: value for n, value in each.items() if n not in left_out} for each in its]
            found.append(thing)
        return found

    def locales_of(self, template_id: int) -> list[str]:
        """The locales of a template, its default first; none if it has one content without a locale."""
        localized = self.things("templates")[:: self._settings.localized]
        return [*self._settings.locales] if template_id in {each["templateId"] for each in localized} else []

    def _make_template_contents(self) -> list[Record]:
        """The fields of templates/{medium}/get, and the medium."""
        default = {"locale": next(iter(self._settings.locales), None), "isDefaultLocale": True}
        return [
            {**self._content(template), **(default if self.locales_of(template["templateId"]) else {})}
            for template in (*self.things("templates"), *self.things("embedded"))
        ]

    def _make_template_locales(self) -> list[Record]:
        """The contents in other locales than the default one."""
        return [
            {**self._content(template, locale), "locale": locale, "isDefaultLocale": False}
            for template in self.things("templates")
            for locale in self.locales_of(template["templateId"])[1:]
        ]

    def _content(self, template: Record, *locale: str) -> Record:
        """Fields that templates list too are the same here."""
        medium = self.template_kinds[template["templateId"]][1]
        fields = self.fill(f"template_contents {medium}", 0, "content", template["templateId"], *locale)
        fields |= {name: value for name, value in template.items() if name in fields}
        if "metadata" in fields:
            fields["metadata"] = {name: value for name, value in template.items() if name != "campaignId"}
        return {"messageMedium": medium, **fields}

    def _make_senders(self) -> Iterator[Sender]:
        """One for each campaign that was or will be started, or for each of its variants; recurring ones send nothing."""
        types = {thing["templateId"]: thing["messageTypeId"] for thing in self.things("templates")}
        channels = {thing["id"]: thing.get("channelId") for thing in self.things("message_types")}
        journeys = {thing["id"]: thing["name"] for thing in self.things("journeys")}
        for campaign in self.things("campaigns"):
            if "startAt" not in campaign or campaign["campaignState"] == "Recurring":
                continue
            start_ms, journey = campaign["startAt"], campaign.get("workflowId")
            end_ms = campaign.get("endedAt", start_ms + _SENT_FOR_MS)
            if campaign["campaignState"] == "Scheduled":
                end_ms = start_ms + _SENDING_MS
            elif campaign["campaignState"] == "Running":
                end_ms = _FOR_EVER_MS
            for template in self.variants.get(campaign["id"], [campaign["templateId"]]):
                fields = {
                    "campaignId": campaign["id"],
                    "contentId": campaign["id"] + 3_000_000,
                    "templateId": template,
                    "workflowId": journey,
                    "messageTypeId": types.get(template),
                    "channelId": channels.get(types.get(template)),
                    "workflowName": journeys.get(journey),
                    "experimentId": self.experiment_ids.get(campaign["id"]),
                }
                told = {name: value for name, value in fields.items() if value is not None}
                life_ms = min(end_ms - start_ms, max(self._settings.days, 1) * DAY_MS)
                yield Sender(told, campaign["messageMedium"], start_ms, end_ms, life_ms)

    def _make_catalog_items(self) -> list[Record]:
        shares = _shares(self.things("catalogs"), self._settings.catalog_items)
        return [
            {"catalogName": name, "itemId": f"Item-{n:04d}", **self.fill("catalog_items", n, name, n)}
            for name, n in shares
        ]

    def _make_catalog_field_mappings(self) -> list[Record]:
        names = [thing["name"] for thing in self.things("catalogs")]
        return [{"catalogName": name, **self.fill("field_mappings", n, name)} for n, name in enumerate(names)]

    def _make_metadata_entries(self) -> list[Record]:
        """By their keys, which differ in case."""
        shares = _shares(self.things("metadata"), self._settings.metadata_entries)
        keys = sorted((table, f"{('Key', 'key')[place % 2]}{place // 2:04d}") for table, place in shares)
        return [{"table": table, "key": key, **self.fill("metadata_entries", 0, table, key)} for table, key in keys]

    def _make_user_fields(self) -> list[Record]:
        return [{"name": name, "type": kind} for kind, names in fixture("user_fields").items() for name in names]

    def _make_forgotten_users(self) -> list[Record]:
        """Hashes of the identifiers that the project's type allows: of their lower case (reference)."""
        kinds = {"email": USER_ID_BASED, "userId": EMAIL_BASED}
        names = [kind for kind, without in kinds.items() if self._settings.project_type != without]
        numbered = [(name, f"{name}-forgotten-{n}") for name in names for n in range(self._settings.forgotten)]
        return [{"hash": sha256(text.lower().encode()).hexdigest(), "identifierType": name} for name, text in numbered]

    def _make_list_sizes(self) -> list[Record]:
        return [{"listId": thing["id"], "size": len(self.people.lines(thing["id"]))} for thing in self.things("lists")]

    def _make_list_users(self) -> list[Record]:
        """As a connector requests them: userIds unless the project is email-based."""
        ids = [thing["id"] for thing in self.things("lists")]
        return [{"listId": each, "userIdentifier": line} for each in ids for line in self.people.lines(each)]


def _medium_at(place: int) -> str:
    """The medium of the template at this place."""
    return MEDIA[place % len(MEDIA)]


def _send_from_the_first_hour(campaigns: list[Record], epoch_ms: int, name: str) -> None:
    """Let one of these go on all the time, preferably one that is running: no hour is without a sender."""
    sent = [each for each in campaigns if "startAt" in each and each["campaignState"] not in _NOT_SENT_ITSELF]
    for campaign in sorted(sent, key=lambda each: each["campaignState"] != "Running")[:1]:
        times = {"createdAt": epoch_ms, "updatedAt": epoch_ms, "startAt": epoch_ms + 1}
        campaign |= {"campaignState": "Running", "type": "Triggered", "name": name, **times}
        campaign.pop("endedAt", None), campaign.pop("sendSize", None)


def _shares(parents: list[Record], count: int) -> list[tuple[str, int]]:
    """What each holds, by number: the first all that the settings say, the second none, the others a part."""
    shares = [(count, 0)[place] if place < 2 else count // place for place in range(len(parents))]
    return [(thing["name"], n) for thing, share in zip(parents, shares, strict=True) for n in range(share)]

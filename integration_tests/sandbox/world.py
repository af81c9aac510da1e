"""What the project consists of: its users, and the lists, campaigns, templates and all else that the API lists."""

import threading
from collections.abc import Collection, Iterator
from hashlib import sha256
from typing import Any

from . import experiments
from .fixtures import Draw, Fixtures, Maker, Record, fixture, oddities, seeded
from .settings import EMAIL_BASED, HYBRID, USER_ID_BASED, SandboxSettings
from .times import DAY_MS, HOUR_MS, Clock, format_time

Thing = dict[str, Any]

# The states of the reference, then two that were seen though it names neither, then an invented one.
REFERENCE_STATES = (*dict.fromkeys(fixture("campaigns")["campaignState"]["$cycle"]), "Recurring")
UNKNOWN_STATES = ("Recalled", "Recalling", "Throttled")
MEDIA = ("Email", "Push", "InApp", "SMS")
TEMPLATE_TYPES = ("Base", "Blast", "Triggered", "Workflow")


class User:
    """One user: identifiers that never change, and the rhythm in which the profile is updated."""

    def __init__(self, index: int, settings: SandboxSettings, epoch_ms: int, fixtures: Fixtures) -> None:
        draw, words, kind = Draw(seeded(settings.seed, "user", index)), fixtures.words, settings.project_type
        self.index = index
        # Plus signs, capitals and non-ASCII letters are legal in addresses, and break careless URL building.
        name, tag, domain = (draw.pick(words[part]) for part in ("mail_names", "mail_tags", "mail_domains"))
        user_id = draw.pick((f"user-{index}", f"user {index}/ü", f"{index:08d}", f"USER&{index}=?"))
        if settings.odd and kind == HYBRID and index % 8 == 5:
            user_id = f"user{index}@login.example"
        part = draw.below(12)
        self.identifiers = {"itblUserId": draw.hex(24)}
        if kind == EMAIL_BASED or part < (8 if kind == HYBRID else 5):
            self.identifiers["email"] = f"{name}.{index}{tag}@{domain}"
        if part >= 4 if kind == HYBRID else kind != EMAIL_BASED or part < 5:
            self.identifiers["userId"] = user_id
        self.phone = f"+4930{index:07d}"
        vars(self).update(draw.pick(words["places"]))  # city, region, country, zone and locale
        self.list_ids: list[int] = []
        self.created_ms = epoch_ms - draw.below(400 * DAY_MS)
        # A quarter of the users never changes after signing up; the others every 1 to 20 days.
        self.period_ms = DAY_MS + draw.below(19 * DAY_MS) if draw.below(4) else 0
        self.lag_ms = draw.below(int(settings.index_lag * 1000) + 1)

    def line(self, prefer_user_id: bool) -> str:
        """The user's line in lists/getUsers."""
        names = ("userId", "email") if prefer_user_id else ("email", "userId")
        return next(self.identifiers[name] for name in (*names, "itblUserId") if name in self.identifiers)

    def is_member(self, place: int) -> bool:
        """Whether the list at this place holds the user: the first holds all, the third none, the fourth one."""
        if place < 4:
            return (True, self.index % 2 == 0, False, self.index == 0)[place]
        return (self.index * 2_654_435_761 + place * 40_503) % 97 < 97 // (place - 1)


class People:
    """All users of the project. `list_ids` are the lists that hold them, by place."""

    def __init__(self, settings: SandboxSettings, epoch_ms: int, list_ids: list[int], fixtures: Fixtures) -> None:
        self._settings, self._shapes = settings, fixtures.shapes
        self._profile, self._odd = fixtures.maker(fixture("profile")), oddities(fixtures, "user", 0.4)
        self.users = [User(index, settings, epoch_ms, fixtures) for index in range(settings.users)]
        self._by_name = {name: user for user in self.users for name in user.identifiers.values()}
        for user in self.users:
            user.list_ids = [list_id for place, list_id in enumerate(list_ids) if user.is_member(place)]

    def find(self, identifier: str, kinds: Collection[str]) -> User | None:
        """The user with this identifier, where it is of one of these kinds: email, userId, itblUserId."""
        user = self._by_name.get(identifier)
        return user if user and identifier in map(user.identifiers.get, kinds) else None

    def lines(self, list_id: int, prefer_user_id: bool = True) -> list[str]:
        """The lines of lists/getUsers."""
        prefer = prefer_user_id and self._settings.project_type != EMAIL_BASED
        return [user.line(prefer) for user in self.users if list_id in user.list_ids]

    def profiles(self, start_ms: int, end_ms: int, as_of_ms: int) -> Iterator[Record]:
        """The profiles last updated in the window, as the `user` export has them at that moment."""
        for user in self.users:
            # An update is visible after the user's lag; the sign-up is at once.
            passed = as_of_ms - user.lag_ms - user.created_ms
            update = max(passed // user.period_ms, 0) if user.period_ms else 0
            updated_ms = user.created_ms + update * user.period_ms
            if user.created_ms <= as_of_ms and start_ms <= updated_ms < end_ms:
                yield self._make(user, update, updated_ms)

    def _make(self, user: User, update: int, updated_ms: int) -> Record:
        draw = Draw(seeded(self._settings.seed, "profile", user.index, update), updated_ms, user)
        profile: Record = {**user.identifiers, "profileUpdatedAt": format_time(updated_ms, draw.pick(self._shapes))}
        profile["signupDate"] = format_time(user.created_ms, draw.pick(self._shapes))
        profile |= {**self._profile(draw), "updateCount": update}
        profile["itblInternal.documentCreatedAt"] = format_time(user.created_ms)
        profile["itblInternal.documentUpdatedAt"] = format_time(updated_ms)
        if "email" in profile:
            profile["itblInternal.emailDomain"] = profile["email"].rpartition("@")[2]
        if self._settings.odd:
            self._odd(profile, draw)
        return profile


class World:
    """The project's things. Each is the dictionary that the API sends."""

    def __init__(self, settings: SandboxSettings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self._start_day_ms = clock.now_ms() // DAY_MS * DAY_MS
        self.epoch_ms = self._start_day_ms - settings.days * DAY_MS
        # Events and campaigns go on to name lists that are deleted.
        self.fixtures = Fixtures(lambda name: self._lists if name == "lists" else self.things(name), settings.odd)
        self._things: dict[str, list[Thing]] = {}
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
        if template not in self._makers:
            self._makers[template] = self.fixtures.maker(of_medium(*template.split(" ")))
        thing: Thing = self._makers[template](draw)
        return thing

    def delete_list(self, list_id: int) -> None:
        """Delete a list."""
        lists = {thing["id"]: thing for thing in self.things("lists")}
        del lists[list_id]
        self._things["lists"] = list(lists.values())
        self._things.pop("list_users", None)

    def touch(self, name: str, key: str, thing_id: int) -> None:
        """Update the campaign, template or journey with this id now."""
        {each[key]: each for each in self.things(name)}[thing_id]["updatedAt"] = self._clock.now_ms()
        self._things.pop("template_contents", None)
        self._things.pop("template_locales", None)

    # campaigns and templates

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

"""What the project consists of: lists, campaigns, templates and all else that the API lists."""

from hashlib import sha256

from . import experiments
from .fixtures import Record, fixture
from .people import People
from .settings import EMAIL_BASED, USER_ID_BASED, SandboxSettings
from .things import Thing, Things
from .times import DAY_MS, HOUR_MS, Clock

# The states of the reference, then two that were seen though it names neither, then an invented one.
REFERENCE_STATES = (*dict.fromkeys(fixture("campaigns")["campaignState"]["$cycle"]), "Recurring")
UNKNOWN_STATES = ("Recalled", "Recalling", "Throttled")
MEDIA = ("Email", "Push", "InApp", "SMS")
TEMPLATE_TYPES = ("Base", "Blast", "Triggered", "Workflow")
# How long a scheduled campaign is being sent.
_SENDING_MS = 2 * HOUR_MS


class World(Things):
    """The project's things and its users."""

    def __init__(self, settings: SandboxSettings, clock: Clock) -> None:
        super().__init__(settings, clock)
        self.people = People(settings, self.epoch_ms, [thing["id"] for thing in self._lists], self.fixtures)
        # Not cached properties, which have a lock of their own before Python 3.12: with that of `things`, two threads could
        # each hold one and wait for the other.
        # The template type and medium of every template by its id: all sixteen in turn.
        ids = [thing["templateId"] for thing in self.things("templates")]
        self.template_kinds = {each: (TEMPLATE_TYPES[n // 4 % 4], MEDIA[n % 4]) for n, each in enumerate(ids)}
        # Every third email campaign has an experiment: id of the campaign -> id of its experiment.
        emails = [thing["id"] for thing in self.things("campaigns") if thing["messageMedium"] == "Email"]
        self.experiment_ids = {campaign: campaign - 440_000 for campaign in emails[::3][: settings.experiments]}

    def things(self, name: str) -> list[Thing]:
        """The same; campaigns that are scheduled have started and finished by now."""
        with self._lock:
            now_ms = self._clock.now_ms()
            if name in ("campaigns", "child_campaigns") and any(now_ms >= at for at in self._scheduled.values()):
                campaigns, scheduled = self._things["campaigns"], self._scheduled
                sent = [_sent(each, now_ms) if each["id"] in scheduled else each for each in campaigns]
                self._replace("campaigns", sent)
                self._scheduled = {each: at for each, at in scheduled.items() if now_ms < at + _SENDING_MS}
            return super().things(name)

    # campaigns and templates

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
        # The scheduled ones start on the next days, one after the other.
        scheduled = [each for each in campaigns if each["campaignState"] == "Scheduled"]
        for place, campaign in enumerate(scheduled):
            campaign["startAt"] = self.start_day_ms + (1 + place % 3) * DAY_MS + place * HOUR_MS
        self._scheduled = {each["id"]: each["startAt"] for each in scheduled}
        return campaigns

    def _make_child_campaigns(self) -> list[Thing]:
        return [thing for thing in self.things("campaigns") if "recurringCampaignId" in thing]

    def _make_experiments_metrics(self) -> list[Thing]:
        return experiments.report(self, self.experiment_ids)

    def _make_experiment_variants(self) -> list[Thing]:
        return experiments.variants(self, self.experiment_ids)

    def _make_experiments(self) -> list[Thing]:
        return experiments.details(self, self.experiment_ids)

    def _localized(self) -> list[Thing]:
        """The templates that have locales."""
        return self.things("templates")[:: self._settings.localized] if self._settings.locales else []

    def locales_of(self, template_id: int) -> list[str]:
        """The locales of a template, its default first; none if it has one content without a locale."""
        return [*self._settings.locales] if template_id in {each["templateId"] for each in self._localized()} else []

    def _make_template_contents(self) -> list[Thing]:
        """The fields of templates/{medium}/get, and the medium."""
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
        """Fields that templates list too are the same here."""
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
                template, journey = campaign.get("templateId"), campaign.get("workflowId")
                kind = templates.get(template, {}).get("messageTypeId")
                message = {
                    "campaignId": campaign["id"],
                    "contentId": campaign["id"] + 3_000_000,
                    "templateId": template,
                    "workflowId": journey,
                    "messageTypeId": kind,
                    "channelId": channels.get(kind),
                    "workflowName": journeys.get(journey),
                    "experimentId": self.experiment_ids.get(campaign["id"]),
                }
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
        """By their keys, which differ in case."""
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


def _sent(campaign: Thing, now_ms: int) -> Thing:
    """A scheduled campaign as it is now: updatedAt stays at its last edit (seen)."""
    if now_ms < campaign["startAt"]:
        return campaign
    end_ms = campaign["startAt"] + _SENDING_MS
    if now_ms < end_ms:
        return {**campaign, "campaignState": "Running"}
    return {**campaign, "campaignState": "Finished", "endedAt": end_ms, "sendSize": campaign["id"] % 1000}


def _shares(parents: list[Thing], count: int) -> list[tuple[str, int]]:
    """What each holds, by number: the first all that the settings say, the second none, the others a part."""
    shares = [(count, 0)[place] if place < 2 else count // place for place in range(len(parents))]
    return [(thing["name"], n) for thing, share in zip(parents, shares, strict=True) for n in range(share)]

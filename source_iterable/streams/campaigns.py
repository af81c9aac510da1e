"""Campaigns, templates and journeys: paged lists, newest update first; and what hangs on them one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import product

from source_iterable.ahead import in_order
from source_iterable.api import Params
from source_iterable.errors import NotFound
from source_iterable.exports.timestamps import rfc3339
from source_iterable.streams.children import ChildStream, Key
from source_iterable.streams.context import StreamContext
from source_iterable.streams.listing import Fields
from source_iterable.streams.newest_first import NewestFirstStream
from source_iterable.streams.paging import pages

TEMPLATE_TYPES = ("Base", "Blast", "Triggered", "Workflow")
MESSAGE_MEDIA = ("Email", "Push", "InApp", "SMS")
# Template contents asked for at a time (a hundred a second may be), and handed over at a time: each may be large.
CONTENT_THREADS, CONTENTS = 8, 20


class Campaigns(NewestFirstStream):
    """All campaigns, in whatever state."""

    name = "campaigns"
    primary_key = ("id",)
    path = "campaigns"
    selector = "campaigns"
    cost = f"1 per {NewestFirstStream.page_size:,} campaigns; idle: 1"


class Templates(NewestFirstStream):
    """Templates of every type and medium: asked without both, Iterable answers with blast email templates only."""

    name = "templates"
    primary_key: tuple[str, ...] = ("templateId",)
    path = "templates"
    selector = "templates"
    cost = (
        f"{len(TEMPLATE_TYPES) * len(MESSAGE_MEDIA)} (1 per type and medium), plus 1 per further "
        f"{NewestFirstStream.page_size:,} templates; idle: {len(TEMPLATE_TYPES) * len(MESSAGE_MEDIA)}"
    )

    def kinds(self) -> dict[str, Params]:
        return {
            f"{kind}/{medium}": {"templateType": kind, "messageMedium": medium}
            for kind, medium in product(TEMPLATE_TYPES, MESSAGE_MEDIA)
        }

    def record(self, kind: str, item: Fields) -> Fields:
        template_type, medium = kind.split("/")
        created = rfc3339(item.get("createdAt")) or item.get("createdAt")
        return {**item, "createdAt": created, "templateType": template_type, "messageMedium": medium}


class TemplateContents(Templates):
    """The content of every template, of those updated since the last sync: one request each."""

    name = "template_contents"
    primary_key = ("templateId", "messageMedium")
    cost = "1 per template; idle: those of templates"

    def records(self, context: StreamContext, kind: str, items: list[Fields]) -> Iterator[list[Fields]]:
        _, medium = kind.split("/")
        contents = []
        for _, content in in_order(partial(self._content, context, medium), items, CONTENT_THREADS):
            contents += content
            if len(contents) >= CONTENTS:
                yield contents
                contents = []
        yield contents

    def _content(self, context: StreamContext, medium: str, item: Fields) -> list[Fields]:
        """The one record for a template, none when it does not exist any more."""
        template_id = item["templateId"]
        try:
            content = context.client.get_json(f"templates/{medium.lower()}/get", {"templateId": template_id})
        except NotFound:
            context.logger.warning(f"{self.name}: template {template_id} does not exist any more; skipped.")
            return []
        created = content.get("createdAt") or item.get("createdAt")
        return [
            {
                **content,
                "templateId": template_id,
                "messageMedium": medium,
                "createdAt": rfc3339(created) or created,
                # That of the list, by which the sync goes; not all media have one in their content.
                "updatedAt": item.get("updatedAt"),
            }
        ]


class Journeys(NewestFirstStream):
    """All journeys; Iterable tells the archived ones only when asked for them alone."""

    name = "journeys"
    primary_key = ("id",)
    path = "journeys"
    selector = "journeys"
    page_size = 50
    cost = f"2, plus 1 per further {page_size} journeys; idle: 2"

    def kinds(self) -> dict[str, Params]:
        return {"": {}, "Archived": {"state": "Archived"}}


class ChildCampaigns(ChildStream):
    """`GET campaigns/recurring/{id}/childCampaigns`: the campaigns that recurring ones have made."""

    name = "child_campaigns"
    primary_key = ("id",)
    cost = "1 per recurring campaign"
    noun = "campaign"
    page_size = 1000

    def keys(self, context: StreamContext) -> Iterable[Key]:
        states = {item["id"]: item.get("campaignState") for item in Campaigns().all_items(context)}
        return [campaign_id for campaign_id, state in states.items() if state == "Recurring"]

    def read_slice(self, context: StreamContext, key: Key) -> Iterator[list[Fields]]:
        path = f"campaigns/recurring/{key}/childCampaigns"
        yield from pages(context.client, path, "campaigns", {"sort": "id"}, self.page_size)

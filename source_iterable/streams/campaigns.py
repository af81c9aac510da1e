"""Campaigns, and the child campaigns of recurring ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from source_iterable.reading.by_content import ByContentStream
from source_iterable.reading.children import ChildStream, Key
from source_iterable.reading.context import StreamContext
from source_iterable.reading.stream import Fields


class Campaigns(ByContentStream):
    """All campaigns, whatever their state."""

    name = "campaigns"
    primary_key = ("id",)
    path = "campaigns"
    selector = "campaigns"
    cost = "1 per 1,000 campaigns"


CAMPAIGNS = Campaigns()


class ChildCampaigns(ChildStream):
    """`GET campaigns/recurring/{id}/childCampaigns`: the campaigns that recurring ones have created."""

    name = "child_campaigns"
    primary_key = ("id",)
    parent = CAMPAIGNS
    noun = "campaign"
    page_size = 1000
    cost = "1 per recurring campaign"

    def keys(self, context: StreamContext) -> Iterable[Key]:
        states = {item["id"]: item.get("campaignState") for item in self.parent.items(context)}
        return [campaign_id for campaign_id, state in states.items() if state == "Recurring"]

    def read_slice(self, context: StreamContext, key: Key) -> Iterator[list[Fields]]:
        path = f"campaigns/recurring/{key}/childCampaigns"
        yield from context.shared.unshared(path, "campaigns", "id", {"sort": "id"}, self.page_size)

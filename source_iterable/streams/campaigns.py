"""Campaigns, the child campaigns of recurring ones, and journeys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from source_iterable.reading.lists import BY_ID, ByContentStream, ChildStream, Key
from source_iterable.reading.stream import Fields, StreamContext


class Campaigns(ByContentStream):
    """All campaigns, whatever their state.

    Requests: 1 per 1,000 campaigns.
    """

    name = "campaigns"
    primary_key = ("id",)
    path = "campaigns"
    selector = "campaigns"


CAMPAIGNS = Campaigns()


class ChildCampaigns(ChildStream):
    """`GET campaigns/recurring/{id}/childCampaigns`: the campaigns that recurring ones have created.

    Requests: 1 per recurring campaign.
    """

    name = "child_campaigns"
    primary_key = ("id",)
    parent = CAMPAIGNS
    noun = "campaign"
    page_size = 1000

    def keys(self, context: StreamContext) -> Iterable[Key]:
        return [item["id"] for item in self.parent.items(context) if item.get("campaignState") == "Recurring"]

    def read_slice(self, context: StreamContext, key: Key) -> Iterator[list[Fields]]:
        path = f"campaigns/recurring/{key}/childCampaigns"
        yield from context.shared.blocks(path, "campaigns", "id", BY_ID, self.page_size)


class Journeys(ByContentStream):
    """All journeys; Iterable returns archived ones only when they are requested separately.

    Requests: 2, plus 1 per further 50 journeys.
    """

    name = "journeys"
    primary_key = ("id",)
    path = "journeys"
    selector = "journeys"
    page_size = 50
    kinds = {"": BY_ID, "Archived": {**BY_ID, "state": "Archived"}}

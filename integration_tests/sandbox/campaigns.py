"""Campaigns that are scheduled: they start and finish when it is time, and updatedAt stays at their last edit (seen)."""

from typing import Any

from .times import DAY_MS, HOUR_MS

Thing = dict[str, Any]
# How long a campaign is being sent.
_SENDING_MS = 2 * HOUR_MS


def scheduled(campaigns: list[Thing], today_ms: int) -> dict[int, int]:
    """Let the scheduled ones start on the next days, one after the other; when, by their ids."""
    found = [each for each in campaigns if each["campaignState"] == "Scheduled"]
    for place, campaign in enumerate(found):
        campaign["startAt"] = today_ms + (1 + place % 3) * DAY_MS + place * HOUR_MS
    return {each["id"]: each["startAt"] for each in found}


def as_of(campaign: Thing, now_ms: int) -> Thing:
    """A campaign that was scheduled, as it is now."""
    if now_ms < campaign["startAt"]:
        return campaign
    end_ms = campaign["startAt"] + _SENDING_MS
    if now_ms < end_ms:
        return {**campaign, "campaignState": "Running"}
    return {**campaign, "campaignState": "Finished", "endedAt": end_ms, "sendSize": campaign["id"] % 1000}

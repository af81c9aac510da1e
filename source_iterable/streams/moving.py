"""The days on which the numbers of a campaign may move, as far as Iterable says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from source_iterable.reading.search import Moving
from source_iterable.records.timestamps import rfc3339

# States in which a campaign goes on. A triggered one does in any, as it may be activated again.
_GOING_ON = ("Recurring", "Running")
# Days on which people go on opening, clicking and buying after a campaign has ended.
_AFTERWARDS = 30


def moving_of(campaign: Mapping[str, Any]) -> Moving:
    """The days on which the numbers of a campaign that was sent may move: without an end where it goes on or nobody knows.

    Without endedAt, its end is the latest of the other times. updatedAt alone is not enough: it stays at the last edit,
    however much later the campaign starts (seen). Iterable does not say in which time zone its days begin: there may be
    numbers on the day before the start in UTC.
    """
    starts = _days_of(campaign, "createdAt", "startAt")
    ends = _days_of(campaign, "endedAt") or _days_of(campaign, "createdAt", "startAt", "updatedAt")
    goes_on = campaign.get("campaignState") in _GOING_ON or campaign.get("type") == "Triggered"
    last = date.max.toordinal() if goes_on or not ends else max(ends) + _AFTERWARDS
    return Moving(campaign["id"], min(starts, default=1) - 1, last)


def _days_of(campaign: Mapping[str, Any], *names: str) -> list[int]:
    """The UTC days (ordinals) of the named times, without the unknown ones."""
    times = filter(None, (rfc3339(campaign.get(name)) for name in names))
    return [date.fromisoformat(time[:10]).toordinal() for time in times]

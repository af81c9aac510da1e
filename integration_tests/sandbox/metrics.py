"""Metrics of campaigns: what each did on each day, and the report of any days.

A day's numbers grow for two days more, as opens and clicks follow a message and late events arrive.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from .fixtures import ABSENT
from .times import DAY_MS
from .world import of_medium

if TYPE_CHECKING:
    from .times import Clock
    from .world import World

Thing = dict[str, Any]
_EPOCH = date(1970, 1, 1)
# No sums, but as they are on the last day.
_RATES = ("Average", "/ M", "Rate")
# States of campaigns that never sent anything, and of those that go on.
_NEVER_SENT, _GOING_ON = ("Draft", "Scheduled"), ("Recurring", "Running")
# Days on which opens and clicks follow the end of a campaign.
_AFTERWARDS = 20


def metric_names(medium: str) -> list[str]:
    """The columns of the report on campaigns of this medium."""
    return list(of_medium("metrics", medium))


def is_rate(name: str) -> bool:
    """Whether a metric is none that days add up to."""
    return any(part in name for part in _RATES)


class Metrics:
    """The metrics of the project's campaigns."""

    def __init__(self, world: World, clock: Clock) -> None:
        self._world, self._clock = world, clock
        self._known: dict[tuple[int, int], Thing] = {}

    def rows(self, start_ms: int | None = None, end_ms: int | None = None, ids: set[int] | None = None) -> list[Thing]:
        """The report of [start, end) for these campaigns, or all: texts; a cell may be missing."""
        first = (start_ms or 0) // DAY_MS
        last = self._today() if end_ms is None else min((end_ms - 1) // DAY_MS, self._today())
        having = [c for c in self._world.things("campaigns") if c["campaignState"] not in _NEVER_SENT]
        return [self._row(each, first, last) for each in having if ids is None or each["id"] in ids]

    def days(self) -> list[Thing]:
        """What every campaign did on each day on which it could: `campaignId`, `date` and the cells, as texts."""
        found = []
        for campaign in self._world.things("campaigns"):
            for day in self._active(campaign, 0, self._today()):
                text = (_EPOCH + timedelta(days=day)).isoformat()
                row = self._row(campaign, day, day)
                found.append(
                    {"campaignId": campaign["id"], "date": text, **{n: v for n, v in row.items() if n != "id"}}
                )
        return found

    def _today(self) -> int:
        return self._clock.now_ms() // DAY_MS

    def _active(self, campaign: Thing, first: int, last: int) -> range:
        """The days on which a campaign's numbers move."""
        if campaign["campaignState"] in _NEVER_SENT:
            return range(0)
        start = (campaign.get("startAt") or campaign["createdAt"]) // DAY_MS
        times = [campaign[name] for name in ("startAt", "createdAt", "updatedAt") if name in campaign]
        end = campaign.get("endedAt", max(times)) // DAY_MS + _AFTERWARDS
        if campaign["campaignState"] in _GOING_ON or campaign["type"] == "Triggered":
            end = self._today()
        return range(max(start, first), min(end, last) + 1)

    def _row(self, campaign: Thing, first: int, last: int) -> Thing:
        """The sums of the days, as text; nothing but zeros where nothing happened."""
        total: Thing = {"id": campaign["id"]}
        days = self._active(campaign, first, last)
        for day in days:
            for name, value in self._day(campaign, day).items():
                total[name] = value if is_rate(name) else total.get(name, 0) + value
        if not days:
            total |= {name: 0 for name in metric_names(campaign["messageMedium"]) if not is_rate(name)}
        return {name: str(value) for name, value in total.items()}

    def _day(self, campaign: Thing, day: int) -> Thing:
        key = campaign["id"], day
        if key not in self._known:
            place = campaign["id"], day - self._world.epoch_ms // DAY_MS
            whole = self._world.fill(f"metrics {campaign['messageMedium']}", 0, "metrics", *place)
            self._known[key] = {name: value for name, value in whole.items() if value is not ABSENT}
        age = self._today() - day
        if age >= 2:
            return self._known[key]
        return {
            name: value if is_rate(name) else type(value)(value * (age + 2) // 4)
            for name, value in self._known[key].items()
        }

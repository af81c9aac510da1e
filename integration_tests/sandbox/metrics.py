"""Metrics of campaigns: what each did on each day, and the report of any days.

A day's numbers grow for two more days, as opens and clicks follow a message and late events arrive.
"""

from functools import cache

from .fixtures import Record, fixture
from .times import DAY_MS, Clock, iso_time
from .world import World

_RATES = ("Average", "/ M", "Rate")  # metrics that are not sums of the days: the report shows the last day's
_NEVER_SENT, _GOING_ON = ("Draft", "Scheduled"), ("Recurring", "Running")  # states of campaigns
_AFTERWARDS = 20  # days on which opens and clicks follow the end of a campaign


def _is_rate(name: str) -> bool:
    return any(part in name for part in _RATES)


class Metrics:
    def __init__(self, world: World, clock: Clock) -> None:
        self._world, self._clock = world, clock
        first_day = world.epoch_ms // DAY_MS
        # What a campaign did on a day, once that is complete.
        self._day = cache(lambda medium, id, day: world.fill(f"metrics {medium}", 0, "metrics", id, day - first_day))

    def rows(self, start_ms: int | None = None, end_ms: int | None = None, ids: set[int] | None = None) -> list[Record]:
        """The report of [start, end) for these campaigns, or all: texts; a cell may be missing.

        Campaigns of which nothing can have happened have zeros, empty cells, or no row at all: each always the same.
        """
        first = (start_ms or 0) // DAY_MS
        last = self._today() if end_ms is None else min((end_ms - 1) // DAY_MS, self._today())
        having = [c for c in self._world.things("campaigns") if c["campaignState"] not in _NEVER_SENT]
        rows = {c["id"]: self._cells(c, first, last) for c in having if ids is None or c["id"] in ids}
        return [{"id": str(id), **cells} for id, cells in rows.items() if cells is not None]

    def days(self) -> list[Record]:
        """The cells of each campaign on each day on which its numbers move, with `campaignId` and `date`."""
        return [
            {"campaignId": c["id"], "date": iso_time(day * DAY_MS)[:10], **(self._cells(c, day, day) or {})}
            for c in self._world.things("campaigns")
            for day in self._active(c, 0, self._today())
        ]

    def _today(self) -> int:
        return self._clock.now_ms() // DAY_MS

    def _active(self, campaign: Record, first: int, last: int) -> range:
        """The days on which a campaign's numbers move."""
        if campaign["campaignState"] in _NEVER_SENT:
            return range(0)
        start = (campaign.get("startAt") or campaign["createdAt"]) // DAY_MS
        times = [campaign[name] for name in ("startAt", "createdAt", "updatedAt") if name in campaign]
        end = campaign.get("endedAt", max(times)) // DAY_MS + _AFTERWARDS
        if campaign["campaignState"] in _GOING_ON or campaign["type"] == "Triggered":
            end = self._today()
        return range(max(start, first), min(end, last) + 1)

    def _cells(self, campaign: Record, first: int, last: int) -> Record | None:
        """The sums of the days, as text; for days on which nothing can have happened, zeros, no cells, or no row."""
        days = self._active(campaign, first, last)
        if not days and campaign["id"] % 3:
            return {} if campaign["id"] % 3 == 1 else None
        names = [] if days else fixture(f"metrics {campaign['messageMedium']}")
        total: Record = {name: 0 for name in names if not _is_rate(name)}
        for day in days:
            age = self._today() - day
            for name, value in self._day(campaign["messageMedium"], campaign["id"], day).items():
                if _is_rate(name):
                    total[name] = value
                else:
                    so_far = value if age >= 2 else type(value)(value * (age + 2) // 4)
                    total[name] = total.get(name, 0) + so_far
        return {name: str(value) for name, value in total.items()}

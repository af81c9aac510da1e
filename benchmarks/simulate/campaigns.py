"""Many syncs of campaigns_metrics_daily in virtual time, hour by hour, until the numbers of all days have been read."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import date, datetime, timezone
from functools import cache
from typing import Any, NamedTuple

from benchmarks.simulate.iterable import NOW, Answer, Iterable, Project, as_json
from benchmarks.simulate.sync import Run, Simulation, items
from source_iterable.reading.stream import Checkpoint, State
from source_iterable.records.batch import RecordBatch
from source_iterable.streams.table import STREAMS

DAILY = "campaigns_metrics_daily"
HOUR = 3_600.0
# Days on which a campaign has numbers, from its start on, if it is one of those that have any.
DAYS = 30
# Of so many campaigns, one has numbers.
_ONE_IN = 20
_FIRST_ID, _BETWEEN_IDS = 5_000_000, 7
_ROW = "%d,%d,%s\n"


class Campaigns(NamedTuple):
    """Campaigns that were sent and finished one after the other, on so many days up to now."""

    number: int
    days: int

    @property
    def today(self) -> int:
        """The day on which the first sync begins, as an ordinal."""
        return datetime.fromtimestamp(NOW, timezone.utc).toordinal()

    def start(self, number: int) -> int:
        """The day (ordinal) on which a campaign started and ended."""
        return self.today - self.days + 1 + number * self.days // self.number

    def sends(self, number: int, first: int, last: int) -> int:
        """What a campaign sent from the first to the last day."""
        start = self.start(number)
        return max(min(start + DAYS - 1, last) - max(start, first) + 1, 0) if number in _having(self.number) else 0

    def listed(self, numbers: range) -> list[dict[str, Any]]:
        """These campaigns as Iterable lists them."""
        return [
            {
                "id": _FIRST_ID + number * _BETWEEN_IDS,
                "campaignState": "Finished",
                "type": "Blast",
                **dict.fromkeys(("createdAt", "startAt", "endedAt"), _milliseconds(self.start(number))),
            }
            for number in numbers
        ]

    def numbers(self, until: int) -> set[tuple[int, str]]:
        """The campaigns and days that have numbers, up to a day."""
        return {
            (_FIRST_ID + number * _BETWEEN_IDS, str(date.fromordinal(day)))
            for number in _having(self.number)
            for day in range(self.start(number), min(self.start(number) + DAYS - 1, until) + 1)
        }


@cache
def _having(campaigns: int) -> frozenset[int]:
    """The campaigns that have numbers."""
    return frozenset(random.Random(1).sample(range(campaigns), campaigns // _ONE_IN))


class IterableWithCampaigns(Iterable):
    """Answers to requests for campaigns and their metrics: some without numbers have a row of zeros, the others none."""

    def __init__(self, project: Project) -> None:
        super().__init__(project)
        self._campaigns = Campaigns(project.campaigns, project.span // 86_400)

    def respond(self, method: str, path: str, query: Mapping[str, Any], body: Mapping[str, Any], now: float) -> Answer:
        if path == "campaigns":
            self.counts["campaigns"] += 1
            end = int(query["page"]) * int(query["pageSize"])
            numbers = range(end - int(query["pageSize"]), min(end, self._campaigns.number))
            more = {"nextPageUrl": f"/api/campaigns?page={query['page'] + 1}"} if end < self._campaigns.number else {}
            listed = self._campaigns.listed(numbers)
            return Answer(as_json({"campaigns": listed, "totalCampaignsCount": self._campaigns.number, **more}))
        if path == "campaigns/metrics":
            self.counts["metrics"] += 1
            first, end = (date.fromisoformat(query[name]).toordinal() for name in ("startDateTime", "endDateTime"))
            rows = ["id,Total Email Sends,Revenue\n"]
            for each in query["campaignId"]:
                number = (each - _FIRST_ID) // _BETWEEN_IDS
                if (sends := self._campaigns.sends(number, first, end - 1)) or number % 3 == 0:
                    rows.append(_ROW % (each, sends, "" if number % 2 else "0"))
            return Answer("".join(rows).encode())
        return super().respond(method, path, query, body, now)


class Synced(NamedTuple):
    """One of the syncs: its seconds, its last state, and the length of its longest state in bytes."""

    seconds: float
    state: State
    longest_state: int


def hourly(project: Project, syncs: int) -> tuple[Run, list[Synced]]:
    """Run so many syncs, each an hour after the one before or as soon as that ends. Run.seconds is the longest's.

    Raises ValueError if a sync came no further than the one before although not all was read, or not all numbers were read.
    """
    simulation = Simulation(project, kind=IterableWithCampaigns)
    done: list[Synced] = []
    found: set[tuple[int, str]] = set()

    def work() -> dict[str, float]:
        state: State = {}
        for number in range(syncs):
            simulation.scheduler.sleep(max(number * HOUR - simulation.scheduler.now, 0.0))
            began, longest = simulation.scheduler.now, 0
            for _, item in items(project, {DAILY: (STREAMS[DAILY], state)}, metrics_days=project.span // 86_400):
                if isinstance(item, Checkpoint):
                    state, longest = item.state, max(longest, len(as_json(item.state)))
                elif isinstance(item, RecordBatch):
                    found.update((each["campaignId"], each["date"]) for each in item.records() if each.get("sends"))
            done.append(Synced(simulation.scheduler.now - began, state, longest))
        return {DAILY: max(each.seconds for each in done)}

    run = simulation.run(work)
    campaigns = Campaigns(project.campaigns, project.span // 86_400)
    if missing := campaigns.numbers(campaigns.today) - found:
        raise ValueError(f"After {syncs} syncs, {len(missing):,} numbers of a campaign on a day were not read.")
    for before, after in zip(done, done[1:], strict=False):
        if before.state.get("search") and _position(after.state) <= _position(before.state):
            raise ValueError(f"A sync ended at {after.state}, after one that ended at {before.state}.")
    return run, done


def _position(state: State) -> tuple[int, int, int]:
    """How far a state is: the oldest day that was read, and how much of the search before it is done."""
    search = state.get("search", {})
    oldest = date.fromisoformat(state["read"][0][0]).toordinal()
    return -oldest, len(search.get("known", [])), search.get("at", {}).get("after", 0)


def _milliseconds(day: int) -> int:
    return int(datetime.fromordinal(day).replace(hour=12, tzinfo=timezone.utc).timestamp() * 1000)

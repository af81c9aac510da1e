"""Metrics of campaigns and experiments, counted from the project's events.

metrics.json says what counts for each: events of a type; people, each once, whatever their number of events (Iterable's page
of metric definitions); messages that arrived; a sum; or one metric divided by another.
"""

from collections.abc import Iterator
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

from .events import Events
from .fixtures import Record, fixture, seeded
from .settings import SandboxSettings
from .times import DAY_MS, HOUR_MS, Clock, iso_time
from .world import World

_NEVER_SENT = ("Draft", "Scheduled")  # states of campaigns
_OF_EXPERIMENTS = fixture("metrics")["experiment"]


class _Event(NamedTuple):
    """What counts of an event."""

    template: object
    person: str
    is_machine: bool
    total: float  # of a purchase
    is_lost: bool  # of a send: whether the message bounced by the end of the next day


_Counted = dict[int, dict[str, list[_Event]]]  # by campaign and data type


class Metrics:
    def __init__(self, settings: SandboxSettings, world: World, events: Events, clock: Clock) -> None:
        self._settings, self._world, self._events, self._clock = settings, world, events, clock
        formulas = [each.split() for metrics in fixture("metrics").values() for each in metrics.values()]
        self._types = sorted({name for how, *names in formulas if not how.isdigit() for name in names})
        self._first_day = world.epoch_ms // DAY_MS
        self._day = lru_cache(4000)(self._count)

    def rows(self, start_ms: int | None = None, end_ms: int | None = None, ids: set[int] | None = None) -> list[Record]:
        """The report of [start, end) for these campaigns, or all: texts; a cell may be missing.

        Campaigns of which nothing happened have zeros, empty cells, or no row at all: each always the same.
        """
        counted = self._of_days(start_ms, end_ms)
        having = [c for c in self._world.things("campaigns") if c["campaignState"] not in _NEVER_SENT]
        rows = {c["id"]: self._cells(c, counted) for c in having if ids is None or c["id"] in ids}
        return [{"id": str(id), **cells} for id, cells in rows.items() if cells is not None]

    def days(self) -> list[Record]:
        """The cells of each campaign on each day on which something happened, with `campaignId` and `date`."""
        having = [each for each in self._world.things("campaigns") if each["campaignState"] not in _NEVER_SENT]
        return [
            {"campaignId": each["id"], "date": iso_time((self._first_day + place) * DAY_MS)[:10], **cells}
            for each in having
            for place, day in enumerate(self._of_days())
            if each["id"] in day and (cells := self._cells(each, [day]))
        ]

    def experiments(self, start_ms: int | None = None, end_ms: int | None = None) -> list[Record]:
        """The report of experiments for [start, end): a row of text for each of the three variants of each."""
        rows, counted = [], self._of_days(start_ms, end_ms)
        for campaign, experiment in self._world.experiment_ids.items():
            control = None
            for place, template in enumerate(self._world.variants[campaign]):
                cells = self._world.fill("experiments", place, "experiment", experiment, place)
                told = self._numbers(_OF_EXPERIMENTS, campaign, counted, template)
                rate = told.pop("Email Open Rate", None)
                better = "" if not control or rate is None else round(100 * (rate / control - 1), 2)
                control = rate if place == 0 else control
                ids = {"Campaign ID": campaign, "Experiment ID": experiment, "Template ID": template}
                row = {**ids, **cells, **told, "Improvement": better}
                rows.append({name: str(value) for name, value in row.items()})
        return rows

    def variants(self) -> list[Record]:
        """The variants of experiments with their lifetime metrics, which drafts do not have."""
        found, counted = [], self._of_days()
        campaigns = {experiment: campaign for campaign, experiment in self._world.experiment_ids.items()}
        for variant in self._world.things("experiment_variants"):
            campaign, template = campaigns[variant["experimentId"]], variant["value"]["templateId"]
            numbers = {"metrics": self._numbers(_OF_EXPERIMENTS, campaign, counted, template)}
            found.append({**variant, **(numbers if "content" in variant else {})})
        return found

    def trends(self) -> list[Record]:
        """The metrics of variants on each day from the start of their experiment to its end, or up to now.

        Those of the holdout, who are sent nothing, are made up.
        """
        rows: list[Record] = []
        for thing in self._world.things("experiments"):
            first_ms, held = thing.get("startDate"), thing["sizing"]["holdoutPercentage"]
            if first_ms is None:
                continue
            last_ms = thing.get("finishDate", self._clock.now_ms())
            for day, counted in enumerate(self._of_days(first_ms, last_ms), first_ms // DAY_MS):
                told = [
                    (
                        each["id"],
                        self._numbers(
                            _OF_EXPERIMENTS, thing["meta"]["campaignId"], [counted], each["value"]["templateId"]
                        ),
                    )
                    for each in thing["variants"]
                ]
                told += (
                    [
                        (
                            -1,
                            {
                                "Total Purchases": seeded(
                                    self._settings.seed, "holdout", thing["id"], day - first_ms // DAY_MS
                                )
                                % 5
                            },
                        )
                    ]
                    if held
                    else []
                )
                rows += [
                    {
                        "experimentId": thing["id"],
                        "variantId": variant,
                        "metric": name,
                        "interval": "day",
                        "time": iso_time(day * DAY_MS),
                        "value": value,
                    }
                    for variant, numbers in told
                    for name, value in numbers.items()
                ]
        return rows

    def _cells(self, campaign: Record, counted: list[_Counted]) -> Record | None:
        """The metrics of these days, as text; for days on which nothing happened, zeros, no cells, or no row."""
        if campaign["id"] % 3 and not any(campaign["id"] in day for day in counted):
            return {} if campaign["id"] % 3 == 1 else None
        numbers = self._numbers(fixture(f"metrics {campaign['messageMedium']}"), campaign["id"], counted)
        return {name: str(value) for name, value in numbers.items()}

    def _numbers(
        self, formulas: dict[str, str], campaign: int, counted: list[_Counted], template: object = None
    ) -> dict[str, Any]:
        """The metrics of these days, of one template or all; without those that would be divided by 0."""
        found: dict[str, list[_Event]] = {}
        for data_type, events in chain.from_iterable(day[campaign].items() for day in counted if campaign in day):
            found.setdefault(data_type, []).extend(each for each in events if template in (None, each.template))
        numbers: dict[str, Any] = {}
        for name, formula in sorted(formulas.items(), key=lambda each: each[1][0].isdigit()):
            how, _, of = formula.partition(" ")
            events = [event for data_type in of.split() for event in found.get(data_type, ())]
            if how.isdigit():
                part, whole = (numbers[each] for each in of.split(" : "))
                numbers |= {name: int(how) * part / whole} if whole else {}
            elif how in ("people", "filtered"):
                with_machines = how == "people" and "machines apart" not in self._settings.metrics_deviations
                numbers[name] = len({each.person for each in events if with_machines or not each.is_machine})
            elif how == "sum":
                numbers[name] = sum(each.total for each in events)
            else:
                numbers[name] = sum(how == "events" or not each.is_lost for each in events)
        return numbers

    def _of_days(self, start_ms: int | None = None, end_ms: int | None = None) -> list[_Counted]:
        """What happened on each day of [start, end), from the first of all up to now, as far as it is known now."""
        now_ms, lag_ms = self._clock.now_ms(), self._settings.index_lag * 1000 + self._settings.late_hours * HOUR_MS
        first, last = (start_ms or 0) // DAY_MS, (min(now_ms, end_ms or now_ms) - 1) // DAY_MS
        days = range(max(first, self._first_day), last + 1)
        # When nothing more can come to a day, it is not counted again.
        return [self._day(day, min(now_ms, (day + 2) * DAY_MS + int(lag_ms))) for day in days]

    def _count(self, day: int, as_of_ms: int) -> _Counted:
        edges, found = (day * DAY_MS, (day + 2) * DAY_MS), _Counted()
        bounces = [name for name in self._types if name.endswith("Bounce")]
        lost = {each.get("messageId") for name in bounces for each in self._events.records(name, *edges, as_of_ms)}
        for data_type in self._types:
            for record in self._records(data_type, day, as_of_ms):
                total = record.get("total")
                event = _Event(
                    template=record.get("templateId"),
                    person=record["itblUserId"],
                    is_machine=record.get("isBot") is True or record.get("proxySource") is not None,
                    total=total if isinstance(total, float) else 0.0,
                    is_lost=record.get("messageId") in lost,
                )
                if isinstance(record.get("campaignId"), int):
                    found.setdefault(record["campaignId"], {}).setdefault(data_type, []).append(event)
        return found

    def _records(self, data_type: str, day: int, as_of_ms: int) -> Iterator[Record]:
        """The events of a day that count at that moment."""
        deviations = self._settings.metrics_deviations
        for start_ms in range(day * DAY_MS, (day + 1) * DAY_MS, HOUR_MS):
            seen_ms = as_of_ms
            if "late missing" in deviations:
                seen_ms = min(seen_ms, (day + 1) * DAY_MS)
            if "counted later" in deviations:
                seen_ms -= start_ms // HOUR_MS % 3 * DAY_MS // 2
            yield from self._events.records(data_type, start_ms, start_ms + HOUR_MS, seen_ms)

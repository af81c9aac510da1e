"""The trends of experiments: what each variant did over time.

The endpoint is not in Iterable's reference; its own TypeScript client calls it and validates its responses (version 0.13).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from functools import partial
from itertools import chain
from typing import Any

import msgspec

from source_iterable.api.ahead import run_ahead
from source_iterable.api.clock import iso_time
from source_iterable.api.request import ShapeError, model_of
from source_iterable.config import parse_date
from source_iterable.errors import ApiError, Forbidden, NotFound
from source_iterable.reading.fingerprints import Time, state_as
from source_iterable.reading.slices import skipping
from source_iterable.reading.stream import Checkpoint, Fields, Reading, State, Stream, StreamContext
from source_iterable.records.timestamps import rfc3339
from source_iterable.streams.experiments import DETAILS, PATH, THREADS, offered

TIME = "time"
# Seconds after the end of an experiment in which its numbers may still change: conversions are attributed later.
_MOVING = 30 * 86400
# States of experiments that have sent nothing yet.
_NOT_STARTED = ("draft", "ready")


class ExperimentTrends(Stream):
    """`GET experiments/{id}/trends`: one record per variant, metric and bucket of time, since start_date.

    Every sync reads the whole series of each experiment that runs, or that had ended at most 30 days before the last sync.

    Requests: as for experiments, plus 1 per experiment that runs or had ended in the 30 days before the last sync.
    """

    name = "experiment_trends"
    primary_key = ("experimentId", "variantId", "metric", "interval", TIME)
    cursor_field = TIME
    exempt_key = True
    lists = (PATH, DETAILS)

    def _read(self, context: StreamContext, state: State) -> Reading:
        now, start = context.client.now(), parse_date(context.config.start_date)
        given = state_as(_State, state) or _State(start)
        last = min(given.time, datetime.fromtimestamp(now, timezone.utc))
        ended = int((last.timestamp() - _MOVING) * 1000)
        asked = (each for each in chain.from_iterable(offered(context, self.name)) if _may_change(each, ended))
        count, refused = 0, list[ApiError]()
        for _, trends in run_ahead(partial(self._trends, context, iso_time(now)), asked, THREADS):
            count += 1
            if isinstance(trends, ApiError):
                refused.append(trends)
            elif trends is not None:
                yield from _records(context, trends)
        if refused:
            context.logger.warning(
                f"{self.name}: Iterable does not offer trends of {len(refused)} of {count} experiments to this project "
                f"or API key. {refused[0]}"
            )
        # Once they are offered, those that end meanwhile are to be read, too.
        if len(refused) < count:
            yield Checkpoint({TIME: iso_time(now)})

    def _trends(self, context: StreamContext, until: str, experiment: Fields) -> _Trends | ApiError | None:
        """The trends of an experiment up to a time; the error if it has none, None if Iterable can never return them."""
        experiment_id, started = experiment["id"], experiment.get("startDate")
        period: dict[str, str] = {}
        if type(started) is int:
            # Both or none (client).
            period = {"startDateTime": _date(iso_time(started / 1000)), "endDateTime": _date(until)}

        def shape(response: Any) -> _Trends:
            trends = model_of(_Trends, response)
            if trends.id != experiment_id:
                raise ShapeError(f"is of another experiment than {experiment_id}")
            points = chain.from_iterable(chain.from_iterable(each.series.values()) for each in trends.all)
            if not all(rfc3339(point.get(TIME)) for point in points):
                raise ShapeError(f"holds a {TIME} that is none")
            return trends

        try:
            with skipping(context, self.name, f"trends of experiment {experiment_id}", permanent=True):
                return context.client.get_json(f"{PATH}/{experiment_id}/trends", period, shape)
        except (Forbidden, NotFound) as error:
            return error
        return None


class _State(msgspec.Struct):
    """When the trends were last read."""

    time: Time


class _Variant(msgspec.Struct):
    """A variant, with the points of each metric; they stay as they are."""

    id: int
    series: dict[str, list[Fields]]


class _Trends(msgspec.Struct):
    """The response of `experiments/{id}/trends`. The holdout, who get no variant, has the id -1 (client)."""

    id: int
    variants: list[_Variant]
    interval: str = ""
    holdout: _Variant | None = None

    @property
    def all(self) -> list[_Variant]:
        return [*self.variants, *([self.holdout] if self.holdout else [])]


def _may_change(experiment: Fields, ended: int) -> bool:
    """Whether an experiment has numbers that may be new if it has ended at this time, in milliseconds, or later."""
    finished = experiment.get("finishDate")
    return experiment.get("status") not in _NOT_STARTED and (type(finished) is not int or finished >= ended)


def _records(context: StreamContext, trends: _Trends) -> Iterator[list[Fields]]:
    """The records of the buckets that begin between the configuration's dates, those of a series at a time."""
    first, end = rfc3339(context.config.start_date) or "", rfc3339(context.config.end_date) or "~"
    for variant in trends.all:
        for metric, points in variant.series.items():
            key = {"experimentId": trends.id, "variantId": variant.id, "metric": metric, "interval": trends.interval}
            timed = ({**point, **key, TIME: rfc3339(point[TIME])} for point in points)
            yield [each for each in timed if first <= each[TIME] < end]


def _date(time: str) -> str:
    """A time as Iterable's client sends it."""
    return time.replace("+00:00", "Z")

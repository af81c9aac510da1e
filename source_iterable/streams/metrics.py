"""Metrics of campaigns and experiments."""

from __future__ import annotations

import re

import orjson

from source_iterable.api.request import ShapeError
from source_iterable.reading.context import StreamContext
from source_iterable.reading.reports import read_reports, rows_of
from source_iterable.reading.stream import Fields, Reading, State, Stream
from source_iterable.streams.campaigns import CAMPAIGNS

# States of campaigns that were never sent, and have no metrics.
WITHOUT_METRICS = ("Draft", "Scheduled")


class CampaignsMetrics(Stream):
    """`GET campaigns/metrics`: one record per campaign, with its nonempty columns, since start_date."""

    name = "campaigns_metrics"
    primary_key = ("id",)
    path = "campaigns/metrics"
    cost = "1 per 100 sent campaigns, roughly (10 a minute)"

    def _read(self, context: StreamContext, state: State) -> Reading:
        states = {item["id"]: item.get("campaignState") for item in CAMPAIGNS.items(context)}
        sent = [campaign_id for campaign_id, each in states.items() if each not in WITHOUT_METRICS]
        for rows in read_reports(context, self.path, sent, campaign_rows):
            yield [{"id": row["id"], "data": row} for row in rows]

    def to_record(self, item: Fields) -> Fields:
        return item


class ExperimentsMetrics(Stream):
    """`GET experiments/metrics`: one record per row of the report, since start_date. Email experiments only (reference).

    No primary key: the reference names no column of the report, so none can be relied on.
    """

    name = "experiments_metrics"
    primary_key = ()
    path = "experiments/metrics"
    cost = "1 per 100 email campaigns, roughly (10 a second)"

    def _read(self, context: StreamContext, state: State) -> Reading:
        media = {item["id"]: item.get("messageMedium", "Email") for item in CAMPAIGNS.items(context)}
        emails = [campaign_id for campaign_id, medium in media.items() if medium == "Email"]
        yield from read_reports(context, self.path, emails, _experiments)

    def to_record(self, item: Fields) -> Fields:
        return item


def campaign_rows(text: str) -> list[Fields]:
    """The rows of campaigns/metrics, each with the `id` of its campaign. Raises ShapeError."""
    rows = rows_of(text, "id")
    if not all(isinstance(row.get("id"), int) for row in rows):
        raise ShapeError("has no column id with the ids of campaigns")
    return rows


def _experiments(text: str) -> list[Fields]:
    return [_experiment(row) for row in rows_of(_as_csv(text))]


def _as_csv(text: str) -> str:
    """The CSV in a response of experiments/metrics: {headers, rows} of CSV lines (reference), or just the CSV."""
    try:
        response = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    headers = response.get("headers") if isinstance(response, dict) else None
    rows = response.get("rows") or [] if isinstance(response, dict) else None
    if isinstance(headers, str) and isinstance(rows, list) and all(isinstance(row, str) for row in rows):
        return "\n".join(line.rstrip("\r\n") for line in (headers, *rows))
    raise ShapeError("has no headers, or rows that are not CSV")


def _experiment(row: Fields) -> Fields:
    """A row, with its ids as columns, however the report spells their names."""
    known = {re.sub("[^a-z]", "", name.lower()): value for name, value in row.items()}
    ids = {name: known[name.lower()] for name in ("experimentId", "campaignId", "templateId") if name.lower() in known}
    return {**{name: value for name, value in ids.items() if isinstance(value, int)}, "data": row}

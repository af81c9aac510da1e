"""Metrics of campaigns and experiments."""

from __future__ import annotations

import re

import orjson

from source_iterable.errors import IterableError
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

    def read(self, context: StreamContext, state: State) -> Reading:
        states = {item["id"]: item.get("campaignState") for item in CAMPAIGNS.items(context)}
        sent = [campaign_id for campaign_id, each in states.items() if each not in WITHOUT_METRICS]
        for text in read_reports(context, self.path, sent):
            yield self.batch(map(_metrics, rows_of(text)))


class ExperimentsMetrics(Stream):
    """`GET experiments/metrics`: one record per row of the report, since start_date. Email experiments only (reference).

    No primary key: the reference names no column of the report, so none can be relied on.
    """

    name = "experiments_metrics"
    primary_key = ()
    path = "experiments/metrics"
    cost = "1 per 100 email campaigns, roughly (10 a second)"

    def read(self, context: StreamContext, state: State) -> Reading:
        media = {item["id"]: item.get("messageMedium", "Email") for item in CAMPAIGNS.items(context)}
        emails = [campaign_id for campaign_id, medium in media.items() if medium == "Email"]
        for text in read_reports(context, self.path, emails):
            yield self.batch(map(_experiment, rows_of(_as_csv(text))))


def _metrics(row: Fields) -> Fields:
    if not isinstance(row.get("id"), int):
        raise IterableError("A row of the response to GET campaigns/metrics has no campaign id.")
    return {"id": row["id"], "data": row}


def _as_csv(text: str) -> str:
    """The CSV in a response of experiments/metrics: {headers, rows} of CSV lines (reference), or just the CSV."""
    try:
        response = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    if isinstance(response, dict) and isinstance(response.get("headers"), str):
        return "\n".join(
            (response["headers"].rstrip("\r\n"), *(row.rstrip("\r\n") for row in response.get("rows") or []))
        )
    raise IterableError("The response to GET experiments/metrics holds no headers.")


def _experiment(row: Fields) -> Fields:
    """A row, with its ids as columns, however the report spells their names."""
    known = {re.sub("[^a-z]", "", name.lower()): value for name, value in row.items()}
    ids = {name: known[name.lower()] for name in ("experimentId", "campaignId", "templateId") if name.lower() in known}
    return {**{name: value for name, value in ids.items() if isinstance(value, int)}, "data": row}

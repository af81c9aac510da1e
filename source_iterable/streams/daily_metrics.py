"""Daily metrics of campaigns, and the columns that they fill, whatever Iterable's reports call them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from source_iterable.api.request import ShapeError
from source_iterable.config import parse_date
from source_iterable.reading.days import DATE, ONE_DAY, DailyStream, Days
from source_iterable.reading.stream import Checkpoint, Fields, Reading, State, StreamContext
from source_iterable.records.schemas import metric_names
from source_iterable.records.timestamps import rfc3339
from source_iterable.streams.campaigns import CAMPAIGNS
from source_iterable.streams.metrics import campaign_rows, read_reports, was_sent

# States in which a campaign goes on. A triggered one does in any, as it may be activated again.
_GOING_ON = ("Recurring", "Running")
# How long people go on opening, clicking and buying after a campaign has ended.
_AFTERWARDS = timedelta(days=30)
# The names of each column's metric: those of Iterable's page of metric definitions, and others seen in reports (`Total Email
# Sends`, `Total Pushes Sent`).
_COLUMNS = metric_names("campaigns_metrics_daily")
_MEDIUM = re.compile(r"\b(e-?mails?|push(es)?|web|sms|mms|in-?apps?|embedded|whats-?app|rcs|messages?)\b")
_SAME = {
    "send": "sends",
    "sent": "sends",
    "opened": "opens",
    "click": "clicks",
    "clicked": "clicks",
    "bounced": "bounces",
}
# Counts fit 64 bits.
_COUNTS_END = 2**63
# The first and the last day on which a campaign was sent, as far as Iterable says.
Span = tuple[date, date]


class CampaignsMetricsDaily(DailyStream):
    """`GET campaigns/metrics` for one day at a time: one record per campaign and day.

    Requests: 1 per day and 100 campaigns that went on or had ended in the 30 days before, roughly (10 a minute);
    metrics_days days at first, then 3.
    """

    name = "campaigns_metrics_daily"
    primary_key = ("campaignId", DATE)

    def _read_days(self, context: StreamContext, state: State, today: date) -> Reading:
        config, read = context.config, Days(state, today)
        # metrics_days at most, up to today or end_date, from start_date on.
        last = today
        if config.end_date:
            last = min(today, (parse_date(config.end_date) - timedelta(microseconds=1)).date())
        first = max(parse_date(config.start_date).date(), last - (config.metrics_days - 1) * ONE_DAY)
        unread = read.unread(first, last)
        # Not the campaigns themselves: a project may have very many.
        spans = {item["id"]: span_of(item) for item in CAMPAIGNS.items(context) if was_sent(item)} if unread else {}
        for number, day in enumerate(unread, 1):
            requested = {campaign_id for campaign_id, span in spans.items() if may_have_changed(span, day)}
            for rows in read_reports(context, "campaigns/metrics", requested, _one_row_each, day):
                # The report may have other campaigns, too: they have nothing new.
                yield [_record(row, day) for row in rows if row["id"] in requested]
            read.add(day)
            context.progress.advance(self.name, share=number / len(unread))
            yield Checkpoint(read.state)

    def to_record(self, item: Fields) -> Fields:
        return item


def _one_row_each(text: str) -> list[Fields]:
    """The rows of a report, one a campaign. Raises ShapeError."""
    rows = campaign_rows(text)
    if len({row["id"] for row in rows}) < len(rows):
        raise ShapeError("has several rows of one campaign")
    return rows


def _record(row: Fields, day: date) -> Fields:
    data = {name: value for name, value in row.items() if name != "id"}
    return {"campaignId": row["id"], DATE: day.isoformat(), **columns(data), "data": data}


def span_of(campaign: Mapping[str, Any]) -> Span:
    """The span of a campaign that was sent: without an end where it goes on or nobody knows.

    Without endedAt, the end is the latest of the other times. updatedAt alone is not enough: it stays at the last edit,
    however much later the campaign starts (seen).
    """
    starts = _days_of(campaign, "createdAt", "startAt")
    ends = _days_of(campaign, "endedAt") or _days_of(campaign, "createdAt", "startAt", "updatedAt")
    goes_on = campaign.get("campaignState") in _GOING_ON or campaign.get("type") == "Triggered"
    return min(starts, default=date.min), date.max if goes_on else max(ends, default=date.max)


def may_have_changed(span: Span, day: date) -> bool:
    """Whether the numbers of a campaign may have moved on a day.

    Iterable does not say in which time zone its days begin: there may be numbers on the day before the start in UTC.
    """
    start, end = span
    return day + ONE_DAY >= start and day - end <= _AFTERWARDS


def _days_of(campaign: Mapping[str, Any], *names: str) -> list[date]:
    """The UTC days of the named times, without the unknown ones."""
    times = filter(None, (rfc3339(campaign.get(name)) for name in names))
    return [date.fromisoformat(time[:10]) for time in times]


def columns(metrics: Fields) -> Fields:
    """The columns that the metrics of a campaign fill; those of several media are added up."""
    values: dict[str, dict[str, int | float]] = {}
    for name, value in metrics.items():
        if isinstance(value, (int, float)):
            metric, medium = _metric(name)
            values.setdefault(metric, {}).setdefault(medium, value)
    found: Fields = {}
    for column, names in _COLUMNS.items():
        of_media = next((values[name] for name in names if name in values), None)
        if of_media is not None:
            # A metric without a medium in its name covers all media.
            value = of_media[""] if "" in of_media else sum(of_media.values())
            if column == "revenue":
                found[column] = value
            elif abs(value) < _COUNTS_END and value == int(value):  # what is no count stays in `data` only
                found[column] = int(value)
    return found


@lru_cache(maxsize=1000)
def _metric(name: str) -> tuple[str, str]:
    """The name of a metric without its medium, and the medium: `total opens` and `inapp` of `Total In-App Opens`."""
    medium = _MEDIUM.search(name.lower())
    words = _MEDIUM.sub(" ", name.lower()).split()
    return " ".join(_SAME.get(word, word) for word in words), medium[0].replace("-", "")[:5] if medium else ""

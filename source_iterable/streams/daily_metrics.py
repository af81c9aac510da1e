"""Daily metrics of campaigns, and the columns that they fill, whatever Iterable's reports call them."""

from __future__ import annotations

import math
import re
import time
from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from functools import lru_cache
from itertools import accumulate

from source_iterable.api.request import ShapeError
from source_iterable.config import Config, parse_date
from source_iterable.errors import BadRequest, ServerError, TimedOut, TooLarge
from source_iterable.reading.days import DATE, ONE_DAY, DailyStream, Days
from source_iterable.reading.search import Moving, Range, Search
from source_iterable.reading.stream import Checkpoint, Fields, Reading, State, StreamContext
from source_iterable.records.schemas import metric_names
from source_iterable.streams.campaigns import CAMPAIGNS
from source_iterable.streams.metrics import campaign_rows, read_reports, url_batches, was_sent
from source_iterable.streams.moving import moving_of

# The last days are asked for one by one, and so are those of most projects: that ranges of days may exclude campaigns has
# not been seen in a real project yet (the probe `metrics of a month` of integration_tests/live).
_SINGLY = 30
SEARCH = "search"
# The longest request without its campaigns.
_LONGEST = "campaigns/metrics?startDateTime=2024-01-01&endDateTime=2024-01-02"
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


class CampaignsMetricsDaily(DailyStream):
    """`GET campaigns/metrics` for one day at a time: one record per campaign and day.

    Requests: 1 per day and 100 campaigns that went on or had ended in the 30 days before, roughly (10 a minute);
    metrics_days days at first, then 3; before the last 30 days only for campaigns that have numbers.
    """

    name = "campaigns_metrics_daily"
    primary_key = ("campaignId", DATE)
    # Ten a minute at most: a sync that is stopped comes further than the one before by every request.
    every_state = True
    lists = CAMPAIGNS.lists

    def _read_days(self, context: StreamContext, state: State, today: date) -> Reading:
        config, read = context.config, Days(state, today)
        # metrics_days at most, up to today or end_date, from start_date on.
        last = today
        if config.end_date:
            last = min(today, (parse_date(config.end_date) - timedelta(microseconds=1)).date())
        first = max(parse_date(config.start_date).date(), last - (config.metrics_days - 1) * ONE_DAY)
        if not (unread := read.unread(first, last)):
            return
        # Not the campaigns themselves: a project may have very many.
        moving = sorted(moving_of(item) for item in CAMPAIGNS.items(context) if was_sent(item))
        search = Search(state.get(SEARCH), moving, read.first_again.toordinal())
        is_full = self.name in context.full
        if is_full:
            context.logger.info(f"{self.name}: {_cost(config, moving, unread, last - _SINGLY * ONE_DAY)}")
        until = math.inf if is_full else config.metrics_backfill_minutes * 60.0
        # Old days take their time when all others have been read.
        began: float | None = None
        for number, day in enumerate(unread):
            is_old, asked = read.is_old(day), None
            of_day = search if is_old else Search(None, moving, 0)
            floor = first if is_old and (last - day).days >= _SINGLY else day
            while asked is None or not asked.is_day:
                asked, ids = of_day.next(day.toordinal(), floor.toordinal())
                is_told = is_old and not ids
                while ids:
                    if began is not None and time.monotonic() - began >= until:
                        yield Checkpoint(_state(read, search))
                        context.logger.info(f"{self.name}: {_how_far(config, day, first, asked)}")
                        return
                    began = time.monotonic() if is_old and began is None else began
                    batch = next(url_batches(config, _LONGEST, ids))
                    rows = _report(context, asked, batch)
                    if asked.is_day:
                        yield [_record(row, day) for row in rows or ()]
                    # What Iterable does not report on excludes nobody.
                    of_day.asked(batch[-1], batch if rows is None else (row["id"] for row in rows if has_numbers(row)))
                    del ids[: len(batch)]
                    if ids and is_old:
                        yield Checkpoint(_state(read, search))
                of_day.done()
                if asked.is_day:
                    read.add(day)
                    context.progress.advance(self.name, share=(number + 1) / len(unread))
                if not is_told:
                    yield Checkpoint(_state(read, search))
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


def has_numbers(row: Fields) -> bool:
    """Whether a row of a report says that anything happened: any cell but the id that is neither empty nor 0.

    Money alone, negative numbers and texts count, too: only a day can say what they mean.
    """
    return any(value != 0 for name, value in row.items() if name != "id")


def _report(context: StreamContext, asked: Range, batch: list[int]) -> list[Fields] | None:
    """What the report on these days says of these campaigns; None if Iterable fails to report on a range of days.

    Raises IterableError for a day.
    """
    days = map(date.fromordinal, (asked.first, asked.last))
    try:
        ((_, rows),) = read_reports(context, "campaigns/metrics", batch, _one_row_each, *days)
    except (BadRequest, ServerError, TimedOut, TooLarge) as error:
        if asked.is_day:
            raise
        context.logger.info(f"{CampaignsMetricsDaily.name}: fewer days are asked for at a time. {error}")
        return None
    # The report may have other campaigns, too: they have nothing new.
    requested = set(batch)
    return [row for row in rows if row["id"] in requested]


def _state(read: Days, search: Search) -> State:
    return {**read.state, **({SEARCH: search.state} if search.state else {})}


def _how_far(config: Config, day: date, first: date, asked: Range) -> str:
    """Where a sync ended, which next had to ask about a range to read a day."""
    what = f"{config.metrics_backfill_minutes} minutes (metrics_backfill_minutes) were spent on old days"
    back = f"all days since {day + ONE_DAY} are read"
    now = "" if asked.is_day else f", and campaigns with numbers since {date.fromordinal(asked.first)} are searched for"
    return f"{what}: {back}{now}. The next sync continues, back to {first}."


def _cost(config: Config, moving: Sequence[Moving], unread: Sequence[date], single: date) -> str:
    """How long a full refresh takes at least, and at most: if no campaign has numbers before `single`, or all have."""
    first, last = min(unread).toordinal(), max(unread).toordinal()
    changes = Counter(max(each.first, first) for each in moving if each.last >= first)
    changes.subtract(each.last + 1 for each in moving if each.last >= first)
    a_request = len(next(url_batches(config, _LONGEST, [each.id for each in moving]), [])) or 1
    days = zip(range(first, last + 1), accumulate(changes[day] for day in range(first, last + 1)), strict=True)
    requests = {day: math.ceil(campaigns / a_request) for day, campaigns in days}
    least = sum(number for day, number in requests.items() if day > single.toordinal())
    minutes = [number / 10 / config.rate_limit_factor for number in (least, sum(requests.values()))]
    return (
        f"a full refresh reads all {len(unread):,} days at once, without a limit: {minutes[0]:,.0f} to {minutes[1]:,.0f} "
        f"minutes for {len(moving):,} campaigns that were sent."
    )


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

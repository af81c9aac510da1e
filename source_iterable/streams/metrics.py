"""Reports of metrics in CSV, for as many campaigns per request as fit in its URL; and those of experiments."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import date, timedelta
from itertools import accumulate, count, takewhile
from typing import Any
from urllib.parse import urlencode

import msgspec
import orjson

from source_iterable.api.client import JSON_BYTES
from source_iterable.api.proof import not_csv
from source_iterable.api.request import ShapeError, model_of
from source_iterable.config import REGION_BASE_URLS, Config
from source_iterable.reading.stream import Fields, Reading, State, Stream, StreamContext
from source_iterable.streams.campaigns import CAMPAIGNS

# States of campaigns that were never sent, and have no metrics.
WITHOUT_METRICS = ("Draft", "Scheduled")
# Iterable rejects longer URLs with 414 (seen).
URL_LENGTH = 2048
# Digits that survive conversion to a number; 18 of them fit every integer column.
_INTEGER = re.compile(r"-?(0|[1-9]\d{0,17})", re.ASCII)
_FLOAT = re.compile(r"-?\d+\.\d+([eE][+-]?\d+)?|-?\d+[eE][+-]?\d+", re.ASCII)


class ExperimentsMetrics(Stream):
    """`GET experiments/metrics`: one record per row of the report, since start_date. Email experiments only (reference).

    No primary key: the reference names no column of the report, so none can be relied on.

    Requests: 1 per 100 email campaigns, roughly (10 a second).
    """

    name = "experiments_metrics"
    primary_key = ()
    lists = CAMPAIGNS.lists

    def _read(self, context: StreamContext, state: State) -> Reading:
        emails = {item["id"] for item in CAMPAIGNS.items(context) if item.get("messageMedium", "Email") == "Email"}
        for _, rows in read_reports(context, "experiments/metrics", sorted(emails), _experiment_rows):
            yield rows

    def to_record(self, item: Fields) -> Fields:
        """The row, with its ids as columns, however the report spells their names."""
        known = {re.sub("[^a-z]", "", name.lower()): value for name, value in item.items()}
        ids = {name: known.get(name.lower()) for name in ("experimentId", "campaignId", "templateId")}
        return {**{name: value for name, value in ids.items() if isinstance(value, int)}, "data": item}


def was_sent(campaign: Mapping[str, Any]) -> bool:
    """Whether a campaign may have metrics."""
    return campaign.get("campaignState") not in WITHOUT_METRICS


def campaign_rows(text: str) -> list[Fields]:
    """The rows of campaigns/metrics, each with the `id` of its campaign. Raises ShapeError."""
    rows = rows_of(text, "id")
    if not all(isinstance(row.get("id"), int) for row in rows):
        raise ShapeError("has no column id with the ids of campaigns")
    return rows


class _Lines(msgspec.Struct):
    """A response of experiments/metrics: lines of CSV (reference)."""

    headers: str
    rows: list[str] | None = None


def _experiment_rows(text: str) -> list[Fields]:
    """The rows of a report of experiments, which may come as CSV, too."""
    with suppress(orjson.JSONDecodeError):
        lines = model_of(_Lines, orjson.loads(text))
        text = "\n".join(line.rstrip("\r\n") for line in (lines.headers, *(lines.rows or ())))
    return rows_of(text)


def read_reports(
    context: StreamContext,
    path: str,
    campaign_ids: Iterable[int],
    records: Callable[[str], list[Fields]],
    first: date | None = None,
    last: date | None = None,
) -> Iterator[tuple[list[int], list[Fields]]]:
    """Yield each batch of campaigns with what `records` makes of the text of `GET path` for them.

    It is about the days from `first` (or start_date) to `last`, which is read whole, or up to now. ShapeError of `records`
    counts as a broken response.
    """
    # Dates, as in the reference: URL encoding makes them no longer.
    period = {"startDateTime": first.isoformat() if first else context.config.start_date[:10]}
    if last is not None:
        period["endDateTime"] = (last + timedelta(days=1)).isoformat()
    for batch in url_batches(context.config, f"{path}?{urlencode(period)}", campaign_ids):
        yield batch, context.client.get_text(path, {**period, "campaignId": batch}, records)


def url_batches(config: Config, path: str, campaign_ids: Iterable[int]) -> Iterator[list[int]]:
    """Yield the ids in batches, in their order: as many as fit in a URL behind `path`, at our base URL and at Iterable's."""
    free = URL_LENGTH - len(max(config.base_url, *REGION_BASE_URLS.values(), key=len)) - len(path)
    left = list(campaign_ids)
    while left:
        ends = accumulate(len(f"&campaignId={campaign_id}") for campaign_id in left)
        fitting = sum(1 for _ in takewhile(lambda end: end <= free, ends)) or 1
        yield left[:fitting]
        left = left[fitting:]


def rows_of(text: str, needed: str | None = None) -> list[dict[str, Any]]:
    """Parse CSV text into rows by column name: numbers as numbers, empty cells left out.

    A repeated name gets a number. Raises ShapeError for text that is no table with a `needed` column, or breaks off.
    """
    if not_csv(text):
        raise ShapeError("is not CSV")
    # A cell may be as long as a response; the default is 131,072 characters.
    csv.field_size_limit(JSON_BYTES)
    try:
        header, *lines = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    except (csv.Error, ValueError):
        raise ShapeError("is not whole CSV") from None
    columns: list[str] = []
    for name in header:
        columns.append(next(each for n in count(1) if (each := name if n == 1 else f"{name} ({n})") not in columns))
    if len(columns) < 2 or (needed is not None and needed not in columns):
        # Any text is CSV of one column.
        raise ShapeError(f"has no column {needed}" if needed else "has no columns")
    if any(len(cells) > len(columns) for cells in lines):
        raise ShapeError("has a row with more cells than columns")
    if lines and 0 < len(lines[-1]) < len(columns):
        raise ShapeError("breaks off in its last row")
    rows = [{name: number_in(cell) for name, cell in zip(columns, cells, strict=False) if cell} for cells in lines]
    return [row for row in rows if row]


def number_in(cell: str) -> int | float | str:
    """A cell as a number, if it is one."""
    if _INTEGER.fullmatch(cell):
        return int(cell)
    if _FLOAT.fullmatch(cell) and math.isfinite(number := float(cell)):
        return number
    return cell

"""Reports: tables of metrics as CSV, for as many campaigns a request as its URL can name."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator
from itertools import count
from typing import Any

import orjson

from source_iterable.config import REGION_BASE_URLS
from source_iterable.errors import IterableError
from source_iterable.streams.campaigns import Campaigns
from source_iterable.streams.context import StreamContext
from source_iterable.streams.listing import Fields, ListStream

# Iterable refuses longer URLs with 414 (seen).
URL_LENGTH = 2048
# States of campaigns that were never sent, and have no metrics.
WITHOUT_METRICS = ("Draft", "Scheduled")
# Digits that are a number and stay the same when they become one; 18 of them fit every integer column.
_INTEGER = re.compile(r"-?(0|[1-9]\d{0,17})", re.ASCII)
_FLOAT = re.compile(r"-?\d+\.\d+([eE][+-]?\d+)?|-?\d+[eE][+-]?\d+", re.ASCII)


class CampaignsMetrics(ListStream):
    """`GET campaigns/metrics`: one record a campaign, with the columns that are not empty, since start_date."""

    name = "campaigns_metrics"
    cost = "1 per 100 sent campaigns, roughly (10 a minute)"
    primary_key = ("id",)
    path = "campaigns/metrics"

    def read(self, context: StreamContext, state: Fields) -> Iterator[list[Fields]]:
        campaigns = {item["id"]: item.get("campaignState") for item in Campaigns().all_items(context)}
        sent = [campaign_id for campaign_id, status in campaigns.items() if status not in WITHOUT_METRICS]
        for batch in url_batches(context, self.path, sent):
            text = _report(context, self.path, batch)
            yield [_metrics(row) for row in rows_of(text)]
        state.clear()


class ExperimentsMetrics(ListStream):
    """`GET experiments/metrics`: one record a row of the report, since start_date. Email experiments only (reference).

    There is no key: the reference names no column of the report, so none can be relied on.
    """

    name = "experiments_metrics"
    cost = "1 per 100 email campaigns, roughly (10 a second)"
    primary_key = ()
    path = "experiments/metrics"

    def read(self, context: StreamContext, state: Fields) -> Iterator[list[Fields]]:
        media = {item["id"]: item.get("messageMedium", "Email") for item in Campaigns().all_items(context)}
        emails = [campaign_id for campaign_id, medium in media.items() if medium == "Email"]
        for batch in url_batches(context, self.path, emails):
            yield [_experiment(row) for row in rows_of(_as_csv(_report(context, self.path, batch)))]
        state.clear()


def url_batches(context: StreamContext, path: str, campaign_ids: Iterable[int]) -> Iterator[list[int]]:
    """The ids in batches, each as long as a request that names them all may be: at our base URL and at Iterable's own."""
    root = max(context.config.base_url, *REGION_BASE_URLS.values(), key=len)
    fixed = len(f"{root}{path}?startDateTime={_since(context)}")
    batch: list[int] = []
    length = fixed
    for campaign_id in sorted(campaign_ids):
        added = len(f"&campaignId={campaign_id}")
        if batch and length + added > URL_LENGTH:
            yield batch
            batch, length = [], fixed
        batch.append(campaign_id)
        length += added
    if batch:
        yield batch


def rows_of(text: str) -> list[dict[str, Any]]:
    """The rows of a CSV text by the names of its columns: numbers as numbers, empty cells left out.

    A name that occurs again gets a number. Raises IterableError for text that is no such table.
    """
    lines = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    columns: list[str] = []
    for name in next(lines, []):
        columns.append(next(each for n in count(1) if (each := name if n == 1 else f"{name} ({n})") not in columns))
    rows = []
    for cells in lines:
        if len(cells) > len(columns):
            raise IterableError("A row of Iterable's report has more cells than the report has columns.")
        rows.append({name: number_in(cell) for name, cell in zip(columns, cells, strict=False) if cell != ""})
    return [row for row in rows if row]


def number_in(cell: str) -> int | float | str:
    """A cell as a number, where it is nothing else."""
    if _INTEGER.fullmatch(cell):
        return int(cell)
    if _FLOAT.fullmatch(cell) and math.isfinite(number := float(cell)):
        return number
    return cell


def _since(context: StreamContext) -> str:
    # A date: the reference's form for this endpoint, and nothing in it needs more room in a URL than it shows.
    return context.config.start_date[:10]


def _report(context: StreamContext, path: str, campaign_ids: list[int]) -> str:
    response = context.client.get(path, {"startDateTime": _since(context), "campaignId": campaign_ids})
    return response.content.decode("utf-8", errors="replace")


def _metrics(row: Fields) -> Fields:
    if not isinstance(row.get("id"), int):
        raise IterableError("A row of Iterable's answer to GET campaigns/metrics has no id of a campaign.")
    return {"id": row["id"], "data": row}


def _as_csv(text: str) -> str:
    """The report of an answer of experiments/metrics: {headers, rows} of CSV lines (reference), or just the CSV."""
    try:
        answer = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    if isinstance(answer, dict) and isinstance(answer.get("headers"), str):
        return "\n".join((answer["headers"].rstrip("\r\n"), *(row.rstrip("\r\n") for row in answer.get("rows") or [])))
    raise IterableError("Iterable's answer to GET experiments/metrics holds no headers.")


def _experiment(row: Fields) -> Fields:
    """A row, with the ids that it has as columns of their own, however the report writes their names."""
    known = {re.sub("[^a-z]", "", name.lower()): value for name, value in row.items()}
    ids = {name: known[name.lower()] for name in ("experimentId", "campaignId", "templateId") if name.lower() in known}
    return {**{name: value for name, value in ids.items() if isinstance(value, int)}, "data": row}

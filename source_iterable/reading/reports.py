"""Reports: metrics as CSV, for as many campaigns per request as fit in its URL."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator
from itertools import count
from typing import Any

from source_iterable.config import REGION_BASE_URLS
from source_iterable.errors import IterableError
from source_iterable.reading.context import StreamContext

# Iterable rejects longer URLs with 414 (seen).
URL_LENGTH = 2048
# Digits that survive conversion to a number; 18 of them fit every integer column.
_INTEGER = re.compile(r"-?(0|[1-9]\d{0,17})", re.ASCII)
_FLOAT = re.compile(r"-?\d+\.\d+([eE][+-]?\d+)?|-?\d+[eE][+-]?\d+", re.ASCII)


def read_reports(context: StreamContext, path: str, campaign_ids: Iterable[int]) -> Iterator[str]:
    """Yield the text of `GET path` since start_date for each batch of campaigns."""
    for batch in url_batches(context, path, campaign_ids):
        yield context.client.get_text(path, {"startDateTime": _since(context), "campaignId": batch})


def url_batches(context: StreamContext, path: str, campaign_ids: Iterable[int]) -> Iterator[list[int]]:
    """Yield the ids in batches, each as large as fits in a URL, both at our base URL and at Iterable's own."""
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
    """Parse CSV text into rows by column name: numbers as numbers, empty cells left out.

    A repeated name gets a number. Raises IterableError for a row with too many cells.
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
    """A cell as a number, if it is one."""
    if _INTEGER.fullmatch(cell):
        return int(cell)
    if _FLOAT.fullmatch(cell) and math.isfinite(number := float(cell)):
        return number
    return cell


def _since(context: StreamContext) -> str:
    # A date: the reference's form for this endpoint, and nothing in it grows by URL encoding.
    return context.config.start_date[:10]

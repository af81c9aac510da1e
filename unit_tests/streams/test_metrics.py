"""Reports of metrics: what is CSV, which cells are numbers, and how many campaigns a request asks for."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import requests_mock
from hypothesis import given
from hypothesis import strategies as some

from source_iterable.api.client import IterableClient
from source_iterable.api.request import ShapeError
from source_iterable.config import REGION_BASE_URLS
from source_iterable.streams.metrics import number_in, rows_of, url_batches
from unit_tests.contexts import a_config


@pytest.mark.parametrize(
    ("cell", "number"),
    [("0", 0), ("-12", -12), ("1.5", 1.5), ("1e3", 1000.0), ("007", "007"), ("1,234", "1,234"), ("NaN", "NaN")]
    + [("9" * 30, "9" * 30), ("1e999", "1e999"), ("١", "١"), (" 1", " 1"), ("12%", "12%"), ("1_0", "1_0")],
)
def test_only_unambiguous_cells_become_numbers(cell: str, number: Any) -> None:
    assert number_in(cell) == number
    assert type(number_in(cell)) is type(number)


def test_a_report_keeps_every_nonempty_cell() -> None:
    text = '\ufeffid,"Name, quoted",A,A\r\n1,"two\r\nlines",,3\r\n\r\n2,\u2028,0.5,\r\n'
    assert rows_of(text) == [
        {"id": 1, "Name, quoted": "two\r\nlines", "A (2)": 3},
        {"id": 2, "Name, quoted": "\u2028", "A": 0.5},
    ]
    assert rows_of("id,A\n") == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not CSV"),
        (" \n", "not CSV"),
        ("<html><p>Log in, please</p></html>", "not CSV"),
        ('{"headers": "id,A", "rows": ["1,2"', "not CSV"),
        ("id,A\n1,\0\n", "not CSV"),
        ("Service unavailable", "no column id"),
        ("Sorry, try later", "no column id"),
        ("id,A\n1,2,3\n4,5\n", "more cells than columns"),
        ("id,A,B\n1,2,3\n4,5", "breaks off"),
        ('id,A\n1,"2', "not whole"),
    ],
)
def test_what_is_no_report_is_refused(text: str, why: str) -> None:
    with pytest.raises(ShapeError, match=why):
        rows_of(text, "id")


def test_a_cell_may_be_long() -> None:
    assert rows_of(f"id,A\n1,{'x' * 200_000}\n", "id") == [{"id": 1, "A": "x" * 200_000}]


@pytest.mark.parametrize(
    "base", [None, "https://proxy.example.com/a/rather/long/way/to/the/api/", "http://localhost:1/"]
)
@given(ids=some.sets(some.integers(1, 10**12), max_size=600))
def test_urls_stay_within_iterables_limit(base: str | None, ids: set[int]) -> None:
    config = a_config(api_base_url=base, region="EU")
    batches = list(url_batches(config, f"campaigns/metrics?startDateTime={config.start_date[:10]}", ids))
    assert sorted(each for batch in batches for each in batch) == sorted(ids)
    client = IterableClient(config, logging.getLogger("test"))
    with requests_mock.Mocker() as server:
        server.get(requests_mock.ANY, text="")
        for batch in batches:
            client.get_text("campaigns/metrics", {"startDateTime": config.start_date[:10], "campaignId": batch})
        lengths = [len(request.url) for request in server.request_history]
    assert all(length <= 2048 for length in lengths)
    # And in as few requests as possible: the next id would not have fit, wherever the API is.
    slack = max(len(root) for root in (config.base_url, *REGION_BASE_URLS.values())) - len(config.base_url)
    assert all(length + slack + len("&campaignId=") + 13 > 2048 for length in lengths[:-1])

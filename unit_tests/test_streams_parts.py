"""The building blocks of the streams outside the export API."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests_mock
from hypothesis import given
from hypothesis import strategies as some

from source_iterable.api.client import IterableClient
from source_iterable.api.request import ShapeError
from source_iterable.config import REGION_BASE_URLS, Config
from source_iterable.errors import BadRequest
from source_iterable.reading import whole_list
from source_iterable.reading.children import Done
from source_iterable.reading.distinct_users import DistinctUsers
from source_iterable.reading.reports import number_in, rows_of, url_batches
from source_iterable.reading.shared_pages import SharedPages
from source_iterable.streams.user_columns import discovered_columns
from source_iterable.streams.webhooks import masked_url, without_secrets

ROOT = REGION_BASE_URLS["US"]


def a_config(**changes: Any) -> Config:
    return Config.parse({"api_key": "k", "start_date": "2024-01-01T00:00:00Z", "rate_limit_factor": 1000, **changes})


@pytest.fixture
def client() -> IterableClient:
    return IterableClient(a_config(), logging.getLogger("test"))


# finished slices


@given(some.sets(some.integers(0, 50)), some.data())
def test_a_state_covers_exactly_the_finished_slices_in_any_order(keys: set[int], data: Any) -> None:
    order = data.draw(some.permutations(sorted(keys)))
    cut = data.draw(some.integers(0, len(order)))
    done = Done(keys, {})
    for key in order[:cut]:
        done.add(key)
    assert Done(keys, done.state).remaining == sorted(order[cut:])


def test_the_state_of_slices_finished_in_order_does_not_grow() -> None:
    done = Done(range(1000), {})
    for key in range(900):
        done.add(key)
        assert done.state == {"after": key}


@pytest.mark.parametrize("state", [{"after": "a"}, {"after": None, "done": 3}, {"done": ["x"]}, {"other": 1}])
def test_a_foreign_state_is_ignored(state: dict[str, Any]) -> None:
    assert Done([2, 1], state).remaining == [1, 2]


# shared pages


def page(number: int, last: int) -> dict[str, Any]:
    more = {"nextPageUrl": f"https://elsewhere.example/?page={number + 1}"} if number < last else {}
    return {"things": [{"id": 10 * number + each} for each in range(3)], "totalCount": 3 * last, **more}


def test_concurrent_and_later_readers_share_one_request_per_page(client: IterableClient, monkeypatch: Any) -> None:
    monkeypatch.setattr(whole_list, "MEMORY_BYTES", 10)
    pages = SharedPages(client, logging.getLogger("test"))
    seen: list[list[int]] = []

    def read() -> None:
        seen.append([item["id"] for items in pages.pages("x", "things", "id", {}, 3) for item in items])

    with requests_mock.Mocker() as server:
        for number in range(1, 6):
            server.get(f"{ROOT}x?page={number}", json=page(number, 5))
        first = pages.pages("x", "things", "id", {}, 3)
        assert [item["id"] for item in next(first)] == [10, 11, 12]
        assert server.call_count == 5, "a page counts when all are known"
        threads = [threading.Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [len(items) for items in first] == [3] * 4
        assert server.call_count == 5
    assert seen == [[10 * number + each for number in range(1, 6) for each in range(3)]] * 4


def test_only_a_failed_page_is_requested_again(client: IterableClient) -> None:
    pages = SharedPages(client, logging.getLogger("test"))
    with requests_mock.Mocker() as server:
        first = server.get(f"{ROOT}x?page=1", json=page(1, 2))
        second = server.get(f"{ROOT}x?page=2", [{"status_code": 400, "json": {}}, {"json": page(2, 2)}])
        with pytest.raises(BadRequest):
            list(pages.pages("x", "things", "id", {}, 3))
        assert len(list(pages.pages("x", "things", "id", {}, 3))) == 2
        assert (first.call_count, second.call_count) == (1, 2)


# distinct users


def test_distinct_users_are_yielded_once_in_an_order_of_their_own() -> None:
    names = [f"user-{number}@example.com" for number in range(500)]

    def all_of(batches: Iterator[list[str]]) -> list[tuple[bytes, str]]:
        users = DistinctUsers()
        for batch in batches:
            users.add(batch)
        found = list(users.after())
        middle, _ = found[200]
        assert users.count() == len(found)
        assert list(users.after(middle)) == found[201:]
        assert users.count(middle) == len(found) - 201
        users.close()
        return found

    forwards = all_of(iter([names, names[:100]]))
    assert all_of(iter([names[::-1][:300], names])) == forwards
    assert sorted(name for _, name in forwards) == sorted(names)


# reports


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


# columns of custom user fields


def test_only_top_level_fields_become_columns() -> None:
    schema = {"properties": {"email": {"type": "string"}, "data": {"type": ["null", "object"]}}}
    fields = {
        "email": "string",
        "data": "object",
        "a.b": "string",
        "a": "object",
        "": "string",
        "n": "Long",
        "x": "new",
    }
    columns = discovered_columns(schema, fields)["properties"]
    assert list(columns) == ["email", "a", "n", "data"]
    assert columns["n"]["type"] == ["null", "integer"]


# secrets


def test_fields_that_may_hold_a_secret_are_dropped_at_any_depth() -> None:
    webhook = {
        "id": 1,
        "authType": "OAuth2",
        "authToken": "s1",
        "headers": [{"key": "X", "value": "s2"}],
        "oauth": {"clientSecret": "s3"},
        "auth": {"username": "s4", "password": "s5"},
        "nested": [{"apiKey": "s6", "name": "kept"}],
        "messageTypeIds": [1],
    }
    assert without_secrets(webhook) == {
        "id": 1,
        "authType": "OAuth2",
        "nested": [{"name": "kept"}],
        "messageTypeIds": [1],
    }


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("https://hooks.example.com/a?b=1", "https://hooks.example.com/a?b=1"),
        ("https://user:pa@ss@hooks.example.com:8443/a", "https://***@hooks.example.com:8443/a"),
        ("https://token@hooks.example.com", "https://***@hooks.example.com"),
        (
            "https://h.example/x?api_key=s&list=2&access_token=t",
            "https://h.example/x?api_key=***&list=2&access_token=***",
        ),
        ("https://[broken", "***"),
    ],
)
def test_the_url_of_a_webhook_shows_no_credentials(url: str, masked: str) -> None:
    assert masked_url(url) == masked

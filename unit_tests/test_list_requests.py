"""How many pages a list costs, and what a bulk change followed by later updates yields; windows as the user sees them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import requests_mock

from source_iterable.api.client import IterableClient
from source_iterable.config import Config
from source_iterable.errors import BadRequest, NotFound
from source_iterable.exports.windows import Window, WindowPlan, next_size
from source_iterable.reading.children import ChildStream
from source_iterable.reading.context import StreamContext
from source_iterable.reading.stream import Checkpoint
from unit_tests.test_newest_first import ROOT, Things, World, read, things


@pytest.fixture
def context() -> Iterator[StreamContext]:
    config = Config.parse({"api_key": "k", "start_date": "2024-01-01T00:00:00Z", "rate_limit_factor": 1e6})
    logger = logging.getLogger("airbyte")
    made = StreamContext(config, IterableClient(config, logger), logger)
    yield made
    made.close()


def pages_asked(context: StreamContext, of_time: list[int], state: dict[str, Any]) -> list[int]:
    """The numbers of the pages, of two things each, that a sync requests."""
    items = [{"id": number, "updatedAt": time} for number, time in enumerate(of_time)]
    with requests_mock.Mocker() as server:
        server.get(f"{ROOT}campaigns", json=World(items).page)
        list(Things().read(context, state))
        assert all(request.qs["sort"] == ["-updatedat"] for request in server.request_history)
        return [int(request.qs["page"][0]) for request in server.request_history]


@pytest.mark.parametrize(
    ("of_time", "asked"),
    [
        ([10, 4, 3, 2, 1, 0], [1]),  # the first page ends before the state
        ([10, 9, 4, 3, 2, 1], [1, 2, 1]),  # the second one does; then the front once more
        ([5, 5, 5, 4, 3, 2], [1, 2]),  # what has the state's time may be new
        ([4, 3, 2, 1, 0, 0], [1]),
        ([10, 9, 8, 7, 6, 6], [1, 2, 3, 1]),
    ],
)
def test_a_sync_requests_no_more_pages_than_it_needs(
    context: StreamContext, monkeypatch: pytest.MonkeyPatch, of_time: list[int], asked: list[int]
) -> None:
    monkeypatch.setattr(Things, "page_size", 2)
    state = {"updatedAt": 0, "kinds": {"all": {"updatedAt": 5, "seen": [0, 1, 2]}}}
    assert pages_asked(context, of_time, state) == asked


def test_the_state_of_another_connector_is_a_time_in_seconds() -> None:
    of_time = [{"id": 1, "updatedAt": 1_700_000_000_000}, {"id": 2, "updatedAt": 1_699_999_999_999}]
    ids, state = read(of_time, {"updatedAt": "2023-11-14T22:13:20Z"})
    assert ids == [1]
    assert state == {"updatedAt": 1_700_000_000_000, "kinds": {"all": {"updatedAt": 1_700_000_000_000, "seen": [1]}}}


@pytest.mark.parametrize(("later", "again"), [(12, False), (13, True), (20, True)])
def test_what_many_later_updates_hide_is_read_again(later: int, again: bool) -> None:
    _, state = read(things(300), {})
    # Half of the later ones had the state's time, the others are new.
    moved = [{"id": number, "updatedAt": 6000} for number in range(1, later // 2 + 1)]
    new = [{"id": 1000 + number, "updatedAt": 6000} for number in range(later - later // 2)]
    now = [*moved, *new, *things(300 - len(moved), first=len(moved) + 1)]
    ids, after = read(now, state)
    assert len(ids) == (len(now) if again else later)
    assert {item["id"] for item in [*moved, *new]} <= set(ids)
    assert after["updatedAt"] == 6000
    assert read(now, after)[0] == []


@pytest.mark.parametrize("later", [5, 20])
def test_one_that_is_replaced_among_later_updates_is_found(later: int) -> None:
    _, state = read(things(300), {})
    moved = [{"id": number, "updatedAt": 6000} for number in range(1, later + 1)]
    now = [*moved, *things(300 - later - 1, first=later + 1), {"id": 5555, "updatedAt": 5000}]
    assert 5555 in read(now, state)[0]


@pytest.mark.parametrize(("count", "held"), [(100, "seen"), (101, "count")])
def test_a_state_holds_up_to_a_hundred_keys(count: int, held: str) -> None:
    mark = read(things(count), {})[1]["kinds"]["all"]
    assert held in mark
    assert mark["updatedAt"] == 5000
    assert mark.get("count", count) == count


def test_items_without_a_time_are_read_as_the_oldest() -> None:
    ids, state = read([{"id": 1, "updatedAt": 5}, {"id": 2, "updatedAt": 0}], {})
    assert sorted(ids) == [1, 2]
    assert state["kinds"] == {"all": {"updatedAt": 5, "seen": [1]}}


# slices of a parent


class Children(ChildStream):
    name = "list_users"
    primary_key = ("id",)
    cost = "0"
    noun = "list"
    resumable = True

    def __init__(self, failures: dict[Any, Exception], resumable: bool = True) -> None:
        self.failures = failures
        self.resumable = resumable
        self.asked: list[Any] = []

    def keys(self, context: StreamContext) -> list[Any]:
        return [3, 1, 2]

    def read_slice(self, context: StreamContext, key: Any) -> Iterator[list[dict[str, Any]]]:
        self.asked.append(key)
        if key in self.failures:
            raise self.failures[key]
        yield [{"id": key}]


def outcome(stream: Children, context: StreamContext, state: dict[str, Any]) -> list[Any]:
    """The ids of each batch, and the states in between."""
    return [
        dict(item.state)
        if isinstance(item, Checkpoint)
        else [json.loads(line)["record"]["data"]["id"] for line in item.lines.split(b"\n") if line]
        for item in stream.read(context, state)
    ]


def test_slices_are_read_in_order_and_the_last_state_starts_over(context: StreamContext) -> None:
    assert outcome(Children({}), context, {}) == [[1], {"after": 1}, [2], {"after": 2}, [3], {"after": 3}, {}]
    assert outcome(Children({}), context, {"after": 2}) == [[3], {"after": 3}, {}]
    assert outcome(Children({}), context, {"after": 1, "done": [3]}) == [[2], {"after": 3}, {}]
    assert outcome(Children({}, resumable=False), context, {"after": 2}) == [[1], [2], [3], {}]


def test_a_slice_that_is_gone_is_skipped_and_any_other_failure_ends_the_stream(
    context: StreamContext, caplog: pytest.LogCaptureFixture
) -> None:
    gone = Children({2: NotFound("Gone.", 404)})
    assert outcome(gone, context, {}) == [[1], {"after": 1}, {"after": 2}, [3], {"after": 3}, {}]
    assert "list_users: list 2 no longer exists; skipped." in caplog.text
    with pytest.raises(BadRequest):
        outcome(Children({2: BadRequest("No.", 400)}), context, {})


# windows


def test_a_first_window_has_31_days_and_a_month_is_one_request() -> None:
    day = 86_400
    assert WindowPlan(0, 31 * day).next() == Window(0, 31 * day)
    plan = WindowPlan(0, 31 * day + 1)
    assert plan.next() == Window(0, 31 * day)
    assert (plan.left, plan.next(), plan.left) == (True, Window(31 * day, 31 * day + 1), False)


def test_halves_expect_half_each_and_an_unknown_size_stays_unknown() -> None:
    assert Window(0, 5, 9).halves() == (Window(0, 2, 4), Window(2, 5, 4))
    assert Window(0, 2).halves() == (Window(0, 1), Window(1, 2))
    assert Window(0, 2).expecting(0) == Window(0, 2)
    assert Window(0, 2).expecting(7) == Window(0, 2, 7)


def test_a_window_is_named_by_its_times() -> None:
    assert str(Window(0, 86_399)) == "1970-01-01T00:00:00+00:00 to 1970-01-01T23:59:59+00:00"


def test_the_share_of_a_plan() -> None:
    plan = WindowPlan(100, 300)
    assert [plan.share(position) for position in (100, 150, 300)] == [0.0, 0.25, 1.0]
    assert WindowPlan(100, 101).share(101) == 1.0
    assert WindowPlan(100, 100).share(100) == 0.0


def test_the_next_window_goes_for_128_megabytes() -> None:
    assert next_size(1000, 1000, 2**28) == 500
    assert next_size(1000, 500, 2**27) == 500
    assert next_size(16, 16, 2**40) == 2

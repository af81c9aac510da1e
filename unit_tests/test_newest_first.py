"""Lists by their last update: a bulk change keeps the state small, and nothing is lost or read twice."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
import requests_mock

from source_iterable.api.client import IterableClient
from source_iterable.config import Config
from source_iterable.errors import BrokenResponse, ConfigError, IterableError
from source_iterable.reading.context import StreamContext
from source_iterable.reading.newest_first import NewestFirstStream
from source_iterable.reading.stream import Checkpoint

ROOT = "https://api.iterable.com/api/"


class Things(NewestFirstStream):
    name = "campaigns"
    primary_key = ("id",)
    path = "campaigns"
    selector = "campaigns"


class World:
    """A list of things, as the API pages it."""

    def __init__(self, things: list[dict[str, Any]]) -> None:
        self.things = things

    @staticmethod
    def order(thing: dict[str, Any]) -> int:
        return -int(thing["updatedAt"])

    def page(self, request: Any, _: Any) -> Any:
        number, size = int(request.qs["page"][0]), int(request.qs["pagesize"][0])
        ordered = sorted(self.things, key=self.order)
        more = {"nextPageUrl": f"/x?page={number + 1}"} if number * size < len(ordered) else {}
        return {"campaigns": ordered[(number - 1) * size : number * size], **more}


def read(things: list[dict[str, Any]], state: dict[str, Any]) -> tuple[list[int], dict[str, Any]]:
    config = Config.parse({"api_key": "k", "start_date": "2024-01-01T00:00:00Z", "rate_limit_factor": 1e6})
    context = StreamContext(config, IterableClient(config, logging.getLogger("test")), logging.getLogger("test"))
    ids: list[int] = []
    last: dict[str, Any] = {}
    try:
        with requests_mock.Mocker() as server:
            server.get(f"{ROOT}campaigns", json=World(things).page)
            Things().check_state(state)
            for item in Things().read(context, state):
                if isinstance(item, Checkpoint):
                    last = json.loads(json.dumps(dict(item.state)))
                else:
                    ids += [message["data"]["id"] for message in item.messages()]
    finally:
        context.close()
    return ids, last


def things(count: int, updated_at: int = 5000, first: int = 1) -> list[dict[str, Any]]:
    return [{"id": number, "updatedAt": updated_at} for number in range(first, first + count)]


@pytest.mark.parametrize("count", [3, 100, 101, 5000])
def test_a_bulk_change_is_read_once_and_its_state_stays_small(count: int) -> None:
    ids, state = read(things(count), {})
    assert sorted(ids) == list(range(1, count + 1))
    assert len(json.dumps(state)) < 2000
    assert read(things(count), state)[0] == []


@pytest.mark.parametrize("count", [3, 5000])
def test_one_more_of_the_same_time_is_found(count: int) -> None:
    _, state = read(things(count), {})
    ids, after = read(things(count + 1), state)
    assert count + 1 in ids
    assert len(ids) == (1 if count == 3 else count + 1), "what is only counted is read again when the count changes"
    assert read(things(count + 1), after)[0] == []


@pytest.mark.parametrize("count", [3, 5000])
def test_one_that_replaces_another_of_the_same_time_is_found(count: int) -> None:
    _, state = read(things(count), {})
    changed = [*things(count - 1), {"id": 99_999, "updatedAt": 5000}]
    ids, after = read(changed, state)
    assert 99_999 in ids
    assert read(changed, after)[0] == []


@pytest.mark.parametrize("count", [3, 5000])
def test_what_is_updated_later_is_read_alone(count: int) -> None:
    _, state = read(things(count), {})
    later = [*things(count - 2), {"id": count - 1, "updatedAt": 5001}, {"id": count, "updatedAt": 6000}]
    ids, after = read(later, state)
    assert sorted(ids) == [count - 1, count]
    assert after["updatedAt"] == 6000
    assert read(later, after)[0] == []


def test_a_list_that_is_not_sorted_after_all_is_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Things, "page_size", 2)
    monkeypatch.setattr(World, "order", staticmethod(lambda thing: thing["id"]))
    of_time = [
        {"id": number, "updatedAt": time} for number, time in enumerate([1000, 9000, 8000, 2000, 7000, 3000, 9500])
    ]
    ids, state = read(of_time, {"updatedAt": 6000, "kinds": {"all": {"updatedAt": 6000, "seen": []}}})
    assert sorted(ids) == [1, 2, 4, 6]
    assert state["updatedAt"] == 9500


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_items_of_the_states_time_are_found_wherever_the_pages_are_cut(
    monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    _, state = read(things(4, updated_at=5000), {})
    monkeypatch.setattr(Things, "page_size", size)
    now = [*things(3, updated_at=7000, first=10), *things(8, updated_at=5000), *things(5, updated_at=4000, first=20)]
    ids, after = read(now, state)
    assert sorted(ids) == [5, 6, 7, 8, 10, 11, 12]
    assert read(now, after)[0] == []


@pytest.mark.parametrize(
    "kinds",
    ["abc", [1], {"all": 5}, {"all": {}}, {"all": {"updatedAt": "x"}}, {"all": {"updatedAt": 1, "seen": "ab"}}]
    + [{"all": {"updatedAt": 1, "seen": [{}]}}, {"all": {"updatedAt": 1, "count": 3, "total": "xyz"}}],
)
def test_a_state_that_is_none_of_ours_is_a_config_error(kinds: Any) -> None:
    with pytest.raises(ConfigError, match="campaigns"):
        read([], {"updatedAt": 5, "kinds": kinds})


@pytest.mark.parametrize(
    ("items", "told"),
    [
        ([{"id": 1}, {"updatedAt": 5}], "without a valid id (number 2)"),
        ([{"id": 1}, "text"], "not an object (number 2)"),
        ([{"id": 1}, {"id": "1"}], "different types"),
        ([{"id": 1, "updatedAt": "2026-01-01"}], "updatedAt is not a number"),
    ],
)
def test_malformed_items_are_named(items: list[Any], told: str) -> None:
    config = Config.parse({"api_key": "k", "start_date": "2024-01-01T00:00:00Z", "rate_limit_factor": 1e6})
    context = StreamContext(config, IterableClient(config, logging.getLogger("test")), logging.getLogger("test"))
    with requests_mock.Mocker() as server:
        server.get(f"{ROOT}campaigns", json={"campaigns": items})
        with pytest.raises(BrokenResponse) as caught:
            list(Things().read(context, {}))
    context.close()
    assert told in str(caught.value)


@pytest.mark.parametrize("pages", [1, 2, 3])
def test_pages_without_end_are_noticed(pages: int) -> None:
    def circle(request: Any, _: Any) -> Any:
        number = int(request.qs["page"][0])
        return {"campaigns": [{"id": number % pages, "updatedAt": 5}], "nextPageUrl": f"/x?page={number + 1}"}

    config = Config.parse({"api_key": "k", "start_date": "2024-01-01T00:00:00Z", "rate_limit_factor": 1e6})
    context = StreamContext(config, IterableClient(config, logging.getLogger("test")), logging.getLogger("test"))
    with requests_mock.Mocker() as server:
        server.get(f"{ROOT}campaigns", json=circle)
        with pytest.raises(IterableError, match="do not end"):
            list(Things().read(context, {}))
        assert server.call_count < 20
    context.close()

"""Lists by their last update: nothing is lost or read twice, and no more pages are requested than it takes."""

from __future__ import annotations

import json
import logging
import time
from typing import Any

import pytest
import requests_mock

from source_iterable.api.client import IterableClient
from source_iterable.config import Config
from source_iterable.errors import BrokenResponse, ConfigError, IterableError
from source_iterable.reading.context import StreamContext
from source_iterable.reading.newest_first import Mark, NewestFirstStream
from source_iterable.reading.stream import Checkpoint
from unit_tests.contexts import a_context, asked, gather

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
        return -int(thing.get("updatedAt") or 0)

    def page(self, request: Any, _: Any) -> Any:
        number, size = int(request.qs["page"][0]), int(request.qs["pagesize"][0])
        ordered = sorted(self.things, key=self.order)
        more = {"nextPageUrl": f"/x?page={number + 1}"} if number * size < len(ordered) else {}
        return {"campaigns": ordered[(number - 1) * size : number * size], **more}


def read(things: list[dict[str, Any]], state: dict[str, Any]) -> tuple[list[int], dict[str, Any]]:
    config = Config.parse({"api_key": "k", "start_date": "2024-01-01T00:00:00Z", "rate_limit_factor": 1e6})
    context = StreamContext(config, IterableClient(config, logging.getLogger("test")), logging.getLogger("test"))
    context.client.clock.hear({})
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


def updated(*times: int, first: int = 1) -> list[dict[str, Any]]:
    return [{"id": first + place, "updatedAt": time} for place, time in enumerate(times)]


def requested(
    things: list[dict[str, Any]], state: dict[str, Any]
) -> tuple[list[int], dict[str, Any], list[dict[str, str]]]:
    """The ids that were read, the state after it, and the query of each request."""
    with a_context() as context, requests_mock.Mocker() as server:
        server.get(f"{ROOT}campaigns", json=World(things).page)
        result = gather(Things().read(context, state))
        queries = asked(server, "campaigns")
    assert result.error is None
    return [record["id"] for record in result.records], result.states[-1], queries


def test_the_newest_come_first_and_a_sync_without_news_is_one_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Things, "page_size", 2)
    ids, state, queries = requested(updated(1000, 2000, 3000, 4000, 5000), {})
    assert ids == [5, 4, 3, 2, 1]
    assert state == {"updatedAt": 5000, "kinds": {"all": {"updatedAt": 5000, "seen": [5]}}}
    # Three pages, and the front once more, since items may have moved there meanwhile.
    assert [query["page"] for query in queries] == ["1", "2", "3", "1"]
    assert {(query["sort"], query["pageSize"]) for query in queries} == {("-updatedAt", "2")}
    ids, after, queries = requested(updated(1000, 2000, 3000, 4000, 5000), state)
    assert (ids, after, len(queries)) == ([], state, 1)
    ids, after, queries = requested(updated(1000, 2000, 3000, 4000, 5000, 6000, 6000), state)
    assert ids == [6, 7]
    assert after["kinds"] == {"all": {"updatedAt": 6000, "seen": [6, 7]}}
    assert [query["page"] for query in queries] == ["1", "2", "1"]


def test_a_list_of_one_page_is_one_request() -> None:
    ids, state, queries = requested(updated(1000, 2000), {})
    assert (ids, len(queries)) == ([2, 1], 1)
    assert requested([], {}) == ([], {"updatedAt": 0, "kinds": {"all": {"updatedAt": 0, "seen": []}}}, queries)


def test_an_item_that_is_updated_during_paging_is_read_again_and_no_other_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Things, "page_size", 2)
    world = World(updated(1000, 2000, 3000, 4000, 5000, 6000))
    pages: list[str] = []

    def page(request: Any, context: Any) -> Any:
        answer = world.page(request, context)
        pages.append(request.qs["page"][0])
        if len(pages) == 2:
            world.things[0]["updatedAt"] = 9000  # the last one moves to the front, and all others back
        return answer

    with a_context() as context, requests_mock.Mocker() as server:
        server.get(f"{ROOT}campaigns", json=page)
        result = gather(Things().read(context, {}))
    versions = [(record["id"], record["updatedAt"]) for record in result.records]
    assert sorted(versions) == [(1, 9000), (2, 2000), (3, 3000), (4, 4000), (5, 5000), (6, 6000)]
    assert len(set(versions)) == len(versions)
    assert result.states[-1]["kinds"]["all"] == {"updatedAt": 9000, "seen": [1]}
    # The front is read until nothing there is new.
    assert pages == ["1", "2", "3", "1", "1"]


class TwoKinds(Things):
    def kinds(self) -> dict[str, Any]:
        return {"red": {"color": "red"}, "blue": {"color": "blue"}}

    def record(self, kind: str, item: dict[str, Any]) -> dict[str, Any]:
        return {**item, "kind": kind}


def test_every_kind_has_a_mark_of_its_own() -> None:
    lists = {"red": updated(1000, 5000), "blue": updated(2000, 3000, first=10)}

    def page(request: Any, context: Any) -> Any:
        return {"campaigns": sorted(lists[request.qs["color"][0]], key=World.order)}

    def sync(state: dict[str, Any]) -> tuple[list[tuple[int, str]], dict[str, Any]]:
        with a_context() as context, requests_mock.Mocker() as server:
            server.get(f"{ROOT}campaigns", json=page)
            result = gather(TwoKinds().read(context, state))
        return [(record["id"], record["kind"]) for record in result.records], result.states[-1]

    ids, state = sync({})
    assert ids == [(2, "red"), (1, "red"), (11, "blue"), (10, "blue")]
    marks = {"red": {"updatedAt": 5000, "seen": [2]}, "blue": {"updatedAt": 3000, "seen": [11]}}
    assert state == {"updatedAt": 5000, "kinds": marks}
    # What is new in one list is found, although the other one is further on; a foreign mark stays.
    lists["blue"].append({"id": 12, "updatedAt": 4000})
    ids, after = sync({**state, "kinds": {**marks, "green": {"updatedAt": 9000, "seen": []}}})
    assert ids == [(12, "blue")]
    assert after["kinds"]["blue"] == {"updatedAt": 4000, "seen": [12]}
    assert after["updatedAt"] == 9000


@pytest.mark.parametrize(
    ("state", "valid"),
    [
        ({"updatedAt": 1}, True),
        ({"updatedAt": 1, "seen": [1, "a"]}, True),
        ({"updatedAt": 1, "count": 5, "total": "0123456789abcdef"}, True),
        ({"updatedAt": 1, "count": 5, "total": "a" * 32}, True),
        ({"updatedAt": 1, "count": 5, "total": "a" * 33}, False),
        ({"updatedAt": 1, "count": 5, "total": ""}, False),
        ({"updatedAt": 1, "count": "5"}, False),
        ({"updatedAt": 1, "seen": [1.5]}, False),
        ({"updatedAt": 1, "seen": {}}, False),
        ({"updatedAt": None}, False),
        ([], False),
        ("x", False),
    ],
)
def test_which_marks_are_ours(state: Any, valid: bool) -> None:
    assert Mark.is_valid(state) is valid


def test_a_state_that_cannot_be_read_is_told_in_full() -> None:
    with pytest.raises(ConfigError) as caught:
        Things().check_state({"kinds": {"all": 5}})
    assert str(caught.value) == (
        "The state of stream campaigns cannot be read: kinds is not what this connector writes. Correct the state, or reset "
        "the stream."
    )
    Things().check_state({"kinds": None})
    with pytest.raises(ConfigError, match="not a date"):
        Things().check_state({"updatedAt": "soon"})


def test_items_without_a_key_are_noticed_wherever_they_are_read() -> None:
    _, state = read(things(150), {})
    with pytest.raises(BrokenResponse, match="without a valid id"):
        read([{"updatedAt": 6000}], state)


def test_pages_that_are_sorted_each_and_not_together_are_read_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Things, "page_size", 2)
    monkeypatch.setattr(World, "order", staticmethod(lambda thing: thing["id"]))
    ids, _ = read(
        updated(9000, 8000, 9500, 1000, 7000, 2000),
        {"updatedAt": 6000, "kinds": {"all": {"updatedAt": 6000, "seen": []}}},
    )
    assert sorted(ids) == [1, 2, 3, 5]


@pytest.mark.parametrize(
    ("of_time", "pages"),
    [
        ([10, 4, 3, 2, 1, 0], [1]),  # the first page ends before the state
        ([10, 9, 4, 3, 2, 1], [1, 2, 1]),  # the second one does; then the front once more
        ([5, 5, 5, 4, 3, 2], [1, 2]),  # what has the state's time may be new
        ([4, 3, 2, 1, 0, 0], [1]),
        ([10, 9, 8, 7, 6, 6], [1, 2, 3, 1]),
    ],
)
def test_a_sync_requests_no_more_pages_than_it_needs(
    monkeypatch: pytest.MonkeyPatch, of_time: list[int], pages: list[int]
) -> None:
    monkeypatch.setattr(Things, "page_size", 2)
    state = {"updatedAt": 0, "kinds": {"all": {"updatedAt": 5, "seen": [0, 1, 2]}}}
    _, _, queries = requested(updated(*of_time, first=0), state)
    assert [int(query["page"]) for query in queries] == pages


def test_the_state_of_another_connector_is_a_time_in_seconds() -> None:
    of_time = [{"id": 1, "updatedAt": 1_700_000_000_000}, {"id": 2, "updatedAt": 1_699_999_999_999}]
    ids, state = read(of_time, {"updatedAt": "2023-11-14T22:13:20Z"})
    assert ids == [1]
    assert state == {"updatedAt": 1_700_000_000_000, "kinds": {"all": {"updatedAt": 1_700_000_000_000, "seen": [1]}}}


def test_items_without_a_time_are_read_as_the_oldest() -> None:
    ids, state = read([{"id": 1, "updatedAt": 5}, {"id": 2}, {"id": 3, "updatedAt": None}], {})
    assert sorted(ids) == [1, 2, 3]
    assert state["kinds"] == {"all": {"updatedAt": 5, "seen": [1]}}
    assert read([{"id": 2}], {}) == ([2], {"updatedAt": 0, "kinds": {"all": {"updatedAt": 0, "seen": [2]}}})


def test_a_front_of_more_than_a_page_is_read_again_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Things, "page_size", 2)
    world = World(updated(1000, 2000, 3000, 4000, 5000, 6000))
    pages: list[str] = []

    def page(request: Any, context: Any) -> Any:
        answer = json.loads(json.dumps(world.page(request, context)))
        pages.append(request.qs["page"][0])
        if len(pages) == 3:
            for place in range(3):  # three at once move to the front, behind the reader
                world.things[place]["updatedAt"] = 9000 + place
        return answer

    with a_context() as context, requests_mock.Mocker() as server:
        server.get(f"{ROOT}campaigns", json=page)
        result = gather(Things().read(context, {}))
    newest = {
        record["id"]: record["updatedAt"] for record in sorted(result.records, key=lambda each: each["updatedAt"])
    }
    assert newest == {1: 9000, 2: 9001, 3: 9002, 4: 4000, 5: 5000, 6: 6000}
    assert result.states[-1]["kinds"]["all"] == {"updatedAt": 9002, "seen": [3]}


@pytest.mark.parametrize(("ahead", "warned"), [(-3600_000, False), (3600_000, True)])
def test_only_a_state_in_the_future_is_warned_of(caplog: pytest.LogCaptureFixture, ahead: int, warned: bool) -> None:
    updated_at = int(time.time() * 1000) + ahead
    requested(updated(1000), {"kinds": {"all": {"updatedAt": updated_at, "seen": []}}})
    assert (f"campaigns: its state is in the future ({updated_at})" in caplog.text) == warned

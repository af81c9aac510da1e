"""Lists: by content, every change is emitted once, whatever updatedAt says; children are read once per item of another."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import pytest
import requests_mock

from source_iterable.api.paging import Pages, numbered
from source_iterable.errors import BrokenResponse, IterableError, ServerError
from source_iterable.reading.fingerprints import MOST, fingerprint
from source_iterable.reading.lists import ByContentStream, ChildStream, Key, PlainList
from source_iterable.reading.stream import StreamContext
from source_iterable.streams.campaigns import CAMPAIGNS, ChildCampaigns
from unit_tests.contexts import ROOT, Read, a_context, asked, gather, query_of
from unit_tests.contexts import read as read_stream

Item = dict[str, Any]


class Things(ByContentStream):
    name = "campaigns"
    primary_key = ("id",)
    path = "campaigns"
    selector = "campaigns"


class World:
    """A list of things, as the API pages it."""

    def __init__(self, things: list[Item]) -> None:
        self.things = things

    def page(self, request: Any, _: Any) -> Any:
        number, size = int(request.qs["page"][0]), int(request.qs["pagesize"][0])
        things = sorted(self.things, key=lambda thing: thing["id"])
        more = {"nextPageUrl": f"/x?page={number + 1}"} if number * size < len(things) else {}
        return {"campaigns": things[(number - 1) * size : number * size], "totalCampaignsCount": len(things), **more}


def sync(items: list[Item], state: Mapping[str, Any], **options: Any) -> Read:
    """One sync of a list."""
    with a_context(**options) as context, requests_mock.Mocker() as server:
        server.get(f"{ROOT}campaigns", json=World(items).page)
        Things().check_state(state)
        return gather(Things().read(context, state))


def read(items: list[Item], state: Mapping[str, Any], **options: Any) -> tuple[list[int], dict[str, Any]]:
    """The ids that were read, and the state after it."""
    result = sync(items, state, **options)
    assert result.error is None
    return [record["id"] for record in result.records], result.states[-1]


def things(count: int, updated_at: int = 5000, first: int = 1) -> list[Item]:
    return [{"id": number, "updatedAt": updated_at} for number in range(first, first + count)]


def changed(items: list[Item], place: int, **fields: Any) -> list[Item]:
    return [*items[:place], {**items[place], **fields}, *items[place + 1 :]]


@pytest.fixture(params=[3, MOST, MOST + 1])
def count(request: pytest.FixtureRequest) -> int:
    """Items of a list, in both forms of the state."""
    return int(request.param)


@pytest.mark.parametrize(
    "change",
    [
        {"campaignState": "Finished", "endedAt": 7000},  # and nothing else moves (seen)
        {"updatedAt": 4000},
        {"labels": []},
        {"sendSize": None},
        {"n": 1.0},
        {"nested": {"deep": [{"enabled": False}]}},
    ],
)
def test_any_change_of_an_item_is_emitted_once(count: int, change: Item) -> None:
    before = [{**each, "n": 1, "labels": [""], "nested": {"deep": [{"enabled": True}]}} for each in things(count)]
    ids, state = read(before, {})
    assert ids == list(range(1, count + 1))
    assert read(before, state) == ([], state)
    now = changed(before, 1, **change)
    ids, after = read(now, state)
    assert 2 in ids
    assert len(ids) < 15, "the items of a bucket at most"
    assert read(now, after) == ([], after)


def test_a_new_item_is_emitted_wherever_it_stands(count: int) -> None:
    _, state = read(things(count, first=10), {})
    now = [{"id": 1, "updatedAt": 1}, *things(count, first=10), {"id": 9999, "updatedAt": 1}]
    ids, after = read(now, state)
    assert {1, 9999} <= set(ids)
    assert len(ids) < 20
    assert read(now, after) == ([], after)


def test_a_deletion_emits_nothing_while_each_item_has_its_hash() -> None:
    _, state = read(things(10), {})
    ids, after = read(things(9), state)
    assert ids == []
    assert read(things(10), after)[0] == [10], "and it is new if it comes back"


def test_a_change_of_form_alone_emits_nothing() -> None:
    _, few = read(things(MOST), {})
    ids, many = read(things(MOST + 1), few)
    assert ids == [MOST + 1]
    assert (few["content"]["form"], many["content"]["form"]) == ("items", "buckets")
    assert read(things(MOST + 1), many) == ([], many)
    # And back: the deletion changes one bucket.
    ids, again = read(things(MOST), many)
    assert len(ids) < 15
    assert again == few


def test_a_state_is_understood_by_later_versions() -> None:
    ids, state = read([{"id": 1, "name": "a", "updatedAt": 5000}, {"updatedAt": 4000, "name": "b", "id": 2}], {})
    assert ids == [1, 2]
    assert state == {"updatedAt": 5000, "content": {"version": 1, "form": "items", "hashes": "GImSf271z99mNpPm"}}
    assert fingerprint("all", 1, {"id": 1}) == (427, 198211512901723)


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"updatedAt": 5000},
        {"updatedAt": "2026-01-02T03:04:05Z"},
        {"createdAt": "2026-01-02 03:04:05+00:00"},
        # As this connector's were before.
        {"updatedAt": 5000, "kinds": {"all": {"updatedAt": 5000, "seen": [1, 2, 3]}}},
        {"updatedAt": 5000, "kinds": {"all": {"updatedAt": 5000, "count": 3, "total": "ab"}}},
        {"kinds": 5},
        {"updatedAt": "soon"},
        {"updatedAt": 2**63},
    ],
)
def test_any_other_state_emits_the_whole_list_once(state: Mapping[str, Any]) -> None:
    ids, after = read(things(3), state)
    assert ids == [1, 2, 3]
    assert set(after) == {"updatedAt", "content"}
    assert read(things(3), after) == ([], after)


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"version": None},
        {"version": True},
        {"form": "buckets"},
        {"form": "else"},
        {"form": ["items"]},
        {"hashes": 5},
        {"hashes": None},
        {"hashes": "é"},
        {"hashes": "AAAA"},
        {"hashes": "a b"},
    ],
)
def test_what_is_no_content_of_this_version_emits_the_whole_list(change: Item) -> None:
    _, state = read(things(3), {})
    assert read(things(3), {**state, "content": {**state["content"], **change}})[0] == [1, 2, 3]
    for other in (None, [], "items", 5, {}):
        assert read(things(3), {**state, "content": other})[0] == [1, 2, 3]


def test_an_empty_list_has_a_state() -> None:
    ids, state = read([], {})
    assert (ids, state) == ([], {"updatedAt": 0, "content": {"version": 1, "form": "items", "hashes": ""}})
    assert read(things(1), state)[0] == [1]


def test_the_state_is_written_once_and_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Things, "page_size", 2)
    result = sync(things(5), {})
    assert result.order == [2, 2, 1, result.states[0]]


def test_a_list_that_breaks_off_emits_nothing_and_keeps_the_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Things, "page_size", 2)
    with a_context() as context, requests_mock.Mocker() as server:
        pages = World(things(5)).page
        server.get(f"{ROOT}campaigns?page=1", json=pages)
        server.get(f"{ROOT}campaigns?page=2", status_code=400, json={"code": "BadParams"})
        result = gather(Things().read(context, {}))
    assert isinstance(result.error, IterableError)
    assert result.order == []


def test_pages_are_requested_by_id_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Things, "page_size", 2)
    with a_context() as context, requests_mock.Mocker() as server:
        server.get(f"{ROOT}campaigns", json=World(things(5)).page)
        gather(Things().read(context, {}))
        assert [item["id"] for item in Things().items(context)] == [1, 2, 3, 4, 5], "for other streams"
        queries = asked(server, "campaigns")
    assert queries == [{"sort": "id", "page": str(number), "pageSize": "2"} for number in (1, 2, 3)]


class TwoKinds(Things):
    kinds = {"red": {"color": "red"}, "blue": {"color": "blue"}}

    def record(self, kind: str, item: Item) -> Item:
        return {**item, "kind": kind}


def test_one_state_holds_the_items_of_all_kinds() -> None:
    lists = {"red": things(2), "blue": things(2, first=10)}

    def of_color(state: Mapping[str, Any]) -> tuple[list[tuple[int, str]], dict[str, Any]]:
        with a_context() as context, requests_mock.Mocker() as server:
            server.get(f"{ROOT}campaigns", json=lambda request, _: {"campaigns": lists[query_of(request)["color"]]})
            result = gather(TwoKinds().read(context, state))
        return [(record["id"], record["data"]["kind"]) for record in result.records], result.states[-1]

    ids, state = of_color({})
    assert ids == [(1, "red"), (2, "red"), (10, "blue"), (11, "blue")]
    assert of_color(state) == ([], state)
    lists["blue"].append(lists["red"].pop())  # it moves to another kind, and stays as it is
    ids, after = of_color(state)
    assert ids == [(2, "blue")]
    assert of_color(after) == ([], after)


def test_a_salt_keys_the_hashes() -> None:
    """Or whoever has the records could find a hidden field by trying values until the hash fits."""
    _, plain = read(things(3), {})
    _, salted = read(things(3), {}, hash_salt="pepper")
    assert plain["content"]["hashes"] != salted["content"]["hashes"]
    assert read(things(3), salted, hash_salt="pepper") == ([], salted)
    assert read(things(3), salted, hash_salt="another")[0] == [1, 2, 3], "hashed fields differ, too"


def test_a_change_of_a_private_field_is_seen() -> None:
    options = {"excluded_fields": ["name"]}
    before = [{**each, "name": "a"} for each in things(3)]
    _, state = read(before, {}, **options)
    result = sync(changed(before, 1, name="b"), state, **options)
    assert result.records == [{"id": 2, "updatedAt": 5000, "data": {}}]


@pytest.mark.parametrize("updated_at", [0, None, 10**15, 2**63, "2026-01-01", True, 1.5, [1]])
def test_items_without_a_time_and_with_odd_ones_are_read(updated_at: Any) -> None:
    items: list[Item] = [{"id": 1, "updatedAt": updated_at}, {"id": 2}]
    ids, state = read(items, {})
    assert ids == [1, 2]
    assert state["updatedAt"] == (updated_at if type(updated_at) is int else 0)
    assert read(items, state) == ([], state)


@pytest.mark.parametrize(
    ("items", "told"),
    [
        ([{"id": 1}, {"updatedAt": 5}], "without a valid id (number 2)"),
        ([{"id": 1}, "text"], "not an object (number 2)"),
        ([{"id": 1}, {"id": "1"}], "different types"),
    ],
)
def test_malformed_items_are_named(items: list[Any], told: str, requests_mock: requests_mock.Mocker) -> None:
    requests_mock.get(f"{ROOT}campaigns", json={"campaigns": items})
    with a_context() as context:
        result = gather(Things().read(context, {}))
    assert isinstance(result.error, BrokenResponse)
    assert told in str(result.error)
    assert result.order == []


def test_a_state_in_the_future_hides_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        ids, state = read(things(2, updated_at=32503680000000), {})
        assert read(things(2), state)[0] == [1, 2]
    assert ids == [1, 2]
    assert not caplog.records


# child streams


class Leaves(ChildStream):
    """The leaves of every branch."""

    name = "lists"
    primary_key = ("id",)
    parent = PlainList("branches", "branches", "branches", "name")
    noun = "branch"

    def __init__(self, resumable: bool) -> None:
        self.resumable = resumable

    def read_slice(self, context: StreamContext, key: Key) -> Any:
        fetch = numbered(context.client, f"branches/{key}", "leaves", "id", {}, 2)
        for page in Pages(f"branches/{key}", fetch):
            yield from page.items


def serve(server: requests_mock.Mocker, **branches: Any) -> None:
    server.get(f"{ROOT}branches", json={"branches": [{"name": name} for name in branches]})
    for name, answer in branches.items():
        if isinstance(answer, int):
            server.get(f"{ROOT}branches/{name}", status_code=answer)
        else:
            server.get(f"{ROOT}branches/{name}", [{"json": each} for each in answer])


def leaves(*ids: int, more: bool = False) -> dict[str, Any]:
    return {"leaves": [{"id": each} for each in ids], **({"nextPageUrl": "/x?page=2"} if more else {})}


def test_every_slice_is_read_in_the_order_of_its_key(requests_mock: requests_mock.Mocker) -> None:
    serve(requests_mock, b=[leaves(1)], a=[leaves(2, 3, more=True), leaves(4)], c=[leaves()])
    result = read_stream(Leaves(resumable=False))
    assert [record["id"] for record in result.records] == [2, 3, 4, 1]
    assert result.states == [{}], "a stream that cannot resume starts over"
    assert [query["page"] for query in asked(requests_mock, "branches/a")] == ["1", "2"]


def test_a_resumable_stream_has_a_state_behind_every_slice(requests_mock: requests_mock.Mocker) -> None:
    serve(requests_mock, b=[leaves(1)], a=[leaves(2)], c=[leaves(3)])
    result = read_stream(Leaves(resumable=True))
    assert result.order == [1, {"after": "a"}, 1, {"after": "b"}, 1, {"after": "c"}, {}]
    again = read_stream(Leaves(resumable=True), {"after": "a"})
    assert [record["id"] for record in again.records] == [1, 3]
    ignored = read_stream(Leaves(resumable=False), {"after": "a"})
    assert [record["id"] for record in ignored.records] == [2, 1, 3]


def test_a_slice_that_is_gone_is_skipped_and_done(
    requests_mock: requests_mock.Mocker, caplog: pytest.LogCaptureFixture
) -> None:
    serve(requests_mock, a=[leaves(1)], b=404, c=[leaves(3)])
    result = read_stream(Leaves(resumable=True))
    assert result.error is None
    assert result.order == [1, {"after": "a"}, {"after": "b"}, 1, {"after": "c"}, {}]
    assert caplog.messages == ["lists: branch b no longer exists; skipped."]


def test_a_slice_that_fails_ends_the_stream_behind_the_last_state(requests_mock: requests_mock.Mocker) -> None:
    serve(requests_mock, a=[leaves(1)], b=500, c=[leaves(3)])
    result = read_stream(Leaves(resumable=True))
    assert isinstance(result.error, ServerError)
    assert result.order == [1, {"after": "a"}]
    assert asked(requests_mock, "branches/c") == []


def test_the_parent_is_requested_once_for_all_its_children(requests_mock: requests_mock.Mocker) -> None:
    serve(requests_mock, a=[leaves(1)])
    with a_context() as context:
        for _ in range(3):
            list(Leaves(resumable=False).read(context, {}))
    assert len(asked(requests_mock, "branches")) == 1


def test_the_children_of_recurring_campaigns(requests_mock: requests_mock.Mocker) -> None:
    states = {3: "Recurring", 1: "Finished", 2: "Recurring", 4: None}
    campaigns = [{"id": key, "campaignState": state, "updatedAt": 5} for key, state in states.items()]
    requests_mock.get(f"{ROOT}campaigns", json={"campaigns": campaigns})
    for key in (2, 3):
        requests_mock.get(f"{ROOT}campaigns/recurring/{key}/childCampaigns", json={"campaigns": [{"id": 10 * key}]})
    assert [record["id"] for record in read_stream(ChildCampaigns()).records] == [20, 30]
    # As items, all campaigns come, also those without a time.
    requests_mock.get(f"{ROOT}campaigns", json={"campaigns": [{"id": 1}, {"id": 2, "updatedAt": 0}]})
    with a_context() as context:
        assert [item["id"] for item in CAMPAIGNS.items(context)] == [1, 2]

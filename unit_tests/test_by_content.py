"""Lists by content: every change is emitted once, whatever updatedAt says, and nothing else is."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Mapping
from typing import Any

import pytest
import requests_mock
from hypothesis import given
from hypothesis import strategies as st

from source_iterable.api import exact_json
from source_iterable.errors import BrokenResponse, IterableError
from source_iterable.reading.by_content import MOST, ByContentStream, Contents, fingerprint
from unit_tests.contexts import ROOT, Read, a_context, asked, gather, query_of

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


@pytest.mark.parametrize("count", [0, 1, MOST, MOST + 1, 60_000])
def test_a_state_stays_small(count: int) -> None:
    contents = Contents()
    for number in range(count):
        contents.add(fingerprint("all", number, {"id": number}))
    state = contents.state
    assert len(base64.b64decode(state["hashes"])) == 6 * min(count, MOST)
    assert len(json.dumps(state)) < 12_100
    # What one more of so many emits besides itself.
    contents.add(fingerprint("all", count, {"id": count}))
    is_new = contents.since(Contents.from_state(json.loads(json.dumps(state))))
    assert is_new(fingerprint("all", count, {"id": count}))
    assert sum(is_new(fingerprint("all", number, {"id": number})) for number in range(count)) < 80


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
    def kinds(self) -> dict[str, Any]:
        return {"red": {"color": "red"}, "blue": {"color": "blue"}}

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


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab\x00é\U0001f600", max_size=2), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.text("abc", max_size=2), values, max_size=4), st.randoms())
def test_a_hash_does_not_depend_on_how_the_page_was_parsed(item: Item, dice: Any) -> None:
    item = {**item, "id": 1}
    shuffled = list(item.items())
    dice.shuffle(shuffled)
    text, other = (json.dumps(each, ensure_ascii=False).encode() for each in (item, dict(shuffled)))
    quick = exact_json.loads(b"[%b]" % text)
    # As a page with a number that is too long for orjson, and again as it comes back from the temporary file.
    careful = exact_json.careful_loads(b'[%b, {"n": 123456789012345678901234567890}]' % other)
    again = exact_json.loads(exact_json.dumps(careful))
    prints = {fingerprint("all", 1, parsed[0]) for parsed in (quick, careful, again)}
    assert len(prints) == 1


def test_long_numbers_count_digit_by_digit() -> None:
    texts = [b"0.12345678901234567890", b"0.12345678901234567891", b"12345678901234567890123", b"1e999", b"1e998"]
    items = [exact_json.loads(b'{"id": 1, "n": %b}' % text) for text in texts]
    assert len({fingerprint("all", 1, item) for item in items}) == len(texts)
    deep: Any = 1
    for _ in range(300):
        deep = [deep]
    assert fingerprint("all", 1, {"deep": deep}) == fingerprint("all", 1, {"deep": deep})


def test_kind_and_id_are_part_of_the_hash() -> None:
    prints = {fingerprint(kind, key, {"a": 1}).hash for kind in ("x", "y") for key in (1, 2, "1")}
    assert len(prints) == 6


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

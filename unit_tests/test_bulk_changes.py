"""A bulk change, after which thousands of items have one time: read once, in a small state, and nothing is lost."""

from __future__ import annotations

import json

import pytest

from source_iterable.reading.newest_first import Mark
from unit_tests.test_newest_first import Things, World, read, requested, things


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


def test_all_of_a_bulk_change_and_new_ones_are_updated_later() -> None:
    _, state = read(things(150), {})
    # None of those 150 is left: all were updated, which is seen without working anything out.
    now = things(150, updated_at=7000)
    ids, after = read(now, state)
    assert sorted(ids) == list(range(1, 151))
    assert after["kinds"]["all"]["count"] == 150
    # Many new ones, and the old ones as they were.
    more = [*now, *things(50, updated_at=8000, first=200)]
    ids, _ = read(more, after)
    assert sorted(ids) == list(range(200, 250))


def test_a_counted_state_of_text_keys_is_the_same_in_every_sync() -> None:
    mark = Mark(5000)
    for number in range(101):
        mark.advance(5000, f"key {number}")
        mark.advance(4000, "older")
    assert mark.state["count"] == 101
    assert set(mark.state) == {"updatedAt", "count", "total"}
    again = Mark.of(json.loads(json.dumps(mark.state)))
    assert again.state == mark.state
    other = Mark(5000)
    for number in reversed(range(101)):
        other.advance(5000, f"key {number}")
    assert other.state == mark.state
    other.advance(6000, "newer")
    assert other.state == {"updatedAt": 6000, "seen": ["newer"]}
    hundred = Mark(1, [str(number) for number in range(100)])
    assert len(hundred.state["seen"]) == 100
    hundred.advance(1, "0")
    assert len(hundred.state["seen"]) == 100, "known already"
    assert int(mark.state["total"], 16) < 2**64


@pytest.mark.parametrize(("count", "pages"), [(140, 3), (150, 4)])
def test_a_bulk_change_is_recognized_by_its_own_pages_alone(
    monkeypatch: pytest.MonkeyPatch, count: int, pages: int
) -> None:
    monkeypatch.setattr(Things, "page_size", 50)
    world = [*things(count), *things(150, updated_at=1000, first=1000)]
    _, state, _ = requested(world, {})
    ids, after, queries = requested(world, state)
    assert (ids, after) == ([], state)
    # The last page shows that there are no more of that time.
    assert [(query["page"], query["sort"]) for query in queries] == [
        (str(n), "-updatedAt") for n in range(1, pages + 1)
    ]
    # One of them is deleted: those of that time are read again, and no other.
    ids, _, _ = requested(world[1:], state)
    assert sorted(ids) == list(range(2, count + 1))


@pytest.mark.parametrize("later", [1, 2, 3, 4, 5])
def test_whoever_is_updated_later_the_rest_of_a_bulk_change_is_not_read_again(later: int) -> None:
    _, state = read(things(120), {})
    for first in range(5):
        changed = range(20 * first, 20 * first + later)
        now = [{**each, "updatedAt": 6000} if place in changed else each for place, each in enumerate(things(120))]
        assert sorted(read(now, state)[0]) == [place + 1 for place in changed]


def test_a_bulk_change_in_a_list_that_is_not_sorted_is_recognized(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Things, "page_size", 60)
    monkeypatch.setattr(World, "order", staticmethod(lambda thing: thing["id"]))
    _, state = read(things(110), {})
    # Among those of one time are older ones, one at the end of a page: what is behind them counts as well.
    older = [{"id": 51, "updatedAt": 1000}, {"id": 60, "updatedAt": 900}]
    mixed = [*things(50), older[0], *things(8, first=52), older[1], *things(52, first=61)]
    ids, after = read(mixed, {})
    assert len(ids) == 112
    assert after["kinds"]["all"]["count"] == 110
    assert read(mixed, after)[0] == []


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


def test_a_counted_state_is_understood_by_later_versions() -> None:
    mark = Mark(5000)
    for number in range(101):
        mark.advance(5000, number)
    assert mark.state == {"updatedAt": 5000, "count": 101, "total": "3a28c4f731f8096c"}

"""The search for things with numbers on old days: whatever is excluded and wherever it ends, no number is missed."""

from __future__ import annotations

import json
import random
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from source_iterable.reading.id_set import IdSet
from source_iterable.reading.search import Moving, Search

LAST = date(2026, 2, 1).toordinal()
Numbers = dict[int, set[int]]


class Reading:
    """Reads days, newest first, with a new Search after every `patience` requests of `a_request` ids."""

    def __init__(self, moving: list[Moving], numbers: Numbers, a_request: int = 100, patience: int = 10**9) -> None:
        self.moving, self.numbers, self.a_request, self.patience = moving, numbers, a_request, patience
        self.requests = 0
        self.longest_state = 0
        self.singly: set[tuple[int, int]] = set()
        self.ranges: list[tuple[int, int]] = []
        self.state: Any = None

    def read(self, days: int) -> None:
        search = Search(None, self.moving, LAST + 1)
        for day in range(LAST, LAST - days, -1):
            while True:
                asked, ids = search.next(day, LAST - days + 1)
                for begin in range(0, len(ids), self.a_request):
                    batch = ids[begin : begin + self.a_request]
                    self.requests += 1
                    self.note(search, (asked.first, asked.last), batch)
                    if self.requests % self.patience == 0:
                        search = Search(json.loads(json.dumps(self.state)), self.moving, LAST + 1)
                        break
                else:
                    search.done()
                    if asked.is_day:
                        break

    def note(self, search: Search, days: tuple[int, int], batch: list[int]) -> None:
        first, last = days
        if first == last:
            assert not self.singly & {(each, first) for each in batch}, "asked twice"
            self.singly |= {(each, first) for each in batch}
        elif (first, last) not in self.ranges:
            self.ranges.append((first, last))
        span = range(first, last + 1)
        search.asked(batch[-1], [each for each in batch if not self.numbers.get(each, set()).isdisjoint(span)])
        self.state = search.state
        self.longest_state = max(self.longest_state, len(json.dumps(self.state)))

    def missed(self, days: int) -> set[tuple[int, int]]:
        wanted = {(each, day) for each, its in self.numbers.items() for day in its if LAST - days < day <= LAST}
        return wanted - self.singly


def always(number: int) -> list[Moving]:
    """So many things that go on for ever."""
    return [Moving(10 + each, 0, date.max.toordinal()) for each in range(number)]


spans = some.lists(some.tuples(some.integers(0, 500), some.integers(0, 90)), max_size=12)


@settings(deadline=None)
@given(spans, some.integers(1, 400), some.integers(1, 5), some.integers(1, 9), some.randoms(use_true_random=False))
def test_no_number_is_missed(
    spans: list[tuple[int, int]], days: int, a_request: int, patience: int, drawn: random.Random
) -> None:
    moving = [Moving(7 * n, LAST - ago, LAST - ago + length) for n, (ago, length) in enumerate(spans)]
    numbers = {
        each.id: {day for day in range(each.first, each.last + 1) if drawn.random() < drawn.choice((0, 0.1, 1))}
        for each in moving
    }
    reading = Reading(moving, numbers, a_request, patience)
    reading.read(days)
    assert reading.missed(days) == set()
    assert all(LAST - days < first <= last <= LAST for first, last in reading.ranges)


def test_things_without_numbers_cost_a_request_a_year() -> None:
    reading = Reading(always(1_000), {})
    reading.read(730)
    assert reading.requests == 2 * 10
    assert reading.singly == set()


def test_one_day_in_a_year_is_found_by_halving() -> None:
    reading = Reading(always(100), {50: {LAST - 200}})
    reading.read(365)
    assert reading.missed(365) == set()
    assert reading.requests < 32, "a year, months, and halves of one"
    assert {each for each, _ in reading.singly} == {50}


def test_things_that_have_numbers_every_day_cost_little_more_than_their_days() -> None:
    numbers = {each.id: set(range(LAST - 400, LAST + 1)) for each in always(300)}
    reading = Reading(always(300), numbers)
    reading.read(365)
    assert reading.missed(365) == set()
    assert reading.requests <= 3 * 365 * 1.11


@pytest.mark.parametrize("share", [0.02, 0.5, 1.0])
def test_the_state_of_100_000_things_has_at_most_10_kb(share: float) -> None:
    drawn = random.Random(1)
    moving = [Moving(1_000_000 + 7 * each, 0, LAST + 1) for each in range(100_000)]
    numbers = {each.id: {LAST - drawn.randrange(30)} for each in moving if drawn.random() < share}
    reading = Reading(moving, numbers, a_request=20_000, patience=7)
    reading.read(9)
    assert reading.missed(9) == set()
    assert reading.longest_state <= 10_000


def test_a_search_goes_on_at_the_next_id() -> None:
    search = Search(None, always(500), LAST + 1)
    asked, ids = search.next(LAST, LAST - 100)
    search.asked(ids[99], [ids[3]])
    again = Search(search.state, always(700), LAST + 1)
    assert again.next(LAST, LAST - 90)[1] == [each.id for each in always(700)][100:], "the same range, up to its end"
    again.asked(10 + 699, [])
    again.done()
    assert again.next(LAST, LAST - 90)[1] == [ids[3]]
    # Another day is the end: what was begun does not matter.
    assert len(Search(search.state, always(500), LAST + 1).next(LAST - 1, LAST - 100)[1]) == 500
    # These days had not come yet.
    assert Search(search.state, [], LAST).state == {}


@pytest.mark.parametrize(
    "state",
    [
        None,
        5,
        {"at": {"first": "2026-01-01"}},
        {"known": [{"first": "2026-01-01", "last": "2026-02-01", "found": "no bitmap"}]},
        {"known": [{"first": "2026-01-01", "last": "2026-02-01", "found": IdSet().text[:-3]}]},
        {"known": [{"first": "2026-01-01", "last": "2026-02-01", "found": "\u00e9"}]},
        {"at": {"first": "2026-01-01", "last": "2026-02-01", "after": "x"}},
    ],
)
def test_a_state_of_another_form_starts_over(state: Any) -> None:
    search = Search(state, always(3), LAST + 1)
    assert search.state == {}
    assert search.next(LAST, LAST - 99)[1] == [10, 11, 12]


@given(some.sets(some.integers(0, 10**9), max_size=200), some.integers(0, 6))
def test_a_set_has_all_that_was_added(ids: set[int], folds: int) -> None:
    found = IdSet()
    found.update(ids)
    for _ in range(folds):
        found.fold()
    assert all(each in IdSet(found.text) for each in ids)
    assert ids or 5 not in found

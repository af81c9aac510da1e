"""The finished slices of a stream: which are left to be read, and how large the state that says so is."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_iterable.reading.done import Done, Key

KEYS: list[Key] = [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("keys", "state", "remaining"),
    [
        ([1, 2, 3], {"after": 2}, [3]),
        ([1, 3], {"after": 2}, [3]),
        ([1, 2, 3], {"after": 9}, []),
        ([1, 2, 3], {"after": 0}, [1, 2, 3]),
        (KEYS, {"after": 1, "done": [[3, 4], [6, 6]]}, [2, 5]),
        (KEYS, {"done": [[2, 3], [3, 5], [4, 4]]}, [1, 6]),
        # Its ends may be gone.
        ([1, 3, 6], {"done": [[2, 5]]}, [1, 6]),
        ([1, 6], {"done": [[2, 5]]}, [1, 6]),
        (["a", "b", "d", "e"], {"after": "a", "done": [["c", "d"]]}, ["b", "e"]),
        ([0, 1], {"after": 0}, [1]),
        ([], {"after": 1, "done": [[2, 3]]}, []),
        ([], {}, []),
    ],
)
def test_the_slices_that_a_state_leaves(keys: list[Key], state: dict[str, Any], remaining: list[Key]) -> None:
    assert Done(keys, state).remaining == remaining


@pytest.mark.parametrize(
    ("keys", "state", "remaining"),
    [
        ([1, 2, 3, 4], {"after": 1, "done": [3]}, [2, 4]),
        ([1, 2, 3], {"done": [2, 4]}, [1, 3]),
        (["a", "b"], {"done": ["b"]}, ["a"]),
    ],
)
def test_a_state_of_an_earlier_version_names_single_slices(
    keys: list[Key], state: dict[str, Any], remaining: list[Key]
) -> None:
    assert Done(keys, state).remaining == remaining


@pytest.mark.parametrize(
    "state",
    [
        {"after": "a"},
        {"after": None, "done": 3},
        {"after": True},
        {"done": ["x", "2", None, {}, True, 2.0]},
        {"done": [[1], [1, 2, 3], [1, "2"], [1, True], [[1], [2]], [3, 1], []]},
        {"other": 1},
    ],
)
def test_what_does_not_fit_in_a_state_is_ignored(state: dict[str, Any]) -> None:
    done = Done([2, 1, 3], state)
    assert done.remaining == [1, 2, 3]
    assert done.state == {}


def test_the_rest_of_a_state_is_read() -> None:
    assert Done(KEYS, {"after": "a", "done": [None, [2, 3], [4, "5"], 6]}).remaining == [1, 4, 5]


def test_a_state_has_the_ranges_of_finished_slices() -> None:
    done = Done(KEYS, {})
    assert done.state == {}
    states = []
    for key in (3, 6, 1, 4, 2, 5):
        done.add(key)
        states.append(done.state)
    assert states == [
        {"done": [[3, 3]]},
        {"done": [[3, 3], [6, 6]]},
        {"after": 1, "done": [[3, 3], [6, 6]]},
        {"after": 1, "done": [[3, 4], [6, 6]]},
        {"after": 4, "done": [[6, 6]]},
        {"after": 6},
    ]


@given(st.sets(st.integers(0, 50)), st.data())
def test_a_state_covers_exactly_the_finished_slices_in_any_order(keys: set[int], data: Any) -> None:
    order = data.draw(st.permutations(sorted(keys)))
    cuts = sorted(data.draw(st.tuples(st.integers(0, len(order)), st.integers(0, len(order)))))
    done = Done(keys, {})
    for key in order[: cuts[0]]:
        done.add(key)
    resumed = Done(keys, json.loads(json.dumps(done.state)))
    assert resumed.remaining == sorted(order[cuts[0] :])
    for key in order[cuts[0] : cuts[1]]:
        resumed.add(key)
    assert Done(keys, resumed.state).remaining == sorted(order[cuts[1] :])


@given(st.sets(st.integers(0, 50)), st.sets(st.integers(0, 50)), st.sets(st.integers(51, 60)), st.data())
def test_slices_that_come_later_or_go_change_nothing_for_the_others(
    keys: set[int], gone: set[int], new: set[int], data: Any
) -> None:
    finished = data.draw(st.permutations(sorted(keys)))[: data.draw(st.integers(0, len(keys)))]
    done = Done(keys, {})
    for key in finished:
        done.add(key)
    now = (keys - gone) | new
    assert Done(now, done.state).remaining == sorted(now - {*finished})


def test_a_slice_that_is_new_within_a_range_counts_as_finished() -> None:
    assert Done(["a", "b", "c", "d", "e"], {"after": "c", "done": [["d1", "f"]]}).remaining == ["d"]


def test_the_state_stays_small_while_one_of_many_slices_is_late() -> None:
    done = Done(range(1000), {})
    sizes = []
    for key in itertools.chain(range(400), range(401, 1000)):
        done.add(key)
        sizes.append(len(json.dumps(done.state)))
    assert done.state == {"after": 399, "done": [[401, 999]]}
    assert max(sizes) == len(json.dumps(done.state))

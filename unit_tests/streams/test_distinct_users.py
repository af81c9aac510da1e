"""DistinctUsers: each user once, however often and whenever one comes; and what a state may say of them."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_iterable.streams.distinct_users import DistinctUsers
from unit_tests.streams.test_lists import digest, in_order, names


def taken(users: DistinctUsers) -> list[str]:
    """All who wait, as they are taken."""
    return [user[1] for user in iter(users.take, None)]


def test_users_are_taken_once_by_their_digests() -> None:
    everybody = [*range(300)]
    with closing(DistinctUsers()) as users:
        users.add(names(*everybody[200:], *everybody[150:250]))
        assert users.waiting == 150
        users.add(names(*everybody[:200]))
        assert users.waiting == 300
        first = taken(users)
        users.add(names(*everybody))
        assert (taken(users), users.waiting) == ([], 0)
    assert first == in_order(*everybody)


def test_who_comes_later_is_taken_first_if_the_digest_is_smaller() -> None:
    order = in_order(*range(6))
    with closing(DistinctUsers()) as users:
        users.add(order[3:])
        assert users.take() == (bytes.fromhex(digest(order[3])), order[3])
        users.add(order[:4])
        assert taken(users) == [*order[:3], *order[4:]]


def test_who_was_read_before_is_left_out_unless_read_again() -> None:
    order = in_order(*range(8))
    after, missing = (bytes.fromhex(digest(order[place])) for place in (4, 1))
    with closing(DistinctUsers("", after, [missing])) as users:
        users.add(order)
        assert users.waiting == 4
        users.add([order[2], order[6]], again=True)
        assert taken(users) == [order[place] for place in (1, 2, 5, 6, 7)]
        users.add([order[2]], again=True)
        assert taken(users) == []


def test_a_salt_makes_another_order() -> None:
    orders = set()
    for salt in ("", "salt", "pepper"):
        with closing(DistinctUsers(salt)) as users:
            users.add(names(*range(20)))
            orders.add(tuple(taken(users)))
    assert len(orders) == 3


@given(st.lists(st.sets(st.integers(0, 40)), max_size=6), st.sets(st.integers(0, 40)), st.integers(-1, 41), st.data())
def test_a_state_never_covers_a_user_who_was_not_read(
    lists: list[set[int]], missing: set[int], place: int, data: Any
) -> None:
    """Whenever lists arrive and requests end, and wherever the sync is cut off."""
    order = in_order(*range(41))
    known = {name for members in lists for name in names(*members)}
    start = "" if place < 0 else "ff" * 16 if place > 40 else digest(order[place])
    again = {name for name in names(*missing) if digest(name) <= start}
    read: list[str] = []
    under_way: dict[bytes, str] = {}
    with closing(DistinctUsers("", bytes.fromhex(start), (bytes.fromhex(digest(name)) for name in again))) as users:
        while True:
            possible = {"list": lists, "take": len(under_way) < 3 and users.waiting, "end": under_way}
            step = data.draw(
                st.sampled_from([name for name, is_possible in possible.items() if is_possible] or ["none"])
            )
            if step == "list":
                users.add(names(*lists.pop()))
            elif step == "take" and (user := users.take()):
                under_way[user[0]] = user[1]
            elif step == "end":
                read.append(under_way.pop(data.draw(st.sampled_from(sorted(under_way)))))
            if lists:
                continue
            after = users.read_up_to(under_way)
            left = {name for name in known if digest(name) > start or name in again}.difference(read)
            if after is None:
                assert any(digest(name) <= start for name in left)
            else:
                assert after.hex() >= start
                assert all(digest(name) > after.hex() for name in left)
            if not left:
                break
        assert after == max([bytes.fromhex(start), *(bytes.fromhex(digest(name)) for name in read)])
    assert len(set(read)) == len(read)


@pytest.mark.parametrize("again", [False, True])
def test_nobody_in_no_list(again: bool) -> None:
    with closing(DistinctUsers()) as users:
        users.add([], again)
        assert (users.take(), users.waiting, users.read_up_to([])) == (None, 0, b"")

"""DistinctUsers: each user once, in an order that is the same in every sync."""

from __future__ import annotations

from collections.abc import Iterator

from source_iterable.reading.distinct_users import DistinctUsers


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

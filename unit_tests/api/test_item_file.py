"""ItemFile: what is kept of a list, and what is known of its keys."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from source_iterable.api import item_file
from source_iterable.api.item_file import ItemFile


def a_file(*blocks: list[int | str]) -> ItemFile:
    """A file of these items, which are their own keys."""
    made = ItemFile()
    for block in blocks:
        made.add(block, block)
    return made


@pytest.mark.parametrize("memory", [1, 2**20])
def test_items_come_back_in_their_blocks_and_order(monkeypatch: pytest.MonkeyPatch, memory: int) -> None:
    monkeypatch.setattr(item_file, "MEMORY_BYTES", memory)
    whole = ItemFile()
    for part in (a_file([1, 2], [3]), a_file(), a_file(["a"])):
        whole.extend(part)
        part.close()
    assert list(whole) == [[1, 2], [3], ["a"]]
    assert list(whole) == [[1, 2], [3], ["a"]], "as often as wanted"
    assert (len(whole), whole.number) == (3, 4)
    assert whole[1] == [3]
    with pytest.raises(IndexError):
        whole[3]


@pytest.mark.parametrize(
    ("parts", "ascends"),
    [
        ([[[1, 2], [3]], [[4]]], True),
        ([[["a", "b"]], [["c"]]], True),
        ([[], [[1]], [], [[2]]], True),
        ([[[1, 3, 2]]], False),
        ([[[1, 1]]], False),
        ([[[1, 3]], [[2, 4]]], False),
        ([[[1, 3]], [[3]]], False),
        ([[[3, 1]], [[4]]], False),
        ([[[1]], [["2"]]], False),
    ],
)
def test_keys_ascend_if_they_do_over_all_parts(parts: list[list[list[int | str]]], ascends: bool) -> None:
    whole = ItemFile()
    for part in parts:
        whole.extend(a_file(*part))
    assert whole.ascends == ascends


def test_the_sum_of_ids_tells_lists_apart_whatever_their_order_and_blocks() -> None:
    assert a_file([1, 2, 3]).ids == a_file([3], [2, 1]).ids
    assert a_file([1, 4]).ids != a_file([2, 3]).ids
    assert a_file([1]).ids != a_file(["1"]).ids
    assert a_file([1]).ids != a_file([1, 1]).ids


def test_the_digest_tells_pages_apart() -> None:
    assert a_file([1, 2], [3]).digest == a_file([1], [2, 3]).digest, "wherever blocks begin"
    assert a_file([1, 2]).digest != a_file([2, 1]).digest


def test_what_was_left_out_is_counted() -> None:
    part, whole = a_file([1]), a_file([2])
    part.leave_out(17)
    assert part.digest != a_file([1]).digest
    whole.extend(part)
    assert whole.number == 3


def test_blocks_are_read_while_others_are_added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(item_file, "MEMORY_BYTES", 1)
    whole = a_file([0])
    wrong: list[Any] = []

    def read() -> None:
        while len(whole) < 2000:
            last = len(whole) - 1
            try:
                if whole[last] != [last]:
                    wrong.append(last)
            except Exception as error:
                wrong.append(error)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(1, 2000):
        whole.add([number])
    for reader in readers:
        reader.join()
    assert wrong == []

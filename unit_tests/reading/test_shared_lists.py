"""Lists that several streams read: one request a page, and no item is missing, whatever is deleted meanwhile."""

from __future__ import annotations

import io
import threading
from collections.abc import Collection
from typing import Any

import pytest
import requests_mock

from source_iterable.api import exact_json, item_file
from source_iterable.errors import BrokenResponse, IterableError, LocalError, TransientError
from source_iterable.reading.stream import StreamContext
from unit_tests.contexts import ROOT, a_context, asked, query_of


def ids(pages: Any) -> list[list[int]]:
    return [[item["id"] for item in items] for items in pages]


def test_a_list_without_pages_is_one_request_without_page_numbers(requests_mock: requests_mock.Mocker) -> None:
    answer = {"things": [{"id": 1}], "nextPageUrl": "/x?page=2"}
    requests_mock.get(f"{ROOT}things", json=answer)
    with a_context() as context:
        for _ in range(3):
            assert ids(context.shared.blocks("things", "things", "id", {"a": "b"}, None)) == [[1]]
    assert asked(requests_mock, "things") == [{"a": "b"}]


def test_lists_that_are_requested_differently_are_different_lists(requests_mock: requests_mock.Mocker) -> None:
    requests_mock.get(f"{ROOT}things", json=lambda request, _: {"things": [{"id": len(query_of(request))}]})
    requests_mock.get(f"{ROOT}others", json={"things": [{"id": 9}]})
    with a_context() as context:
        pages = context.shared.blocks
        assert ids(pages("things", "things", "id", {}, None)) == [[0]]
        assert ids(pages("others", "things", "id", {}, None)) == [[9]]
        assert ids(pages("things", "things", "id", {"a": 1, "b": 2}, None)) == [[2]]
        assert ids(pages("things", "things", "id", {"b": 2, "a": 1}, None)) == [[2]]
        assert ids(pages("things", "things", "id", {}, 10)) == [[2]]
        assert ids(pages("things", "things", "id", {}, 10)) == [[2]]
    assert asked(requests_mock, "things") == [
        {},
        {"a": "1", "b": "2"},
        {"page": "1", "pageSize": "10"},
    ]


@pytest.mark.parametrize("memory", [1, 2**20])
def test_what_is_read_again_is_what_was_received(
    requests_mock: requests_mock.Mocker, monkeypatch: pytest.MonkeyPatch, memory: int
) -> None:
    monkeypatch.setattr(item_file, "MEMORY_BYTES", memory)
    pages = [
        b'{"things": [{"id": 1, "n": 12345678901234567890123, "t": "k\xc3\xa4the"}], "totalCount": 3, "nextPageUrl": "x"}',
        b'{"things": [{"id": 2}, {"id": 3, "d": 0.1234567890123456789}], "totalCount": 3, "nextPageUrl": "x"}',
        b'{"things": [], "totalCount": 3}',
    ]
    requests_mock.get(f"{ROOT}things", [{"content": page} for page in pages])
    with a_context() as context:
        first = context.shared.blocks("things", "things", "id", {}, 5)
        next(first)
        second = context.shared.blocks("things", "things", "id", {}, 5)
        assert [items[0]["t"] for items in [next(second)]] == ["k\xe4the"]
        assert ids(second) == [[2, 3]]
        assert ids(first) == [[2, 3]]
        third = list(context.shared.blocks("things", "things", "id", {}, 5))
        assert ids(third) == [[1], [2, 3]]
        assert b"12345678901234567890123" in exact_json.dumps(third[0])
        assert b"0.1234567890123456789" in exact_json.dumps(third[1])
    assert requests_mock.call_count == 3


def test_a_shared_list_that_does_not_end_is_noticed_by_its_path(requests_mock: requests_mock.Mocker) -> None:
    def answer(request: Any, context: Any) -> Any:
        return {"things": [{"id": 1}], "nextPageUrl": f"?page={int(query_of(request)['page']) + 1}"}

    requests_mock.get(f"{ROOT}things", json=answer)
    with a_context() as context, pytest.raises(IterableError) as caught:
        list(context.shared.blocks("things", "things", "id", {}, 5))
    assert str(caught.value) == "The pages of GET things never end: the same page came three times."


def test_a_full_disk_is_told_as_that(requests_mock: requests_mock.Mocker, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*args: Any, **kwargs: Any) -> Any:
        raise OSError(28, "No space left on device")

    requests_mock.get(f"{ROOT}things", json={"things": []})
    monkeypatch.setattr(item_file.tempfile, "SpooledTemporaryFile", no_room)
    with a_context() as context, pytest.raises(LocalError, match="No space left on device"):
        list(context.shared.blocks("things", "things", "id", {}, 5))


@pytest.mark.parametrize("page_size", [None, 5])
def test_items_of_a_shared_list_have_their_key(requests_mock: requests_mock.Mocker, page_size: int | None) -> None:
    requests_mock.get(f"{ROOT}things", json={"things": [{"id": 1}, {"name": "x"}]})
    with a_context() as context, pytest.raises(BrokenResponse, match=r"without a valid id \(number 2\)"):
        list(context.shared.blocks("things", "things", "id", {}, page_size))


class List:
    """A list of ids; what happens to it before a request of this number (from 1), and the totals that it tells."""

    def __init__(self, *ids: Any, total: Any = len) -> None:
        self.ids = list(ids)
        self.happens: dict[int, Any] = {}
        self.requests = 0
        self._total = total

    def __call__(self, request: Any, _: Any) -> Any:
        self.requests += 1
        self.happens.get(self.requests, lambda: None)()
        query = query_of(request)
        number, size = int(query["page"]), int(query["pageSize"])
        page = [{"id": each} for each in self.ids[(number - 1) * size : number * size]]
        more = {"nextPageUrl": f"?page={number + 1}"} if number * size < len(self.ids) else {}
        total = self._total(self.ids) if callable(self._total) else self._total
        return {"things": page, **({} if total is None else {"totalThingsCount": total}), **more}


def read_twice(server: requests_mock.Mocker, world: List, size: int = 2) -> list[Any]:
    server.get(f"{ROOT}things", json=world)
    with a_context() as context:
        pages = [
            list(context.shared.blocks("things", "things", "id", {"sort": "id"}, size)),
            list(context.shared.blocks("things", "things", "id", {"sort": "id"}, size)),
        ]
    assert pages[0] == pages[1], "for all streams"
    return [item["id"] for items in pages[0] for item in items]


@pytest.mark.parametrize("at", [2, 3])
@pytest.mark.parametrize("gone", [1, 2, 3, 4])
def test_a_deletion_between_two_pages_hides_no_item(requests_mock: requests_mock.Mocker, at: int, gone: int) -> None:
    world = List(1, 2, 3, 4, 5, 6)
    world.happens = {at: lambda: world.ids.remove(gone)}
    assert read_twice(requests_mock, world) == [each for each in range(1, 7) if each != gone]
    # All pages were read again: the first reading may have met the shift anywhere.
    assert world.requests == 6


def test_a_list_that_stays_as_it_is_takes_one_request_a_page(requests_mock: requests_mock.Mocker) -> None:
    assert read_twice(requests_mock, List(1, 2, 3, 4, 5)) == [1, 2, 3, 4, 5]
    assert [query["page"] for query in asked(requests_mock, "things")] == ["1", "2", "3"]


def test_an_item_that_is_deleted_while_one_is_created_is_noticed_between_pages(
    requests_mock: requests_mock.Mocker,
) -> None:
    world = List(1, 2, 3, 4, 5)
    world.happens = {2: lambda: world.ids.remove(1), 3: lambda: world.ids.append(6)}
    assert read_twice(requests_mock, world) == [2, 3, 4, 5, 6]


def test_an_item_that_appears_is_no_reason_to_lose_or_double_one(requests_mock: requests_mock.Mocker) -> None:
    world = List(1, 2, 3, 4, 5)
    world.happens = {2: lambda: world.ids.insert(0, 0)}  # in front of what was read: 2 comes twice
    assert read_twice(requests_mock, world) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("total", [None, 9, "5", True])
def test_without_a_total_two_readings_must_find_the_same(
    requests_mock: requests_mock.Mocker, total: Any, caplog: pytest.LogCaptureFixture
) -> None:
    world = List(1, 2, 3, 4, 5, total=total)
    world.happens = {3: lambda: world.ids.remove(1)}
    assert read_twice(requests_mock, world) == [2, 3, 4, 5]
    assert world.requests == 3 + 2 + 2
    # A total that is wrong in every reading is told, and believed no more.
    said = "GET things: two readings found 4 items, but Iterable says that there are 9."
    assert (said in caplog.text) == (total == 9)


@pytest.mark.parametrize(("total", "requests"), [(None, 1), (2, 1), (3, 2)])
def test_one_response_is_whole_unless_it_says_that_there_is_more(
    requests_mock: requests_mock.Mocker, total: Any, requests: int
) -> None:
    world = List(2, 1, total=total)
    assert read_twice(requests_mock, world, 10) == [2, 1]
    assert world.requests == requests


@pytest.mark.parametrize("ids", [(3, 1, 2, 5), ("b", "a", "d", "c"), (1, 2, 2, 3)])
def test_a_list_in_no_order_must_be_the_same_twice(requests_mock: requests_mock.Mocker, ids: tuple[Any, ...]) -> None:
    world = List(*ids)
    assert read_twice(requests_mock, world) == list(ids)
    assert world.requests == 4


def test_a_list_that_never_stays_as_it_is_fails_after_five_readings(requests_mock: requests_mock.Mocker) -> None:
    world = List(*range(40))
    world.happens = {2 * number: lambda: world.ids.pop(0) for number in range(1, 100)}
    requests_mock.get(f"{ROOT}things", json=world)
    with a_context() as context:
        for _ in range(2):  # and no further request is made by another stream
            with pytest.raises(TransientError) as caught:
                list(context.shared.blocks("things", "things", "id", {}, 20))
    assert str(caught.value) == (
        "The list of GET things changed each of the 5 times that it was read: items may be missing. The next sync reads it "
        "again."
    )
    assert world.requests == 10


def test_a_page_that_failed_is_retried_by_the_next_reader_and_counts_once(requests_mock: requests_mock.Mocker) -> None:
    world = List(1, 2, 3, 4, 5)
    requests_mock.get(f"{ROOT}things", json=world)
    requests_mock.get(
        f"{ROOT}things?page=3",
        [{"status_code": 400, "json": {}}, {"json": {"things": [{"id": 5}], "totalThingsCount": 5}}],
    )
    with a_context() as context:
        with pytest.raises(IterableError):
            list(context.shared.blocks("things", "things", "id", {}, 2))
        pages = list(context.shared.blocks("things", "things", "id", {}, 2))
    assert [len(items) for items in pages] == [2, 2, 1]
    assert world.requests == 2


def kept(context: StreamContext, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that says how many lists' files are open."""
    made: list[Any] = []

    class Counted(io.BytesIO):
        def __init__(self, **_: Any) -> None:
            super().__init__()
            made.append(self)

    monkeypatch.setattr(item_file.tempfile, "SpooledTemporaryFile", Counted)
    return lambda: sum(not file.closed for file in made)


def test_a_list_is_kept_until_the_last_stream_that_reads_it_has_ended(
    requests_mock: requests_mock.Mocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in ("things", "others"):
        requests_mock.get(f"{ROOT}{path}", json=List(1, 2, 3))
    with a_context() as context:
        files, shared = kept(context, monkeypatch), context.shared
        shared.expect({"parent": ["things"], "child": ["things"], "other": ["others"], "export": []})
        for path in ("things", "things", "others"):
            assert ids(shared.blocks(path, "things", "id", {}, 2)) == [[1, 2], [3]]
        assert files() == 2
        shared.done("other")
        shared.done("export")
        shared.done("parent")
        assert files() == 1
        assert ids(shared.blocks("things", "things", "id", {}, 2)) == [[1, 2], [3]], "the child is late"
        shared.done("child")
        assert files() == 0
    assert requests_mock.call_count == 4


def test_a_list_that_no_stream_shares_is_proved_and_not_kept(
    requests_mock: requests_mock.Mocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = List(1, 2, 3, 4, 5)
    world.happens = {2: lambda: world.ids.remove(2)}
    requests_mock.get(f"{ROOT}things", json=world)
    with a_context() as context:
        files = kept(context, monkeypatch)
        context.shared.expect({"parent": ["parents"]})
        blocks = context.shared.blocks("things", "things", "id", {}, 2)
        assert [item["id"] for items in blocks for item in items] == [1, 3, 4, 5]
        assert files() == 0


class Growing:
    """One item after the other; those of `failing` fail once."""

    def __init__(self, count: int, failing: Collection[int] = ()) -> None:
        self.left, self.count, self.failing, self.begun = 0, count, set(failing), 0

    def __call__(self) -> Growing:
        self.begun += 1
        return self

    def __iter__(self) -> Growing:
        return self

    def __next__(self) -> list[Any]:
        if self.left in self.failing:
            self.failing.remove(self.left)
            raise TransientError("not now")
        if self.left == self.count:
            raise StopIteration
        self.left += 1
        return [{"id": self.left - 1}]


def test_what_grows_is_requested_once_for_all_that_read_it(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = Growing(4, failing=[2])
    with a_context() as context:
        files, shared = kept(context, monkeypatch), context.shared
        shared.expect({"a": ["x"], "b": ["x"]})
        first = shared.growing("x", pages)
        assert ids([next(first)]) == [[0]]
        assert pages.left == 1, "no page before it is wanted"
        second = shared.growing("x", pages)
        assert ids([next(second), next(second)]) == [[0], [1]]
        with pytest.raises(TransientError):
            next(second)
        shared.done("b")
        assert ids(first) == [[1], [2], [3]]
        assert ids(shared.growing("x", pages)) == [[0], [1], [2], [3]]
        assert pages.begun == 1
        shared.done("a")
        assert files() == 0


def test_what_grows_for_one_stream_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    with a_context() as context:
        files = kept(context, monkeypatch)
        context.shared.expect({"a": ["x"], "b": ["y"]})
        for number, items in enumerate(context.shared.growing("x", Growing(3))):
            assert ids([items]) == [[number]]
            assert files() == 0


def test_concurrent_and_later_readers_share_one_request_per_page(
    requests_mock: requests_mock.Mocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(item_file, "MEMORY_BYTES", 10)
    seen: list[list[int]] = []
    world = List(*range(15))
    requests_mock.get(f"{ROOT}things", json=world)
    with a_context() as context:

        def read() -> None:
            found = context.shared.blocks("things", "things", "id", {}, 3)
            seen.append([item["id"] for items in found for item in items])

        first = context.shared.blocks("things", "things", "id", {}, 3)
        assert [item["id"] for item in next(first)] == [0, 1, 2]
        assert world.requests == 5, "a page counts when all are known"
        threads = [threading.Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [len(items) for items in first] == [3] * 4
    assert world.requests == 5
    assert seen == [list(range(15))] * 4

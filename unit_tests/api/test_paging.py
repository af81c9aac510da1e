"""Pages: which are requested, which is the last, and what is no page."""

from __future__ import annotations

import json
from contextlib import closing
from typing import Any

import pytest
import requests_mock

from source_iterable.api import listed
from source_iterable.api.paging import Page, Pages, by_marker, by_offset, numbered
from source_iterable.errors import BadRequest, BrokenResponse, IterableError, ServerError
from unit_tests.contexts import ROOT, a_context, asked, query_of


def read(server: requests_mock.Mocker, responses: list[Any]) -> list[list[int]]:
    """The ids of each page; the last response comes again and again."""
    server.get(f"{ROOT}things", [{"json": each} for each in responses])
    with a_context() as context:
        found = Pages("things", numbered(context.client, "things", "things", "id", {"sort": "id"}, 3))
        return [ids_of(page) for page in found]


def ids_of(page: Page, key: str = "id") -> list[Any]:
    with closing(page.items) as blocks:
        return [item[key] for items in blocks for item in items]


def page(*ids: int, following: Any = None) -> dict[str, Any]:
    return {"things": [{"id": each} for each in ids], "nextPageUrl": following}


def numbers(server: requests_mock.Mocker) -> list[str]:
    return [query["page"] for query in asked(server, "things")]


def test_pages_are_requested_by_number_to_the_last_one(requests_mock: requests_mock.Mocker) -> None:
    found = read(requests_mock, [page(1, 2, 3, following="/x?page=2"), page(4, following="/x?page=3"), page(5)])
    assert found == [[1, 2, 3], [4], [5]]
    assert asked(requests_mock, "things") == [
        {"sort": "id", "page": str(number), "pageSize": "3"} for number in (1, 2, 3)
    ]


def test_two_empty_pages_are_the_end(requests_mock: requests_mock.Mocker) -> None:
    empty = page(following="/x?page=3")
    assert read(requests_mock, [page(1, following="/x?page=2"), empty, page(7)]) == [[1], [7]]
    assert asked(requests_mock, "things") == [
        {"sort": "id", "page": str(number), "pageSize": "3"} for number in (1, 2, 3)
    ]
    assert read(requests_mock, [page(1, following="/x?page=2"), empty, empty, page(7)]) == [[1], []]
    assert read(requests_mock, [empty, page(7)]) == [[7]], "an empty page alone is no end"


@pytest.mark.parametrize(
    ("following", "second"),
    [
        ("https://elsewhere.example/y?page=5&x=1", "5"),
        ("/x?page=1", "2"),  # never the same one again
        ("/x?page=0", "2"),
        ("/x", "2"),
        ("/x?page=", "2"),
        ("/x?page=two", "2"),
        ("/x?page=999999999", "999999999"),
        ("/x?page=1000000000", "2"),
        ("/x?page=5", "5"),
        ("https://[broken?page=9", "9"),
        (7, "2"),
    ],
)
def test_only_the_number_of_the_next_page_is_believed(
    requests_mock: requests_mock.Mocker, following: Any, second: str
) -> None:
    assert read(requests_mock, [page(1, following=following), page(2)]) == [[1], [2]]
    assert numbers(requests_mock) == ["1", second]


def test_items_may_be_wrapped_in_params(requests_mock: requests_mock.Mocker) -> None:
    wrapped = {"code": "Success", "msg": "", "params": page(1, following="/x?page=2")}
    assert read(requests_mock, [wrapped, page(2)]) == [[1], [2]]


@pytest.mark.parametrize("following", ["", None])
def test_a_page_without_a_next_one_is_the_last(requests_mock: requests_mock.Mocker, following: Any) -> None:
    assert read(requests_mock, [page(1, following=following), page(2)]) == [[1]]


def test_a_page_may_come_twice_and_not_three_times(requests_mock: requests_mock.Mocker) -> None:
    same, other = page(1, 2, following="/x?page=2"), page(2, 1, following="/x?page=3")
    assert len(read(requests_mock, [same, other, same, other, page(9)])) == 5
    with pytest.raises(IterableError) as caught:
        read(requests_mock, [same, other, same, other, same])
    assert str(caught.value) == "The pages of GET things never end: the same page came three times."
    assert len(numbers(requests_mock)) == 5 + 5


@pytest.mark.parametrize(
    ("response", "told"),
    [
        ([], "holds no list named things"),
        ({}, "holds no list named things"),
        ({"params": []}, "holds no list named things"),
        ({"params": {}}, "holds no list named things"),
        ({"things": {}}, "holds no list named things"),
        ({"things": None}, "holds no list named things"),
        ({"things": [{"id": 1}, 2]}, "holds an item of things that is not an object (number 2)"),
        ({"things": [{"id": 1}, {"x": 2}]}, "holds an item of things without a valid id (number 2)"),
        ({"things": [{"id": True}]}, "holds an item of things without a valid id (number 1)"),
        ({"things": [{"id": 1}, {"id": "1"}]}, "holds items of things with a id of different types"),
    ],
)
def test_what_is_no_list_is_named(requests_mock: requests_mock.Mocker, response: Any, told: str) -> None:
    with pytest.raises(BrokenResponse) as caught:
        read(requests_mock, [response])
    assert str(caught.value) == f"The response to GET things {told} (tried 5 times)."


def test_a_page_that_failed_is_requested_again(requests_mock: requests_mock.Mocker) -> None:
    requests_mock.get(
        f"{ROOT}things",
        [{"json": page(1, following="/x?page=2")}, {"status_code": 400}, {"json": page(2)}],
    )
    with a_context() as context:
        found = Pages("things", numbered(context.client, "things", "things", "id", {}, 3))
        assert ids_of(next(found)) == [1]
        with pytest.raises(BadRequest):
            next(found)
        assert [ids_of(each) for each in found] == [[2]]
    assert numbers(requests_mock) == ["1", "2", "2"]


def marked(*keys: str, marker: Any = None) -> dict[str, Any]:
    return {"results": [{"key": key} for key in keys], "nextMarker": marker}


def test_pages_by_marker_go_on_to_the_one_without_one(requests_mock: requests_mock.Mocker) -> None:
    responses = [marked("a", "b", marker="b"), marked(marker="c"), marked("d", marker="")]
    requests_mock.get(f"{ROOT}metadata/t", [{"json": each} for each in responses])
    with a_context() as context:
        found = Pages("metadata/t", by_marker(context.client, "metadata/t", "results", "key"))
        assert [ids_of(each, "key") for each in found] == [["a", "b"], [], ["d"]]
    assert asked(requests_mock, "metadata/t") == [{}, {"nextMarker": "b"}, {"nextMarker": "c"}]


def test_a_marker_that_leads_back_is_no_page(requests_mock: requests_mock.Mocker) -> None:
    responses = [marked("a", marker="b"), marked(marker="c"), marked(marker="b")]
    requests_mock.get(f"{ROOT}metadata/t", [{"json": each} for each in responses])
    with a_context() as context, pytest.raises(IterableError, match="metadata/t never end: a page leads back"):
        list(Pages("metadata/t", by_marker(context.client, "metadata/t", "results", "key")))
    assert requests_mock.call_count == 3


@pytest.mark.parametrize(("total", "offsets"), [(5, ["0", "2", "4"]), (None, ["0", "2", "4", "5"])])
def test_pages_by_offset_end_where_the_total_says_or_with_an_empty_one(
    requests_mock: requests_mock.Mocker, total: int | None, offsets: list[str]
) -> None:
    ids = [[1, 2], [3, 4], [5], []]
    requests_mock.get(f"{ROOT}things", [{"json": {**page(*each), "totalCount": total}} for each in ids])
    with a_context() as context:
        found = Pages("things", by_offset(context.client, "things", "things", "id", 2))
        assert [each for page in found for each in ids_of(page)] == [1, 2, 3, 4, 5]
    assert [query["offset"] for query in asked(requests_mock, "things")] == offsets


class Weak:
    """A list of 47 things whose server cannot return more than `most` of them at a time; `fails` is how."""

    def __init__(self, most: int, **fails: Any) -> None:
        self.most = most
        self.fails = fails

    def serve(self, server: requests_mock.Mocker) -> None:
        server.get(f"{ROOT}things", content=self.answer)

    def answer(self, request: Any, context: Any) -> bytes:
        query = {name: int(value) for name, value in query_of(request).items()}
        size = query.get("pageSize") or query["limit"]
        start = query.get("offset", (query.get("page", 1) - 1) * size)
        end = min(start + size, 47)
        if size > self.most:
            context.status_code = self.fails.get("status_code", 200)
            return bytes(self.fails.get("content", b""))
        return json.dumps({**page(*range(start, end), following="/x" if end < 47 else None), "totalCount": 47}).encode()


def sizes(server: requests_mock.Mocker) -> list[int]:
    """The sizes of the pages that were requested, each once."""
    queries = asked(server, "things")
    return list(dict.fromkeys(int(query.get("pageSize") or query["limit"]) for query in queries))


BROKEN = [{"status_code": 500}, {"status_code": 504}, {"content": b'{"things":[' + b" " * 5000 + b'{"id":1}]}'}]


@pytest.mark.parametrize("fails", BROKEN)
@pytest.mark.parametrize(("most", "asked_for"), [(20, [20]), (2, [20, 2]), (10, [20, 2]), (1, [20, 2, 1])])
@pytest.mark.parametrize("way", ["number", "offset"])
def test_pages_that_cannot_be_read_are_read_in_parts(
    requests_mock: requests_mock.Mocker,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    way: str,
    most: int,
    asked_for: list[int],
    fails: dict[str, Any],
) -> None:
    monkeypatch.setattr(listed, "LIST_BYTES", 5000)
    Weak(most, **fails).serve(requests_mock)
    with a_context() as context:
        things = ("things", "things", "id")
        fetch = numbered(context.client, *things, {}, 20) if way == "number" else by_offset(context.client, *things, 20)
        assert [each for found in Pages("things", fetch) for each in ids_of(found)] == list(range(47))
    assert sizes(requests_mock) == asked_for
    told = [message for message in caplog.messages if "at a time" in message]
    assert len(told) == len(asked_for) - 1
    assert all(message.startswith("GET things: reading 2 items at a time instead of 20. ") for message in told[:1])


def test_the_items_of_a_page_that_fails_later_are_read_once(requests_mock: requests_mock.Mocker) -> None:
    weak = Weak(20)
    weak.serve(requests_mock)
    with a_context() as context:
        found = Pages("things", numbered(context.client, "things", "things", "id", {}, 20))
        assert ids_of(next(found)) == list(range(20))
        weak.most, weak.fails = 2, {"status_code": 503}
        assert [each for page in found for each in ids_of(page)] == list(range(20, 47))
    last = [(query["page"], query["pageSize"]) for query in asked(requests_mock, "things")][6:8]
    assert last == [("11", "2"), ("12", "2")]


def test_the_last_error_is_that_of_a_single_item(requests_mock: requests_mock.Mocker) -> None:
    Weak(0, status_code=500).serve(requests_mock)
    with a_context() as context, pytest.raises(ServerError):
        list(Pages("things", numbered(context.client, "things", "things", "id", {}, 50)))
    assert sizes(requests_mock) == [50, 5, 1]


@pytest.mark.parametrize(
    "answer",
    [
        {"status_code": 400},
        {"status_code": 404},
        {"content": b"<html>"},
        {"content": b'{"other":[]}'},
        {"json": {"code": "a", "msg": "b"}},
    ],
)
def test_what_is_no_page_is_not_asked_for_in_parts(requests_mock: requests_mock.Mocker, answer: dict[str, Any]) -> None:
    requests_mock.get(f"{ROOT}things", **answer)
    with a_context() as context, pytest.raises(IterableError):
        list(Pages("things", numbered(context.client, "things", "things", "id", {}, 20)))
    assert sizes(requests_mock) == [20]

"""Numbered pages: which are requested, and what is no page."""

from __future__ import annotations

from typing import Any

import pytest
import requests_mock

from source_iterable.api.client import ShapeError
from source_iterable.api.paging import an_object, list_shape, pages
from source_iterable.errors import BrokenResponse, IterableError
from unit_tests.contexts import ROOT, a_context, asked


def read(server: requests_mock.Mocker, responses: list[Any]) -> list[list[int]]:
    """The ids of each page; the last response comes again and again."""
    server.get(f"{ROOT}things", [{"json": each} for each in responses])
    with a_context() as context:
        found = pages(context.client, "things", "things", "id", {"sort": "id"}, 3)
        return [[item["id"] for item in page.items] for page in found]


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
        ("https://[broken?page=9", "2"),
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
    assert str(caught.value) == "The responses to GET things do not end: one page came three times."
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


def test_a_list_without_a_key_may_hold_anything() -> None:
    assert list_shape("things")({"things": [1, "a", None]}) == [1, "a", None]
    assert list_shape("things", "id")({"things": [{"id": "a"}, {"id": "b"}]}) == [{"id": "a"}, {"id": "b"}]


def test_a_response_that_is_one_object() -> None:
    assert an_object({"a": 1}) == {"a": 1}
    for response in ([], "text", None, 7):
        with pytest.raises(ShapeError, match="^is not an object$"):
            an_object(response)

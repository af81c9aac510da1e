"""Lists that several streams read: one request a page, and one list for each way to request it."""

from __future__ import annotations

from typing import Any

import pytest
import requests_mock

from source_iterable.api import exact_json
from source_iterable.api.paging import Page
from source_iterable.errors import BrokenResponse, IterableError, LocalError
from source_iterable.reading import whole_list
from unit_tests.contexts import ROOT, a_context, asked, query_of


def ids(pages: Any) -> list[list[int]]:
    return [[item["id"] for item in items] for items in pages]


def test_a_list_without_pages_is_one_request_without_page_numbers(requests_mock: requests_mock.Mocker) -> None:
    answer = {"things": [{"id": 1}], "nextPageUrl": "/x?page=2"}
    requests_mock.get(f"{ROOT}things", json=answer)
    with a_context() as context:
        for _ in range(3):
            assert ids(context.shared.pages("things", "things", "id", {"a": "b"}, None)) == [[1]]
    assert asked(requests_mock, "things") == [{"a": "b"}]


def test_lists_that_are_requested_differently_are_different_lists(requests_mock: requests_mock.Mocker) -> None:
    requests_mock.get(f"{ROOT}things", json=lambda request, _: {"things": [{"id": len(query_of(request))}]})
    requests_mock.get(f"{ROOT}others", json={"things": [{"id": 9}]})
    with a_context() as context:
        pages = context.shared.pages
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
    monkeypatch.setattr(whole_list, "MEMORY_BYTES", memory)
    pages = [
        b'{"things": [{"id": 1, "n": 12345678901234567890123, "t": "k\xc3\xa4the"}], "totalCount": 3, "nextPageUrl": "x"}',
        b'{"things": [{"id": 2}, {"id": 3, "d": 0.1234567890123456789}], "totalCount": 3, "nextPageUrl": "x"}',
        b'{"things": [], "totalCount": 3}',
    ]
    requests_mock.get(f"{ROOT}things", [{"content": page} for page in pages])
    with a_context() as context:
        first = context.shared.pages("things", "things", "id", {}, 5)
        next(first)
        second = context.shared.pages("things", "things", "id", {}, 5)
        assert [items[0]["t"] for items in [next(second)]] == ["k\xe4the"]
        assert ids(second) == [[2, 3], []]
        assert ids(first) == [[2, 3], []]
        third = list(context.shared.pages("things", "things", "id", {}, 5))
        assert ids(third) == [[1], [2, 3], []]
        assert b"12345678901234567890123" in exact_json.dumps(third[0])
        assert b"0.1234567890123456789" in exact_json.dumps(third[1])
    assert requests_mock.call_count == 3


def test_a_shared_list_that_does_not_end_is_noticed_by_its_path(requests_mock: requests_mock.Mocker) -> None:
    def answer(request: Any, context: Any) -> Any:
        return {"things": [{"id": 1}], "nextPageUrl": f"?page={int(query_of(request)['page']) + 1}"}

    requests_mock.get(f"{ROOT}things", json=answer)
    with a_context() as context, pytest.raises(IterableError) as caught:
        list(context.shared.pages("things", "things", "id", {}, 5))
    assert str(caught.value) == "The responses to GET things do not end: one page came three times."


def test_a_full_disk_is_told_as_that(requests_mock: requests_mock.Mocker, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*args: Any, **kwargs: Any) -> Any:
        raise OSError(28, "No space left on device")

    requests_mock.get(f"{ROOT}things", json={"things": []})
    monkeypatch.setattr(whole_list.tempfile, "SpooledTemporaryFile", no_room)
    with a_context() as context, pytest.raises(LocalError, match="No space left on device"):
        list(context.shared.pages("things", "things", "id", {}, 5))


@pytest.mark.parametrize("page_size", [None, 5])
def test_items_of_a_shared_list_have_their_key(requests_mock: requests_mock.Mocker, page_size: int | None) -> None:
    requests_mock.get(f"{ROOT}things", json={"things": [{"id": 1}, {"name": "x"}]})
    with a_context() as context, pytest.raises(BrokenResponse, match=r"without a valid id \(number 2\)"):
        list(context.shared.pages("things", "things", "id", {}, page_size))


def test_a_page_that_could_not_be_written_is_not_lost_to_other_readers(
    requests_mock: requests_mock.Mocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests_mock.get(f"{ROOT}things", json={"things": [{"id": 1}]})
    with a_context() as context:
        pages = whole_list.SpooledPages("things", lambda _: Page(context.client.get_json("things")["things"]))
        with monkeypatch.context() as patch, open("/dev/full", "wb", buffering=0) as full:
            patch.setattr(pages, "_file", full)
            with pytest.raises(LocalError, match="No space left on device"):
                list(pages.pages())
        assert ids(pages.pages()) == [[1]]
        pages.close()
    assert requests_mock.call_count == 1

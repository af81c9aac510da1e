"""list_sizes: sizes that other streams of the sync have counted, and those that are requested."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
import requests_mock

from source_iterable.api.client import IterableClient
from source_iterable.reading import pace, together
from source_iterable.reading.catch_up import ANY_RESPONSE, COUNTS
from source_iterable.reading.stream import Checkpoint
from source_iterable.records.batch import RecordBatch
from source_iterable.streams import lists, user_events
from source_iterable.streams.table import STREAMS
from unit_tests.contexts import ROOT, a_context
from unit_tests.streams.test_lists import BROKEN, LIST_USERS, Api, text

SIZE_OF = {1: 3, 2: 0, 3: 1, 4: 3, 5: 40}
GONE = {"status": 404}
NOW, TODAY = 1_790_000_000.0, "2026-09-21"
ALONE = ["list_sizes"]
TOGETHER = [[*ALONE, *others] for count in (1, 2) for others in itertools.combinations(("list_users", "events"), count)]


@pytest.fixture(autouse=True)
def _on_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(IterableClient, "now", lambda client: NOW)


@pytest.fixture
def api(requests_mock: requests_mock.Mocker) -> Api:
    """Lists of so many users, whose sizes are said to be 1,000 more."""
    # A line twice, which is two of their records, and blank lines.
    lists = {1: text(1, 2) + "\r\n \n" + text(1), **{key: text(*range(SIZE_OF[key])) for key in (2, 3, 4, 5)}}
    api = Api(requests_mock, lists)
    for key, size in SIZE_OF.items():
        requests_mock.get(f"{ROOT}lists/{key}/size", text=str(1_000 + size))
    return api


class Sync:
    """One sync of these streams: its records and last states, and the lists whose sizes were requested."""

    def __init__(self, api: Api, names: list[str], states: Mapping[str, Any] | None = None) -> None:
        self.records: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        self.errors: dict[str, Exception] = {}
        self.states: dict[str, Any] = {}
        self.written: Counter[str] = Counter()
        begun = len(api.server.request_history)
        with a_context() as context:
            for name, item in together.read(
                context, {name: (STREAMS[name], (states or {}).get(name, {})) for name in names}
            ):
                if isinstance(item, RecordBatch):
                    self.records[name] += item.records()
                elif isinstance(item, Checkpoint):
                    self.states[name] = item.state
                    self.written[name] += 1
                elif isinstance(item, together.Ended) and item.error:
                    self.errors[name] = item.error
        urls = [request.url for request in api.server.request_history[begun:]]
        self.requested = sorted(int(url.split("/")[-2]) for url in urls if url.endswith("/size"))

    @property
    def sizes(self) -> dict[int, int]:
        assert {record["date"] for record in self.records["list_sizes"]} <= {TODAY}
        sizes = [(record["listId"], record["size"]) for record in self.records["list_sizes"]]
        assert len(dict(sizes)) == len(sizes)
        return dict(sizes)


def test_alone_it_requests_every_size(api: Api) -> None:
    alone = Sync(api, ALONE)
    assert alone.errors == {}
    assert alone.requested == [1, 2, 3, 4, 5]
    assert alone.sizes == {key: 1_000 + size for key, size in SIZE_OF.items()}


@pytest.mark.parametrize("names", TOGETHER)
@pytest.mark.parametrize("is_last", [False, True])
def test_it_requests_no_size_of_a_list_that_others_read(api: Api, names: list[str], is_last: bool) -> None:
    both = Sync(api, names[::-1] if is_last else names)
    assert both.errors == {}
    assert both.requested == []
    assert both.sizes == SIZE_OF
    if "list_users" in names:
        counted = [record["listId"] for record in both.records["list_users"]]
        assert {key: counted.count(key) for key in SIZE_OF} == SIZE_OF


@pytest.mark.parametrize("failure", [BROKEN, GONE, {"status": 500, "code": "GenericError", "msg": "no"}])
@pytest.mark.parametrize("names", TOGETHER)
def test_it_requests_the_size_of_a_list_that_they_could_not_read(
    api: Api, names: list[str], failure: dict[str, Any]
) -> None:
    api.lists[4] = failure
    both = Sync(api, names)
    assert set(both.errors) == (set(names) - {"list_sizes"} if failure is BROKEN else set())
    assert both.requested == [4]
    assert both.sizes == {**SIZE_OF, 4: 1_003}


@pytest.mark.parametrize("names", TOGETHER)
def test_it_requests_all_sizes_if_they_give_up(api: Api, names: list[str]) -> None:
    for key in api.lists:
        api.lists[key] = {"status": 403}
    both = Sync(api, names)
    assert set(both.errors) == set(names) - {"list_sizes"}
    assert both.requested == [1, 2, 3, 4, 5]
    assert both.sizes == {key: 1_000 + size for key, size in SIZE_OF.items()}


def test_it_requests_the_sizes_of_lists_that_were_read_before(api: Api) -> None:
    both = Sync(api, ["list_users", "list_sizes"], {"list_users": {"after": 2, "done": [5]}})
    assert both.requested == [1, 2, 5]
    assert both.sizes == {1: 1_003, 2: 1_000, 3: 1, 4: 3, 5: 1_040}
    # A stream that resumes reads all lists again, to know their users.
    assert Sync(api, ["events", "list_sizes"], {"events": {"after": "ff" * 16, "ids": "1"}}).sizes == SIZE_OF


def test_it_has_no_second_record_of_a_list_on_one_day(api: Api) -> None:
    both = Sync(api, ["list_users", "list_sizes"], {"list_sizes": {"date": TODAY, "after": 3, "done": [5]}})
    assert (both.requested, both.sizes) == ([], {4: 3})


def test_states_are_few_and_small_while_one_list_of_many_is_unread(
    requests_mock: requests_mock.Mocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "time", SimpleNamespace(monotonic=lambda: 0.0))
    api = Api(requests_mock, {1: BROKEN, **{key: text(key) for key in range(2, 61)}})
    requests_mock.get(f"{ROOT}lists/1/size", text="-")
    both = Sync(api, ["list_users", "list_sizes"])
    assert both.states == {"list_users": {"done": [[2, 60]]}, "list_sizes": {"date": TODAY, "done": [[2, 60]]}}
    assert both.written == {"list_users": 1, "list_sizes": 1}
    api.lists[1] = text(1)
    again = Sync(api, ["list_users", "list_sizes"], both.states)
    assert again.errors == {}
    assert again.records["list_users"] == [{"listId": 1, "userIdentifier": "u1@example.com", "email": "u1@example.com"}]
    assert again.sizes == {1: 1}
    assert again.states["list_sizes"] == {"date": TODAY, "after": 60}


def test_lists_are_neither_kept_for_it_nor_does_anybody_wait_for_it(requests_mock: requests_mock.Mocker) -> None:
    Api(requests_mock, {key: text(key) for key in range(1, 61)})
    with a_context() as context:
        context.barrier.expect({"list_users": ANY_RESPONSE, "list_sizes": COUNTS})
        assert sum(item.count for item in LIST_USERS.read(context, {}) if isinstance(item, RecordBatch)) == 60
        assert not context.barrier._kept
        context.barrier.done("list_users")
        assert context.barrier.counts(range(1, 62)) == {**dict.fromkeys(range(1, 61), 1), 61: None}


@pytest.mark.parametrize("names", TOGETHER)
def test_the_largest_lists_come_first_in_the_next_sync(
    api: Api, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "LARGE", 3)
    monkeypatch.setattr(lists, "MOST_LARGE", 2)
    monkeypatch.setattr(lists, "LISTS_AT_ONCE", 1)
    monkeypatch.setattr(user_events, "LISTS_AT_ONCE", 1)
    first = Sync(api, names)
    assert first.states["list_sizes"]["large"] == [[40, 5], [3, 1]]
    begun = len(api.server.request_history)
    yesterday = {**first.states["list_sizes"], "date": "2026-09-20"}
    second = Sync(api, names, {"list_sizes": yesterday})
    assert second.sizes == first.sizes
    urls = [request.url for request in api.server.request_history[begun:] if "getUsers" in request.url]
    assert [url.split("listId=")[1].split("&")[0] for url in urls] == ["1", "5", "2", "3", "4"]


def test_a_list_that_is_no_longer_large_is_forgotten(api: Api) -> None:
    state = {"date": "2026-09-20", "large": [[200_000, 3], [150_000, 77]]}
    # 77 is gone; 3 has one user.
    assert "large" not in Sync(api, ALONE, {"list_sizes": state}).states["list_sizes"]
    odd = {"date": "2026-09-20", "large": [["x"]]}
    assert Sync(api, ALONE, {"list_sizes": odd}).sizes == {key: 1_000 + size for key, size in SIZE_OF.items()}

"""Streams that are read once per item of another: what is requested, skipped and kept in the state."""

from __future__ import annotations

from typing import Any

import pytest
import requests_mock

from source_iterable.api.paging import Pages, numbered
from source_iterable.errors import ServerError
from source_iterable.reading.children import ChildStream, Done, Key
from source_iterable.reading.context import StreamContext
from source_iterable.reading.plain_list import PlainList
from source_iterable.streams.campaigns import CAMPAIGNS, ChildCampaigns
from unit_tests.contexts import ROOT, a_context, asked, read


class Leaves(ChildStream):
    """The leaves of every branch."""

    name = "lists"
    primary_key = ("id",)
    parent = PlainList("branches", "branches", "branches", "name")
    parent_key = "name"
    noun = "branch"
    cost = "1 per branch"

    def __init__(self, resumable: bool) -> None:
        self.resumable = resumable

    def read_slice(self, context: StreamContext, key: Key) -> Any:
        path = f"branches/{key}"
        for page in Pages(path, numbered(context.client, path, "leaves", "id", {}, 2)):
            yield page.items


def serve(server: requests_mock.Mocker, **branches: Any) -> None:
    server.get(f"{ROOT}branches", json={"branches": [{"name": name} for name in branches]})
    for name, answer in branches.items():
        if isinstance(answer, int):
            server.get(f"{ROOT}branches/{name}", status_code=answer)
        else:
            server.get(f"{ROOT}branches/{name}", [{"json": each} for each in answer])


def leaves(*ids: int, more: bool = False) -> dict[str, Any]:
    return {"leaves": [{"id": each} for each in ids], **({"nextPageUrl": "/x?page=2"} if more else {})}


def test_every_slice_is_read_in_the_order_of_its_key(requests_mock: requests_mock.Mocker) -> None:
    serve(requests_mock, b=[leaves(1)], a=[leaves(2, 3, more=True), leaves(4)], c=[leaves()])
    result = read(Leaves(resumable=False))
    assert [record["id"] for record in result.records] == [2, 3, 4, 1]
    assert result.states == [{}], "a stream that cannot resume starts over"
    assert [query["page"] for query in asked(requests_mock, "branches/a")] == ["1", "2"]


def test_a_resumable_stream_has_a_state_behind_every_slice(requests_mock: requests_mock.Mocker) -> None:
    serve(requests_mock, b=[leaves(1)], a=[leaves(2)], c=[leaves(3)])
    result = read(Leaves(resumable=True))
    assert result.order == [1, {"after": "a"}, 1, {"after": "b"}, 1, {"after": "c"}, {}]
    again = read(Leaves(resumable=True), {"after": "a"})
    assert [record["id"] for record in again.records] == [1, 3]
    ignored = read(Leaves(resumable=False), {"after": "a"})
    assert [record["id"] for record in ignored.records] == [2, 1, 3]


def test_a_slice_that_is_gone_is_skipped_and_done(
    requests_mock: requests_mock.Mocker, caplog: pytest.LogCaptureFixture
) -> None:
    serve(requests_mock, a=[leaves(1)], b=404, c=[leaves(3)])
    result = read(Leaves(resumable=True))
    assert result.error is None
    assert result.order == [1, {"after": "a"}, {"after": "b"}, 1, {"after": "c"}, {}]
    assert caplog.messages == ["lists: branch b no longer exists; skipped."]


def test_a_slice_that_fails_ends_the_stream_behind_the_last_state(requests_mock: requests_mock.Mocker) -> None:
    serve(requests_mock, a=[leaves(1)], b=500, c=[leaves(3)])
    result = read(Leaves(resumable=True))
    assert isinstance(result.error, ServerError)
    assert result.order == [1, {"after": "a"}]
    assert asked(requests_mock, "branches/c") == []


def test_the_parent_is_requested_once_for_all_its_children(requests_mock: requests_mock.Mocker) -> None:
    serve(requests_mock, a=[leaves(1)])
    with a_context() as context:
        for _ in range(3):
            list(Leaves(resumable=False).read(context, {}))
    assert len(asked(requests_mock, "branches")) == 1


def test_the_children_of_recurring_campaigns(requests_mock: requests_mock.Mocker) -> None:
    states = {3: "Recurring", 1: "Finished", 2: "Recurring", 4: None}
    campaigns = [{"id": key, "campaignState": state, "updatedAt": 5} for key, state in states.items()]
    requests_mock.get(f"{ROOT}campaigns", json={"campaigns": campaigns})
    for key in (2, 3):
        requests_mock.get(f"{ROOT}campaigns/recurring/{key}/childCampaigns", json={"campaigns": [{"id": 10 * key}]})
    assert [record["id"] for record in read(ChildCampaigns()).records] == [20, 30]
    # As items, all campaigns come, also those without a time.
    requests_mock.get(f"{ROOT}campaigns", json={"campaigns": [{"id": 1}, {"id": 2, "updatedAt": 0}]})
    with a_context() as context:
        assert [item["id"] for item in CAMPAIGNS.items(context)] == [1, 2]


@pytest.mark.parametrize(
    ("keys", "state", "remaining"),
    [
        ([1, 2, 3], {"after": 2}, [3]),
        ([1, 3], {"after": 2}, [3]),
        ([1, 2, 3], {"after": 9}, []),
        ([1, 2, 3, 4], {"after": 1, "done": [3]}, [2, 4]),
        ([1, 2, 3], {"done": [2, "3", None, {}]}, [1, 3]),
        (["a", "b"], {"done": ["b"]}, ["a"]),
        ([0, 1], {"after": 0}, [1]),
        ([], {"after": 1}, []),
    ],
)
def test_the_slices_that_a_state_leaves(keys: list[Key], state: dict[str, Any], remaining: list[Key]) -> None:
    assert Done(keys, state).remaining == remaining


def test_a_state_of_slices_before_any_is_done_is_empty() -> None:
    done = Done([1, 2, 3], {})
    assert done.state == {}
    done.add(3)
    assert done.state == {"done": [3]}
    done.add(1)
    assert done.state == {"after": 1, "done": [3]}
    done.add(2)
    assert done.state == {"after": 3}

"""The events of users: who is requested, what is believed, and what the next sync still has to read."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
import requests
import requests_mock

from source_iterable.api.spooled import SpooledResponse
from source_iterable.errors import Forbidden, TransientError
from source_iterable.reading.lists import Key
from source_iterable.records.batch import RecordBatch
from source_iterable.streams import user_events
from source_iterable.streams.lists import ListReader
from source_iterable.streams.table import STREAMS
from unit_tests.contexts import ROOT, a_context, asked, query_of, read
from unit_tests.streams.test_lists import BROKEN, LIST_USERS, Api, digest, in_order, names, text, users_of

EVENTS = STREAMS["events"]
OF_FIRST_LIST = 50


@pytest.fixture(autouse=True)
def _log_everything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


@pytest.fixture
def _one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_events, "LISTS_AT_ONCE", 1)
    monkeypatch.setattr(user_events, "USERS_AT_ONCE", 1)


one_at_a_time = pytest.mark.usefixtures("_one_at_a_time")


def test_every_user_is_requested_once(requests_mock: requests_mock.Mocker) -> None:
    api = Api(requests_mock, {2: text(1, 2, 3), 1: text(3, 4)})
    result = read(EVENTS)
    assert result.error is None
    assert sorted(users_of(result)) == names(1, 2, 3, 4)
    assert sorted(api.users_asked()) == sorted(in_order(1, 2, 3, 4))
    assert {query["includeCustomEvents"] for query in asked(requests_mock, "export/userEvents")} == {"true"}
    # One batch for all, the state behind the last user, and then that of a completed sync.
    assert result.order == [4, {"after": digest(in_order(1, 2, 3, 4)[-1]), "ids": "1"}, {}]


def test_a_project_without_users_has_no_events(requests_mock: requests_mock.Mocker) -> None:
    Api(requests_mock, {1: ""})
    result = read(EVENTS)
    assert (result.order, result.error) == ([{}], None)


@pytest.fixture
def _second_list_waits(monkeypatch: pytest.MonkeyPatch, requests_mock: requests_mock.Mocker) -> None:
    """List 2 is not requested before the events of as many users have been as there are in list 1 alone."""
    get = ListReader.get

    def slow(reader: ListReader, list_id: Key) -> SpooledResponse:
        looks = 0
        while list_id == 2 and len(asked(requests_mock, "export/userEvents")) < OF_FIRST_LIST:
            reader.context.client.wait(0.001)
            looks += 1
            assert looks < 10_000
        return get(reader, list_id)

    monkeypatch.setattr(ListReader, "get", slow)


@pytest.mark.usefixtures("_second_list_waits")
def test_users_are_read_while_lists_are_still_to_come(requests_mock: requests_mock.Mocker) -> None:
    order = in_order(*range(60))
    api = Api(requests_mock, {1: "\n".join(order[-OF_FIRST_LIST:]), 2: "\n".join(order[:20])})
    result = read(EVENTS)
    assert result.error is None
    assert sorted(users_of(result)) == sorted(order)
    assert sorted(api.users_asked()) == sorted(order)


@pytest.mark.usefixtures("_second_list_waits")
def test_no_state_covers_users_of_lists_that_are_still_to_come(
    requests_mock: requests_mock.Mocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may be in one of the others next time, and would count as read."""
    monkeypatch.setattr(user_events, "USERS_A_STATE", 1)
    monkeypatch.setattr(user_events, "BATCH_BYTES", 1)
    order = in_order(*range(60))
    Api(requests_mock, {1: "\n".join(order[-OF_FIRST_LIST:]), 2: "\n".join(order[:20])})
    read_so_far: set[str] = set()
    states = 0
    with a_context() as context:
        for item in EVENTS.read(context, {}):
            if isinstance(item, RecordBatch):
                read_so_far.update(record["email"] for record in item.records())
            elif item.state:
                states += 1
                assert read_so_far >= {name for name in order if digest(name) <= item.state["after"]}
    assert states >= 10
    assert read_so_far == set(order)


@one_at_a_time
def test_a_state_comes_after_every_hundred_users(requests_mock: requests_mock.Mocker) -> None:
    order = in_order(*range(230))
    Api(requests_mock, {1: text(*range(230))}, {order[150]: ""})
    result = read(EVENTS)
    states = [{"after": digest(order[place]), "ids": "1"} for place in (99, 199, 229)]
    assert result.order == [100, states[0], 99, states[1], 30, states[2], {}]
    # And a sync goes on behind it.
    again = read(EVENTS, states[1])
    assert users_of(again) == order[200:]
    assert again.order == [30, states[2], {}]


@one_at_a_time
def test_many_events_are_more_than_one_batch(requests_mock: requests_mock.Mocker) -> None:
    order = in_order(1, 2, 3)
    line = json.dumps({"createdAt": "2024-01-02 03:04:05 +00:00", "eventName": "x", "t": "y" * 300_000}) + "\n"
    Api(requests_mock, {1: text(1, 2, 3)}, {order[0]: line, order[1]: line})
    # Half a megabyte is a batch.
    assert read(EVENTS).order[:2] == [2, 1]


@one_at_a_time
def test_users_that_could_not_be_read_are_read_by_the_next_sync_alone(
    requests_mock: requests_mock.Mocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(user_events, "USERS_A_STATE", 3)
    order = in_order(*range(8))
    api = Api(requests_mock, {1: text(*range(8))}, {order[1]: BROKEN, order[4]: BROKEN})
    first = read(EVENTS)
    assert str(first.error).startswith("events is incomplete: 2 of its slices could not be read. user ")
    assert f"user u*** ({digest(order[1])[:12]})" in str(first.error)
    assert "example.com" not in str(first.error)
    assert first.states == [
        {"after": digest(order[2]), "missing": [digest(order[1])], "ids": "1"},
        {"after": digest(order[5]), "missing": [digest(order[1]), digest(order[4])], "ids": "1"},
        {"after": digest(order[7]), "missing": [digest(order[1]), digest(order[4])], "ids": "1"},
    ]
    api.events.clear()
    # Interrupted after the first state: the missing one, and all behind it.
    assert users_of(read(EVENTS, first.states[0])) == [order[1], *order[3:]]
    # Run to its end: only those two, and no state forgets one of them before both are read.
    second = read(EVENTS, first.states[-1])
    assert second.error is None
    assert second.order == [2, {"after": digest(order[7]), "ids": "1"}, {}]
    # One that is still broken stays in the state, and "after" does not move back.
    api.events[order[1]] = BROKEN
    third = read(EVENTS, first.states[-1])
    assert third.order == [1, {"after": digest(order[7]), "missing": [digest(order[1])], "ids": "1"}]


@one_at_a_time
def test_the_missing_users_are_all_read_before_any_is_done(
    requests_mock: requests_mock.Mocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(user_events, "USERS_A_STATE", 1)
    order = in_order(*range(6))
    Api(requests_mock, {1: text(*range(6))})
    state = {"after": digest(order[3]), "missing": [digest(order[0]), digest(order[1])], "ids": "1"}
    result = read(EVENTS, state)
    assert users_of(result) == [order[0], order[1], order[4], order[5]]
    assert result.states == [*({"after": digest(order[place]), "ids": "1"} for place in (3, 4, 5)), {}]


def test_the_users_of_a_list_that_could_not_be_read_are_read_by_the_next_sync(
    requests_mock: requests_mock.Mocker,
) -> None:
    api = Api(requests_mock, {1: text(1, 2, 3), 2: BROKEN, 3: text(3, 4)})
    first = read(EVENTS)
    assert sorted(users_of(first)) == names(1, 2, 3, 4)
    last = digest(in_order(1, 2, 3, 4)[-1])
    assert first.states == [{"after": last, "lists": [2], "ids": "1"}]
    assert str(first.error).startswith("events is incomplete: 1 of its slices could not be read. list 2: ")
    # All users of that list are read then, wherever their digests are, and of the others only new ones.
    api.lists[2] = text(4, 5, 6, 7)
    second = read(EVENTS, first.states[0])
    assert second.error is None
    assert sorted(users_of(second)) == names(4, 5, 6, 7)
    # Still broken: it stays in the state.
    api.lists[2] = BROKEN
    third = read(EVENTS, {"after": "ff" * 16, "lists": [2], "ids": "1"})
    assert third.error is not None
    assert third.records == []


def test_a_failure_that_is_no_lists_own_ends_the_stream_without_a_state(requests_mock: requests_mock.Mocker) -> None:
    Api(requests_mock, {1: text(1), 2: {"status": 403}})
    result = read(EVENTS)
    assert isinstance(result.error, Forbidden)
    assert result.states == []


def test_an_identifier_of_an_unknown_kind_is_tried_as_both(requests_mock: requests_mock.Mocker) -> None:
    Api(requests_mock, {1: "me@home\nplain\n"})
    queries: list[tuple[str, str]] = []

    def events(request: Any, context: Any) -> str:
        query = query_of(request)
        kind = "email" if "email" in query else "userId"
        queries.append((kind, query[kind]))
        return "" if kind == "email" else '{"createdAt": "2024-01-02 03:04:05 +00:00", "eventName": "x"}\n'

    requests_mock.get(f"{ROOT}export/userEvents", text=events)
    assert len(read(EVENTS, project_type="Hybrid").records) == 2
    assert sorted(queries) == [("email", "me@home"), ("userId", "me@home"), ("userId", "plain")]


def test_an_identifier_that_was_right_or_could_not_be_read_is_not_tried_as_another(
    requests_mock: requests_mock.Mocker,
) -> None:
    api = Api(requests_mock, {1: "a@home\nb@home\n"}, {"b@home": BROKEN})
    result = read(EVENTS, project_type="Hybrid")
    assert sorted(api.users_asked()) == ["a@home", "b@home"]
    assert users_of(result) == ["a@home"]
    assert result.states == [
        {"after": max(map(digest, ("a@home", "b@home"))), "missing": [digest("b@home")], "ids": "1"}
    ]


def test_bad_lines_of_a_user_are_counted_and_not_quoted(
    requests_mock: requests_mock.Mocker, caplog: pytest.LogCaptureFixture
) -> None:
    good = '{"createdAt": "2024-01-02 03:04:05 +00:00", "eventName": "x"}\n'
    Api(requests_mock, {1: text(1)}, {names(1)[0]: f"[1]\n{good}[2]\n"})
    assert len(read(EVENTS).records) == 1
    who = digest(names(1)[0])[:12]
    assert caplog.messages == [f"events, user {who}: line {line} is not a JSON object; skipped." for line in (1, 3)]


@one_at_a_time
def test_a_user_with_too_many_bad_lines_is_left_to_the_next_sync(
    requests_mock: requests_mock.Mocker, caplog: pytest.LogCaptureFixture
) -> None:
    order = in_order(1, 2)
    good = '{"createdAt": "2024-01-02 03:04:05 +00:00", "email": "x@y.z", "eventName": "x"}\n'
    Api(requests_mock, {1: text(1, 2)}, {order[0]: "[1]\n" * 11 + good})
    result = read(EVENTS)
    who, whose = f"user u*** ({digest(order[0])[:12]})", f"user {digest(order[0])[:12]}"
    bad = f"events, {whose}: 11 of 12 lines are not JSON objects."
    assert users_of(result) == ["x@y.z", order[1]]
    assert result.streams == {"events"}
    assert result.states == [{"after": digest(order[1]), "missing": [digest(order[0])], "ids": "1"}]
    assert isinstance(result.error, TransientError)
    assert f"{who}: {bad}" in str(result.error)
    assert f"events: {who} not read; the next sync will retry it. {bad}" in caplog.messages


def test_a_user_that_iterable_cannot_return_is_skipped_for_good(
    requests_mock: requests_mock.Mocker, caplog: pytest.LogCaptureFixture
) -> None:
    order = in_order(1, 2)
    Api(requests_mock, {1: text(1, 2)}, {order[0]: {"status": 500, "code": "GenericError", "msg": "x"}})
    result = read(EVENTS)
    assert (result.order, result.error) == ([1, {"after": digest(order[1]), "ids": "1"}, {}], None)
    assert caplog.messages[0].startswith(f"events: user u*** ({digest(order[0])[:12]}) skipped. ")
    assert caplog.messages[1] == "events: 1 skipped because Iterable could not return them; see above."


@one_at_a_time
@pytest.mark.parametrize(
    "state",
    [
        {"after": None, "ids": "1"},
        {"after": 5, "ids": "1"},
        {"after": "no hex", "ids": "1"},
        {"after": "", "missing": "ab", "lists": "12", "ids": "1"},
        {"missing": [1, None, "zz"], "lists": [None, {}], "ids": "1"},
    ],
)
def test_what_does_not_fit_in_a_state_means_that_users_are_read_again(
    requests_mock: requests_mock.Mocker, state: dict[str, Any]
) -> None:
    Api(requests_mock, {1: text(*range(12))})
    result = read(EVENTS, state)
    assert users_of(result) == in_order(*range(12))
    assert result.states == [{"after": digest(in_order(*range(12))[-1]), "ids": "1"}, {}]


def test_lists_may_have_names_in_a_state(requests_mock: requests_mock.Mocker) -> None:
    Api(requests_mock, {1: text(1)})
    assert read(EVENTS, {"after": "ff" * 16, "lists": ["x", 1], "ids": "1"}).records != []


@one_at_a_time
def test_the_progress_of_the_users_is_shown(
    requests_mock: requests_mock.Mocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(user_events, "USERS_A_STATE", 2)
    Api(requests_mock, {1: text(1, 2, 3, 4)})
    shares: list[float | None] = []
    with a_context() as context:
        for _ in EVENTS.read(context, {}):
            shares.append(context.progress.stream("events").share)
    assert shares == [None, None, 0.5, 0.5, 1.0]


def test_responses_that_do_not_begin_are_waited_for_as_long_as_some_take(requests_mock: requests_mock.Mocker) -> None:
    Api(requests_mock, {1: text(1)})
    requests_mock.get(f"{ROOT}export/userEvents", exc=requests.ReadTimeout)
    assert "No response to GET export/userEvents within 600 seconds" in str(read(EVENTS).error)
    # The list of a million users takes more than an hour.
    requests_mock.get(f"{ROOT}lists/getUsers", exc=requests.ReadTimeout)
    assert "No response to GET lists/getUsers within 7200 seconds" in str(read(LIST_USERS).error)

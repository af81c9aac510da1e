"""The events of users: who is requested, what is believed, and what the next sync still has to read."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import requests_mock

from source_iterable.errors import Forbidden, TransientError
from source_iterable.streams import user_events
from source_iterable.streams.table import STREAMS
from unit_tests.contexts import ROOT, asked, query_of, read
from unit_tests.streams.test_lists import BROKEN, LIST_USERS, Api, digest, in_order, names, text, users_of

EVENTS = STREAMS["events"]


@pytest.fixture(autouse=True)
def _log_everything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def test_every_user_is_requested_once_in_the_order_of_the_digests(requests_mock: requests_mock.Mocker) -> None:
    api = Api(requests_mock, {2: text(1, 2, 3), 1: text(3, 4)})
    result = read(EVENTS)
    assert result.error is None
    assert users_of(result) == in_order(1, 2, 3, 4)
    assert sorted(api.users_asked()) == sorted(in_order(1, 2, 3, 4))
    assert {query["includeCustomEvents"] for query in asked(requests_mock, "export/userEvents")} == {"true"}
    # One batch for all, the state behind the last user, and then that of a completed sync.
    assert result.order == [4, {"after": digest(in_order(1, 2, 3, 4)[-1]), "ids": "1"}, {}]


def test_a_project_without_users_has_no_events(requests_mock: requests_mock.Mocker) -> None:
    Api(requests_mock, {1: ""})
    result = read(EVENTS)
    assert (result.order, result.error) == ([{}], None)


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


def test_many_events_are_more_than_one_batch(requests_mock: requests_mock.Mocker) -> None:
    order = in_order(1, 2, 3)
    line = json.dumps({"createdAt": "2024-01-02 03:04:05 +00:00", "eventName": "x", "t": "y" * 300_000}) + "\n"
    Api(requests_mock, {1: text(1, 2, 3)}, {order[0]: line, order[1]: line})
    # Half a megabyte is a batch.
    assert read(EVENTS).order[:2] == [2, 1]


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


def test_the_missing_users_are_all_read_before_any_is_done(
    requests_mock: requests_mock.Mocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(user_events, "USERS_A_STATE", 1)
    order = in_order(*range(6))
    Api(requests_mock, {1: text(*range(6))})
    state = {"after": digest(order[3]), "missing": [digest(order[0]), digest(order[1])], "ids": "1"}
    result = read(EVENTS, state)
    assert users_of(result) == [order[0], order[1], order[4], order[5]]
    assert result.states == [{"after": digest(order[4]), "ids": "1"}, {"after": digest(order[5]), "ids": "1"}, {}]


def test_the_users_of_a_list_that_could_not_be_read_are_read_by_the_next_sync(
    requests_mock: requests_mock.Mocker,
) -> None:
    api = Api(requests_mock, {1: text(1, 2, 3), 2: BROKEN, 3: text(3, 4)})
    first = read(EVENTS)
    assert users_of(first) == in_order(1, 2, 3, 4)
    last = digest(in_order(1, 2, 3, 4)[-1])
    assert first.states == [{"after": last, "lists": [2], "ids": "1"}]
    assert str(first.error).startswith("events is incomplete: 1 of its slices could not be read. list 2: ")
    # All users of that list are read then, wherever their digests are, and of the others only new ones.
    api.lists[2] = text(4, 5, 6, 7)
    second = read(EVENTS, first.states[0])
    assert second.error is None
    assert users_of(second) == in_order(4, 5, 6, 7)
    # Still broken: it stays in the state.
    api.lists[2] = BROKEN
    third = read(EVENTS, {"after": "ff" * 16, "lists": [2], "ids": "1"})
    assert third.error is not None
    assert third.records == []


def test_a_failure_that_is_no_lists_own_ends_the_stream_before_any_user(requests_mock: requests_mock.Mocker) -> None:
    api = Api(requests_mock, {1: text(1), 2: {"status": 403}})
    result = read(EVENTS)
    assert isinstance(result.error, Forbidden)
    assert result.order == []
    assert api.users_asked() == []


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


def test_the_progress_of_the_users_is_shown(
    requests_mock: requests_mock.Mocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    from unit_tests.contexts import a_context

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


def test_distinct_users_are_yielded_once_in_an_order_of_their_own() -> None:
    names = [f"user-{number}@example.com" for number in range(500)]

    def all_of(batches: Iterator[list[str]]) -> list[tuple[bytes, str]]:
        users = user_events.DistinctUsers()
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

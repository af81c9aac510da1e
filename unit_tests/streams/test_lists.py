"""The users of lists: which are requested, what is believed, and what the next sync still has to read."""

from __future__ import annotations

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from hashlib import blake2b
from typing import Any

import pytest
import requests_mock

from source_iterable.config import Config
from source_iterable.errors import TransientError
from source_iterable.reading.catch_up import ANY_RESPONSE
from source_iterable.records.batch import RecordBatch
from source_iterable.streams.lists import ListReader, ListUsers, identifiers_of, users_in
from source_iterable.streams.table import STREAMS
from unit_tests.contexts import ROOT, Read, a_config, a_context, asked, query_of, read

LIST_USERS, EVENTS = ListUsers(), STREAMS["events"]
BROKEN = {"status": 400, "code": "No", "msg": "no"}


class Api:
    """Lists and their members; a member's events. What is a dict answers with its `status`, `code` and `msg`."""

    def __init__(
        self, server: requests_mock.Mocker, lists: dict[int, Any], events: dict[str, Any] | None = None
    ) -> None:
        self.server = server
        self.lists = lists
        self.events = events or {}
        server.get(f"{ROOT}lists", json=lambda request, context: {"lists": [{"id": key} for key in self.lists]})
        server.get(f"{ROOT}lists/getUsers", text=self._users)
        server.get(f"{ROOT}export/userEvents", text=self._events)

    def _users(self, request: Any, context: Any) -> str:
        return self._answer(self.lists[int(query_of(request)["listId"])], context)

    def _events(self, request: Any, context: Any) -> str:
        query = query_of(request)
        user = query.get("email") or query["userId"]
        default = json.dumps({"createdAt": "2024-01-02 03:04:05 +00:00", "email": user, "eventName": "x"}) + "\n"
        return self._answer(self.events.get(user, default), context)

    @staticmethod
    def _answer(answer: Any, context: Any) -> str:
        if isinstance(answer, dict):
            context.status_code = answer["status"]
            return json.dumps(answer)
        return str(answer)

    def users_asked(self) -> list[str]:
        return [query["email"] for query in asked(self.server, "export/userEvents")]


def names(*numbers: int) -> list[str]:
    return [f"u{number}@example.com" for number in numbers]


def text(*numbers: int) -> str:
    return "".join(f"{name}\n" for name in names(*numbers))


def digest(name: str) -> str:
    return blake2b(name.encode(), digest_size=16).hexdigest()


def in_order(*numbers: int) -> list[str]:
    """The users in the order in which their events are read."""
    return sorted(names(*numbers), key=digest)


def users_of(result: Read) -> list[str]:
    return [record["email"] for record in result.records]


@pytest.fixture(autouse=True)
def _log_everything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


@pytest.mark.parametrize(
    ("project", "user", "possible"),
    [
        ("Email-based", "a@b.c", ("email",)),
        ("Email-based", "abc", ("email",)),
        ("UserID-based", "a@b.c", ("userId",)),
        ("UserID-based", "abc", ("userId",)),
        ("Hybrid", "a@b.c", ("email", "userId")),
        ("Hybrid", "abc", ("userId",)),
    ],
)
def test_what_an_identifier_may_be(
    requests_mock: requests_mock.Mocker, project: str, user: str, possible: tuple[str, ...]
) -> None:
    config: Config = a_config(project_type=project)
    assert identifiers_of(config, user) == possible
    Api(requests_mock, {7: f"{user}\nlast@home\n"})
    record, _ = read(LIST_USERS, project_type=project).records
    known = {possible[0]: user} if len(possible) == 1 else {}
    assert record == {"listId": 7, "userIdentifier": user, **known}
    (query,) = asked(requests_mock, "lists/getUsers")
    assert query == {"listId": "7", **({} if project == "Email-based" else {"preferUserId": "true"})}


def test_a_line_is_a_user_without_its_line_end() -> None:
    assert users_in(b"Xenia X\r\n\r") == ["Xenia X"]
    assert users_in("\ufeffa@b.c\r\n\n\r\nk\u00e4the\u2028 \r\nlast".encode()) == ["a@b.c", "k\u00e4the\u2028 ", "last"]


def test_every_list_is_read_and_a_completed_sync_starts_over(requests_mock: requests_mock.Mocker) -> None:
    Api(requests_mock, {2: text(1, 2), 1: text(2), 3: ""})
    result = read(LIST_USERS)
    assert result.error is None
    members = sorted((record["listId"], record["userIdentifier"]) for record in result.records)
    assert result.streams == {"list_users"}
    assert members == [(1, "u2@example.com"), (2, "u1@example.com"), (2, "u2@example.com")]
    assert result.states[-1] == {}


def test_an_interrupted_sync_reads_the_lists_that_are_left(requests_mock: requests_mock.Mocker) -> None:
    Api(requests_mock, {key: text(key) for key in range(1, 7)})
    result = read(LIST_USERS, {"after": 2, "done": [[5, 5]]})
    assert sorted(query["listId"] for query in asked(requests_mock, "lists/getUsers")) == ["3", "4", "6"]
    assert sorted(record["listId"] for record in result.records) == [3, 4, 6]


def test_a_list_that_is_gone_counts_as_done_and_one_that_is_broken_does_not(
    requests_mock: requests_mock.Mocker, caplog: pytest.LogCaptureFixture
) -> None:
    api = Api(requests_mock, {1: text(1), 2: BROKEN, 3: {"status": 404}, 4: text(4)})
    first = read(LIST_USERS)
    assert isinstance(first.error, TransientError)
    assert str(first.error).startswith("list_users is incomplete: 1 of its slices could not be read. list 2: Iterable")
    assert first.states[-1] == {"after": 1, "done": [[3, 4]]}
    assert "list_users: list 3 no longer exists; skipped." in caplog.messages
    api.lists[2] = text(2)
    second = read(LIST_USERS, first.states[-1])
    assert second.error is None
    assert [record["listId"] for record in second.records] == [2]


def test_a_list_that_is_no_list_of_users_is_not_believed(requests_mock: requests_mock.Mocker) -> None:
    Api(requests_mock, {1: "<html>Log in</html>"})
    result = read(LIST_USERS)
    assert result.records == []
    assert "The response holds no users but HTML or XML (tried 3 times)." in str(result.error)


@pytest.mark.parametrize(("project", "believed"), [("Email-based", False), ("UserID-based", True), ("Hybrid", True)])
def test_a_list_without_an_address_is_not_believed_where_users_have_addresses(
    requests_mock: requests_mock.Mocker, project: str, believed: bool
) -> None:
    Api(requests_mock, {1: "Sorry\n"})
    result = read(LIST_USERS, project_type=project)
    assert [record["userIdentifier"] for record in result.records] == (["Sorry"] if believed else [])
    assert ("none of its lines is an email address" in str(result.error)) != believed


def test_a_stream_that_gives_up_on_its_lists_does_not_hold_up_the_other_one(
    requests_mock: requests_mock.Mocker,
) -> None:
    Api(requests_mock, {key: f"user{key}@example.com\n" for key in range(1, 61)})
    with a_context() as context, ThreadPoolExecutor(1) as pool:
        context.barrier.expect({"list_users": ANY_RESPONSE, "events": ANY_RESPONSE})
        with closing(ListReader("events", context).users(list(range(1, 61)))) as given_up:
            next(given_up)
        reading = pool.submit(lambda: list(ListUsers().read(context, {})))
        try:
            assert sum(item.count for item in reading.result(60) if isinstance(item, RecordBatch)) == 60
        finally:
            context.client.stop()


def test_a_stream_that_resumes_keeps_no_list_that_it_has_read(requests_mock: requests_mock.Mocker) -> None:
    Api(requests_mock, {key: f"user{key}@example.com\n" for key in range(1, 61)})
    with a_context() as context, ThreadPoolExecutor(1) as pool:
        context.barrier.expect({"list_users": ANY_RESPONSE, "events": ANY_RESPONSE})
        resumed = ListUsers().read(context, {"after": 58})
        assert isinstance(next(resumed), RecordBatch)
        lists = ListReader("events", context)
        # It is not read on: only what it still wants may wait for it.
        reading = pool.submit(lambda: [part.close() for _, part in lists.users(list(range(1, 61))) if part])
        try:
            assert len(reading.result(60)) == 60
            assert not context.barrier._kept
        finally:
            context.client.stop()
            resumed.close()

"""Slices: what is skipped, what is left for the next sync, and what ends the stream."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import requests_mock

from source_iterable.api.client import IterableClient
from source_iterable.api.proof import must_hold_identifiers
from source_iterable.api.spooled import SpooledResponse
from source_iterable.config import Config
from source_iterable.errors import (
    ApiError,
    BadKey,
    ConfigError,
    Forbidden,
    LocalError,
    RateLimited,
    Stopped,
    TransientError,
)
from source_iterable.process.progress import STREAM
from source_iterable.reading import slices
from source_iterable.reading.slices import SliceReader, skipping
from source_iterable.reading.stream import StreamContext

URL = "https://api.iterable.com/api/lists/getUsers"
GENERIC: dict[str, Any] = {"status_code": 500, "json": {"code": "GenericError", "msg": "Please try again later."}}
BROKEN: dict[str, Any] = {"status_code": 502, "json": {"code": "BadGateway", "msg": "Out of order."}}


@pytest.fixture
def server() -> Iterator[requests_mock.Mocker]:
    with requests_mock.Mocker() as made:
        yield made


@pytest.fixture
def context() -> Iterator[StreamContext]:
    logger = logging.getLogger("airbyte")
    config = Config.parse({"api_key": "k", "start_date": "2024-01-01T00:00:00Z", "rate_limit_factor": 1e6})
    made = StreamContext(config, IterableClient(config, logger), logger)
    yield made
    made.close()


def a_reader(context: StreamContext, max_bytes: int = 100) -> SliceReader[int]:
    return SliceReader("list_users", context, 45.0, max_bytes, must_hold_identifiers, lambda number: f"list {number}")


def get(reader: SliceReader[int], *numbers: int) -> list[SpooledResponse | None]:
    """Read these slices, the first one by default, one after another."""

    def fetch(number: int) -> SpooledResponse:
        return reader.request("lists/getUsers", {"listId": 1})

    return [response for _, response in reader.read(numbers or (1,), fetch, 1)]


def told(caplog: pytest.LogCaptureFixture) -> str:
    return "\n".join(record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING)


def test_a_slice_is_the_whole_response(context: StreamContext, server: requests_mock.Mocker) -> None:
    server.get(URL, text="a@example.com\nb@example.com\n")
    reader = a_reader(context)
    (part,) = get(reader)
    assert part is not None
    assert b"".join(part.chunks()) == b"a@example.com\nb@example.com\n"
    assert server.request_history[-1].qs == {"listid": ["1"]}
    assert tuple(server.request_history[-1].timeout) == (30.0, 45.0)  # type: ignore[arg-type]
    reader.finish()


def test_a_slice_that_is_gone_is_skipped_and_not_counted(
    context: StreamContext, server: requests_mock.Mocker, caplog: pytest.LogCaptureFixture
) -> None:
    server.get(URL, status_code=404)
    reader = a_reader(context)
    assert get(reader, *range(30)) == [None] * 30
    assert reader.unread == {}
    reader.finish()
    assert server.call_count == 30
    assert "list_users: list 7 no longer exists; skipped." in told(caplog)
    assert "could not return" not in told(caplog)


@pytest.mark.parametrize(
    "response",
    [
        GENERIC,
        {"status_code": 500, "json": {"code": "Generic Error", "msg": "no"}},
        {"status_code": 503, "json": {"code": "", "msg": "Request timeout: too many users."}},
    ],
)
def test_a_slice_that_iterable_can_never_return_is_skipped(
    context: StreamContext, server: requests_mock.Mocker, caplog: pytest.LogCaptureFixture, response: dict[str, Any]
) -> None:
    server.get(URL, **response)
    reader = a_reader(context)
    assert get(reader, 1, 2) == [None, None]
    assert reader.unread == {}
    reader.finish()
    assert server.call_count == 6
    assert "list_users: list 1 skipped. Iterable answered GET" in told(caplog)
    assert "list_users: 2 skipped because Iterable could not return them" in told(caplog)


@pytest.mark.parametrize(
    "response",
    [
        BROKEN,
        {"status_code": 500, "json": {"code": "Other", "msg": "no"}},
        {"status_code": 502, "json": {"code": "GenericError", "msg": "no"}},
        {"status_code": 503, "json": {"code": "GenericError", "msg": "no"}},
        {"status_code": 500, "json": {"code": "", "msg": "Request timeout"}},
        {"status_code": 504, "json": {"code": "", "msg": "Request timeout"}},
        {"status_code": 503, "json": {"code": "", "msg": "Later."}},
        {"exc": requests.ConnectionError},
        {"text": "x" * 101},
        {"text": "<html>"},
        {"status_code": 400},
    ],
)
def test_any_other_failure_leaves_the_slice_to_the_next_sync(
    context: StreamContext, server: requests_mock.Mocker, caplog: pytest.LogCaptureFixture, response: dict[str, Any]
) -> None:
    server.get(URL, **response)
    reader = a_reader(context)
    assert get(reader) == [None]
    (unread,) = reader.unread.values()
    assert unread.startswith("list 1: ")
    assert "list_users: list 1 not read; the next sync will retry it. " in told(caplog)
    with pytest.raises(TransientError) as caught:
        reader.finish()
    assert str(caught.value) == (
        f"list_users is incomplete: 1 of its slices could not be read. {unread} The next sync will read what is missing."
    )
    assert "skipped because" not in told(caplog)


def test_a_response_that_does_not_begin_is_waited_for_as_long_as_the_stream_says(
    context: StreamContext, server: requests_mock.Mocker
) -> None:
    server.get(URL, exc=requests.ReadTimeout)
    reader = a_reader(context)
    get(reader)
    assert reader.unread[1] == "list 1: No response to GET lists/getUsers within 45 seconds (tried 3 times)."


def test_a_slice_may_be_as_large_as_its_bound(context: StreamContext, server: requests_mock.Mocker) -> None:
    server.get(URL, text="x" * 100)
    (part,) = get(a_reader(context))
    assert part is not None
    assert part.size == 100


@pytest.mark.parametrize(("count", "more"), [(3, ""), (4, "And 1 more."), (5, "And 2 more.")])
def test_the_error_names_three_slices_and_counts_the_others(
    context: StreamContext, server: requests_mock.Mocker, count: int, more: str
) -> None:
    server.get(URL, **BROKEN)
    reader = a_reader(context)
    get(reader, *range(1, count + 1))
    with pytest.raises(TransientError, match=f"incomplete: {count} of its slices") as caught:
        reader.finish()
    assert [f"list {number}:" in str(caught.value) for number in (1, 2, 3, 4)] == [True, True, True, False]
    assert ("And " in str(caught.value)) == bool(more)
    assert more in str(caught.value)
    assert str(caught.value).count(". list ") == 3


@pytest.mark.parametrize("failure", [GENERIC, BROKEN])
def test_ten_failures_in_a_row_end_the_stream(
    context: StreamContext, server: requests_mock.Mocker, failure: dict[str, Any]
) -> None:
    reader = a_reader(context)
    server.get(URL, **failure)
    get(reader, *range(9))
    server.get(URL, text="a@example.com\n")
    get(reader)
    server.get(URL, **failure)
    get(reader, *range(9))
    with pytest.raises(
        TransientError, match="10 consecutive requests failed, most recently for list 99. .* The next sync resumes"
    ):
        get(reader, 99)


def test_a_state_never_names_very_many_slices(
    context: StreamContext, server: requests_mock.Mocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However few of them fail in a row."""
    monkeypatch.setattr(slices, "MOST_UNREAD", 3)
    reader = a_reader(context)
    for key in (1, 2):
        server.get(URL, **BROKEN)
        get(reader, key)
        server.get(URL, text="a@example.com\n")
        get(reader, 10 + key)
    server.get(URL, **GENERIC)
    get(reader, 20)
    assert [*reader.unread] == [1, 2]
    server.get(URL, **BROKEN)
    with pytest.raises(
        TransientError, match=r"3 slices could not be read, most recently list 3\. .* The next sync resumes"
    ):
        get(reader, 3)


def test_a_missing_permission_a_bad_key_and_the_end_of_the_sync_are_no_fault_of_a_slice(
    context: StreamContext, server: requests_mock.Mocker
) -> None:
    reader = a_reader(context)
    for path in ("channels", "lists"):
        server.get(f"https://api.iterable.com/api/{path}", status_code=401)
    server.get(URL, status_code=403)
    with pytest.raises(Forbidden):
        get(reader)
    server.get(URL, status_code=401)
    with pytest.raises(BadKey):
        get(reader)
    context.client.stop()
    with pytest.raises(Stopped):
        get(reader)
    reader.finish()


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"status_code": 429, "headers": {"Retry-After": "7200"}}, RateLimited),
        ({"status_code": 429}, RateLimited),
        ({"status_code": 407}, ConfigError),
    ],
)
def test_the_rate_limit_and_a_proxy_are_no_fault_of_a_slice(
    context: StreamContext,
    server: requests_mock.Mocker,
    monkeypatch: pytest.MonkeyPatch,
    answer: dict[str, Any],
    kind: type[Exception],
) -> None:
    monkeypatch.setattr(context.client, "wait", lambda seconds: None)
    server.get(URL, **answer)
    reader = a_reader(context)
    with pytest.raises(kind):
        get(reader)
    reader.finish()


def test_a_full_machine_is_no_fault_of_a_slice(context: StreamContext, server: requests_mock.Mocker) -> None:
    broken = requests.ConnectionError("x")
    broken.__cause__ = OSError(28, "No space left on device")
    server.get(URL, exc=broken)
    reader = a_reader(context)
    with pytest.raises(LocalError):
        get(reader)
    reader.finish()


def test_what_is_gone_is_skipped_with_a_warning_and_counted(
    context: StreamContext, server: requests_mock.Mocker, caplog: pytest.LogCaptureFixture
) -> None:
    server.get(URL, status_code=404)
    token = STREAM.set("list_users")
    with skipping(context, "list_users", "list 7"):
        context.client.get_json("lists/getUsers")
    get(a_reader(context))
    STREAM.reset(token)
    assert told(caplog).splitlines() == [f"list_users: list {number} no longer exists; skipped." for number in (7, 1)]
    assert context.progress.stream("list_users").counts["skipped"] == 2


@pytest.mark.parametrize(
    ("permanent", "answer"), [(True, {"status_code": 404}), (True, BROKEN), (False, GENERIC), (False, BROKEN)]
)
def test_what_iterable_does_not_rule_out_is_not_skipped(
    context: StreamContext, server: requests_mock.Mocker, permanent: bool, answer: dict[str, Any]
) -> None:
    server.get(URL, **answer)
    with pytest.raises(ApiError), skipping(context, "list_users", "list 7", permanent):
        context.client.get_json("lists/getUsers")

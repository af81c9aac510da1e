"""The streaming transport: one response a window, and a guess of how large one is."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import requests
import requests_mock

from source_iterable.api.client import IterableClient
from source_iterable.api.rate_budget import NotYet
from source_iterable.api.spooled import SpooledResponse
from source_iterable.config import Config
from source_iterable.errors import BadRequest, EndUnknown, Forbidden, NotFound, WindowFailed
from source_iterable.exports import streaming
from source_iterable.exports.streaming import StreamingTransport, expected_bytes
from source_iterable.exports.windows import DAY, Window
from source_iterable.reading.export_stream import EventStream
from unit_tests import contexts
from unit_tests.contexts import answering

LOGGER = logging.getLogger("airbyte")


WINDOW = Window(1_700_000_000, 1_700_003_600)


DATA = "https://api.iterable.com/api/export/data.json"


@pytest.fixture
def client() -> Iterator[IterableClient]:
    config = Config.parse({"api_key": "k", "start_date": "2024-01-01T00:00:00Z", "rate_limit_factor": 1e6})
    made = IterableClient(config, LOGGER)
    yield made
    made.stop()


def lines(parts: Iterator[SpooledResponse]) -> list[bytes]:
    return [b"".join(part.chunks()) for part in parts]


def never(seconds: float) -> bool:
    return False


def stream(client: IterableClient, max_bytes: int = 100) -> list[bytes]:
    transport = StreamingTransport(client)
    transport.max_bytes = max_bytes
    read = transport.try_acquire()
    assert not isinstance(read, NotYet)
    return lines(read("emailSend", WINDOW, never))


def test_a_streamed_window_is_one_request(client: IterableClient) -> None:
    with requests_mock.Mocker() as server:
        server.get(DATA, text='{"id": 1}\n')
        assert stream(client) == [b'{"id": 1}\n']
        (request,) = server.request_history
    assert contexts.query_of(request) == {
        "dataTypeName": "emailSend",
        "startDateTime": "2023-11-14 22:13:20 +00:00",
        "endDateTime": "2023-11-14 23:13:20 +00:00",
    }
    assert tuple(request.timeout) == (30.0, 300.0)


@pytest.mark.parametrize(
    ("response", "told", "expected_bytes", "requests_made"),
    [
        ({"text": '{"id": 1}\n' * 11}, "over 100 bytes", 110, 1),
        ({"text": '{"id": 1}\n{"id"'}, "last line is cut", 0, 1),
        ({"text": "<html>\n"}, "no records but HTML", 0, 1),
        ({"exc": requests.ReadTimeout}, "within 300 seconds", 0, 1),
        ({"exc": requests.ConnectionError}, "tried 3 times", 0, 3),
        ({"status_code": 502}, "502", 0, 3),
    ],
)
def test_a_streamed_window_that_fails_is_to_be_read_in_parts(
    client: IterableClient, response: dict[str, Any], told: str, expected_bytes: int, requests_made: int
) -> None:
    with requests_mock.Mocker() as server:
        server.get(DATA, **response)
        with pytest.raises(WindowFailed, match=told) as caught:
            stream(client)
        assert server.call_count == requests_made
    assert caught.value.expected_bytes == expected_bytes


@pytest.mark.parametrize(("status", "kind"), [(400, BadRequest), (403, Forbidden), (404, NotFound)])
def test_a_refused_window_is_not_to_be_read_in_parts(
    client: IterableClient, status: int, kind: type[Exception]
) -> None:
    with requests_mock.Mocker() as server:
        server.get(DATA, status_code=status)
        with pytest.raises(kind):
            stream(client)
        assert server.call_count == 1


def test_four_windows_are_streamed_a_minute() -> None:
    config = Config.parse({"api_key": "k", "start_date": "2024-01-01T00:00:00Z"})
    transport = StreamingTransport(IterableClient(config, LOGGER))
    assert (transport.within(0), transport.within(61)) == (4, 8)
    assert [isinstance(transport.try_acquire(), NotYet) for _ in range(5)] == [False] * 4 + [True]
    assert (transport.within(0), transport.within(63)) == (0, 4)
    assert transport.max_bytes == 268_435_456


def test_it_learns_how_long_its_windows_take(client: IterableClient, monkeypatch: pytest.MonkeyPatch) -> None:
    transport = StreamingTransport(client)
    now = 100.0
    monkeypatch.setattr(streaming.time, "monotonic", lambda: now)

    def text(request: Any, context: Any) -> str:
        nonlocal now
        now += 7.5
        return '{"id": 1}\n'

    with requests_mock.Mocker() as server:
        server.get(DATA, text=text)
        read = transport.try_acquire()
        assert not isinstance(read, NotYet)
        list(read("emailSend", WINDOW, never))
    assert transport.durations.expected(0) == 7.5
    assert transport.durations.last == {"emailSend": (10, 7.5)}


def test_a_broken_window_is_read_in_parts() -> None:
    line = '{"createdAt": "2024-01-02 03:04:05 +00:00"}\n'
    with requests_mock.Mocker() as server:
        server.get(DATA, [{"text": "<html>\n"}, {"text": line}, {"text": line}])
        stream = EventStream("email_send", "emailSend")
        result = contexts.read(stream, export_method="streaming", end_date="2024-01-05T00:00:00Z")
        asked = contexts.asked(server, "export/data.json")
    assert result.error is None
    windows = [(query["startDateTime"][8:10], query["endDateTime"][8:10]) for query in asked]
    assert windows == [("01", "05"), ("01", "03"), ("03", "05")]
    assert [state["createdAt"][:10] for state in result.states] == ["2024-01-03", "2024-01-05"]
    assert result.streams == {"email_send"}


def test_a_window_whose_end_nothing_proves_is_tried_three_times_and_never_halved() -> None:
    raw = b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"createdAt": "2024-01-02 03:04:05 +00:00"}\n'
    with (
        answering(raw) as (root, received),
        contexts.a_context(api_base_url=root, export_method="streaming", end_date="2024-01-05T00:00:00Z") as context,
    ):
        result = contexts.gather(EventStream("email_send", "emailSend").read(context, {}))
    assert type(result.error) is EndUnknown
    assert result.error.failure == "transient_error"
    assert "has no length: the connection may" in str(result.error)
    assert str(result.error).endswith("(tried 3 times).")
    assert len({request.partition(b" HTTP")[0] for request in received}) == 1, "the same window"
    assert (len(received), result.records, result.states) == (3, [], [])


# guesses of a window's size


START = datetime(2024, 5, 1, tzinfo=timezone.utc)


TEN_DAYS = Window(int(START.timestamp()), int(START.timestamp()) + 10 * DAY)


def lines_at(*hours: float, field: str = "createdAt") -> bytes:
    times = [(START + timedelta(hours=each)).strftime("%Y-%m-%d %H:%M:%S +00:00") for each in hours]
    return (
        b'42,"x":1}\n' + b"".join(b'{"a":1,"%b":"%b"}\n' % (field.encode(), time.encode()) for time in times) + b'{"a'
    )


@pytest.mark.parametrize("field", ["createdAt", "profileUpdatedAt"])
def test_a_response_that_came_to_the_first_day_of_ten_is_a_tenth(field: str) -> None:
    assert expected_bytes(TEN_DAYS, 1000, lines_at(0, 1, 2, field=field), lines_at(22, 23, 24, field=field)) == 10_000


def test_lines_out_of_order_tell_nothing() -> None:
    assert expected_bytes(TEN_DAYS, 1000, lines_at(0, 1, 30), lines_at(22, 23, 24)) == 1000
    assert expected_bytes(TEN_DAYS, 1000, lines_at(0, 1, 2), lines_at(22, 24, 23)) == 1000


def test_a_few_times_of_large_records_tell_nothing() -> None:
    assert expected_bytes(TEN_DAYS, 1000, lines_at(0, 1), lines_at(22, 23, 24)) == 1000


@pytest.mark.parametrize(
    "tail",
    [b"", b'{"createdAt":"soon"}\n', b'{"createdAt":"\xff"}\n', lines_at(*range(-9, -1)), lines_at(*range(260, 270))],
)
def test_what_makes_no_sense_tells_nothing(tail: bytes) -> None:
    assert expected_bytes(TEN_DAYS, 1000, b"", tail) == 1000


def test_a_guess_is_bounded() -> None:
    assert expected_bytes(TEN_DAYS, 1000, lines_at(0, 0, 0), lines_at(0, 0, 0.001)) == 64_000

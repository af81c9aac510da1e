"""Windows that cannot be read whole are read in parts, and what fails ends its stream."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest

from source_iterable.api.client import IterableClient
from source_iterable.api.spooled import SpooledResponse
from source_iterable.config import Config
from source_iterable.errors import JobFailed, TransientError, WindowFailed
from source_iterable.exports import choice
from source_iterable.exports.reader import ExportReader
from source_iterable.exports.windows import UNIT_BYTES, Window, WindowPlan
from unit_tests.exports.fakes import FakeTransport
from unit_tests.exports.windows_read import DAY, assert_tiles, opening, part, windows_of


def test_a_failed_window_is_read_in_parts_down_to_one_second(
    reader: ExportReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Window] = []
    broken = True

    def opened(data_type: str, window: Window) -> Iterator[SpooledResponse]:
        tried.append(window)
        if broken and window.start <= 1000 < window.end:
            raise WindowFailed("The response broke off.")
        return iter([part(window)])

    opening(reader, monkeypatch, opened)
    with pytest.raises(TransientError, match=r"broke off \(tried 3 times\)"):
        list(windows_of(reader.read("emailSend", WindowPlan(0, DAY))))
    assert [(window.start, window.seconds) for window in tried[-3:]] == [(1000, 1)] * 3
    broken = False
    assert_tiles(list(windows_of(reader.read("emailSend", WindowPlan(0, DAY)))), 0, DAY)


def test_a_failed_job_is_retried_once_before_its_window_is_read_in_parts(
    reader: ExportReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Window] = []

    def opened(data_type: str, window: Window) -> Iterator[SpooledResponse]:
        tried.append(window)
        if window.seconds == DAY:
            raise JobFailed("Iterable ended export job 7 as failed.")
        return iter([part(window)])

    opening(reader, monkeypatch, opened)
    list(windows_of(reader.read("emailSend", WindowPlan(0, DAY))))
    assert [window.seconds for window in tried] == [DAY, DAY, DAY // 2, DAY // 2]


def test_a_part_that_is_expected_to_be_too_large_is_not_tried(
    reader: ExportReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Window] = []

    def opened(data_type: str, window: Window) -> Iterator[SpooledResponse]:
        assert data_type == "emailSend"
        tried.append(window)
        if window.seconds == DAY:
            raise WindowFailed("It broke.")
        return iter([part(window)])

    opening(reader, monkeypatch, opened)
    monkeypatch.setattr(reader._choice, "is_too_large", lambda data_type, window: window.seconds > DAY // 4)
    assert_tiles(list(windows_of(reader.read("emailSend", WindowPlan(0, DAY)))), 0, DAY)
    assert [(window.start, window.seconds) for window in tried[1:]] == [(n * DAY // 4, DAY // 4) for n in range(4)]
    # A second has no parts, whatever is expected of it.
    monkeypatch.setattr(reader._choice, "is_too_large", lambda data_type, window: True)
    tried.clear()
    list(windows_of(reader.read("emailSend", WindowPlan(0, 1))))
    assert [(window.start, window.seconds) for window in tried] == [(0, 1)]


def test_a_window_that_is_far_too_large_is_cut_again_and_the_rest_is_opened_with_it(
    reader: ExportReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Window] = []

    def opened(data_type: str, window: Window) -> Iterator[SpooledResponse]:
        tried.append(window)
        if window == Window(0, 31 * DAY):
            raise WindowFailed("The response is over 256 MB.", expected_bytes=31 * UNIT_BYTES // 8)
        return iter([SpooledResponse(io.BytesIO(b""), window.seconds * UNIT_BYTES // (8 * DAY))])

    opening(reader, monkeypatch, opened)
    assert_tiles(list(windows_of(reader.read("emailSend", WindowPlan(0, 62 * DAY)))), 0, 62 * DAY)
    assert sorted(tried)[0].seconds == 8 * DAY
    assert {window.seconds // DAY for window in tried[1:]} <= {8, 7, 6}


def test_parts_expect_what_the_failed_window_had_and_the_rest_what_the_first_one_has(
    reader: ExportReader, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tried: list[Window] = []

    def opened(data_type: str, window: Window) -> Iterator[SpooledResponse]:
        tried.append(window)
        if window.seconds == 4000:
            raise WindowFailed("Too much.", expected_bytes=1000)
        if window.seconds == 2000 and window.start == 0:
            raise WindowFailed("Broken.")
        return iter([part(window), part(window)])

    caplog.set_level(logging.INFO)
    opening(reader, monkeypatch, opened)
    list(windows_of(reader.read("emailSend", WindowPlan(0, 4000))))
    assert tried == [
        Window(0, 4000),
        Window(0, 2000, 500),
        Window(0, 1000, 250),
        Window(1000, 2000, 2000),  # two bytes a second, as in the one before
        Window(2000, 4000, 4000),
    ]
    assert caplog.messages == [
        "Reading emailSend, 1970-01-01T00:00:00+00:00 to 1970-01-01T01:06:40+00:00, in smaller windows: Too much.",
        "Reading emailSend, 1970-01-01T00:00:00+00:00 to 1970-01-01T00:33:20+00:00, in smaller windows: Broken.",
    ]


def test_windows_that_fail_one_after_the_other_end_the_stream(
    reader: ExportReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Window] = []

    def opened(data_type: str, window: Window) -> Iterator[SpooledResponse]:
        tried.append(window)
        # One success before them, and one after 59 failures.
        if len(tried) in (1, 61):
            return iter([part(window)])
        raise WindowFailed("It broke.")

    opening(reader, monkeypatch, opened)
    for start in range(100):
        try:
            list(windows_of(reader.read("emailSend", WindowPlan(start, start + 1))))
        except TransientError as error:
            if "not working" in str(error):
                told = str(error)
                break
    assert len(tried) == 61 + 60
    assert told.startswith(
        "Iterable's export API is not working: 60 consecutive windows failed, most recently emailSend, 1970-01-01T00:00:"
    )
    assert told.endswith(": It broke.")


def test_the_shortest_window_says_what_failed_and_what_is_next(
    reader: ExportReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []

    def opened(data_type: str, window: Window) -> Iterator[SpooledResponse]:
        tried.append(window.seconds)
        raise JobFailed("It broke.")

    opening(reader, monkeypatch, opened)
    with pytest.raises(TransientError) as caught:
        list(windows_of(reader.read("emailSend", WindowPlan(0, 2))))
    assert str(caught.value) == (
        "Iterable's export of emailSend, 1970-01-01T00:00:00+00:00 to 1970-01-01T00:00:01+00:00, failed: It broke (tried 3 "
        "times). The next sync will retry it."
    )
    assert tried == [2, 2, 1, 1, 1]


def test_the_shortest_window_that_is_too_large_for_one_transport_is_read_by_another(
    client: IterableClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    small, large = FakeTransport("small"), FakeTransport("large", seconds=100.0)
    small.max_bytes = 100
    small.failures["users"] = WindowFailed("It is too large.", 200)
    monkeypatch.setattr(choice, "TRANSPORTS", [lambda *_: small, lambda *_: large])
    monkeypatch.setattr(client, "pace", 0.0)
    config = Config.parse({"api_key": "k", "start_date": "2024-01-01T00:00:00Z"})
    reader = ExportReader(client, config, logging.getLogger("airbyte"))
    assert list(windows_of(reader.read("users", WindowPlan(0, 1)))) == [Window(0, 1, 200)]
    assert large.windows == [Window(0, 1, 200)]
    reader.close()


def test_a_window_that_was_read_in_parts_counts_as_a_whole(
    reader: ExportReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Window] = []

    def opened(data_type: str, window: Window) -> Iterator[SpooledResponse]:
        tried.append(window)
        if window.seconds == 31 * DAY and window.start == 0:
            raise WindowFailed("It broke.")
        return iter([SpooledResponse(io.BytesIO(b""), 2**26 if window.start < 31 * DAY else 0)])

    opening(reader, monkeypatch, opened)
    list(windows_of(reader.read("emailSend", WindowPlan(0, 62 * DAY))))
    # Two halves of 64 MB each: the next window is as long as both, and expected to be as large.
    assert tried[-1] == Window(31 * DAY, 62 * DAY, 2**27)

"""Windows are opened ahead and yielded in time order, whatever happens to each."""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Callable, Iterator

import pytest

from source_iterable.api.client import IterableClient
from source_iterable.api.parts import Part
from source_iterable.config import Config
from source_iterable.errors import IterableError, JobFailed, TransientError, WindowFailed
from source_iterable.exports.reader import ExportReader
from source_iterable.exports.windows import Window, WindowPlan

DAY = 86_400
Open = Callable[[str, Window], Iterator[Part]]


@pytest.fixture
def reader() -> Iterator[ExportReader]:
    logger = logging.getLogger("airbyte")
    config = Config.parse({"api_key": "k", "start_date": "2024-01-01T00:00:00Z", "rate_limit_factor": 100_000})
    made = ExportReader(IterableClient(config, logger), config, logger)
    yield made
    made.close()


def opening(reader: ExportReader, monkeypatch: pytest.MonkeyPatch, opened: Open) -> None:
    monkeypatch.setattr(reader._choice, "open", opened)


def part(window: Window) -> Part:
    """A byte a second, up to a megabyte."""
    content = b"x" * min(window.seconds, 2**20)
    return Part(io.BytesIO(content), len(content))


def windows_of(pieces: Iterator[tuple[Window, Iterator[Part]]]) -> Iterator[Window]:
    for window, parts in pieces:
        list(parts)
        yield window


def assert_tiles(windows: list[Window], start: int, end: int) -> None:
    assert windows[0].start == start
    assert windows[-1].end == end
    assert all(earlier.end == later.start for earlier, later in zip(windows, windows[1:], strict=False))


def test_windows_are_yielded_in_time_order_even_if_later_ones_open_first(
    reader: ExportReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    later_opened = threading.Event()

    def opened(data_type: str, window: Window) -> Iterator[Part]:
        if window.start == 31 * DAY:  # the second one: the first to be opened alongside others
            assert later_opened.wait(10)
        elif window.start > 31 * DAY:
            later_opened.set()
        return iter([part(window)])

    opening(reader, monkeypatch, opened)
    windows = list(windows_of(reader.read("emailSend", WindowPlan(0, 4000 * DAY))))
    assert len(windows) > 4
    assert_tiles(windows, 0, 4000 * DAY)


def test_nothing_is_yielded_after_a_failed_window(reader: ExportReader, monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(data_type: str, window: Window) -> Iterator[Part]:
        if window.start <= 900 * DAY < window.end:
            raise IterableError("no")
        return iter([part(window)])

    opening(reader, monkeypatch, opened)
    read: list[Window] = []
    with pytest.raises(IterableError, match="no"):
        for window in windows_of(reader.read("emailSend", WindowPlan(0, 4000 * DAY))):
            read.append(window)
    assert_tiles(read, 0, read[-1].end)
    assert read[-1].end <= 900 * DAY


def test_a_failed_window_is_halved_down_to_one_second(reader: ExportReader, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[Window] = []
    broken = True

    def opened(data_type: str, window: Window) -> Iterator[Part]:
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


def test_a_failed_job_is_retried_once_before_its_window_is_halved(
    reader: ExportReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Window] = []

    def opened(data_type: str, window: Window) -> Iterator[Part]:
        tried.append(window)
        if window.seconds == DAY:
            raise JobFailed("Iterable ended export job 7 as failed.")
        return iter([part(window)])

    opening(reader, monkeypatch, opened)
    list(windows_of(reader.read("emailSend", WindowPlan(0, DAY))))
    assert [window.seconds for window in tried] == [DAY, DAY, DAY // 2, DAY // 2]


def test_failures_are_counted_until_a_window_succeeds(reader: ExportReader, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[Window] = []

    def fails_but(each: int) -> Open:
        def opened(data_type: str, window: Window) -> Iterator[Part]:
            tried.append(window)
            if len(tried) % each:
                raise WindowFailed("The response broke off.")
            return iter([part(window)])

        return opened

    # Every second window works: 200 failures, but never two in a row.
    opening(reader, monkeypatch, fails_but(2))
    for start in range(200):
        list(windows_of(reader.read("emailSend", WindowPlan(start * DAY, (start + 1) * DAY))))
    tried.clear()
    opening(reader, monkeypatch, fails_but(10**6))
    for start in range(200):
        with pytest.raises(TransientError) as caught:
            list(windows_of(reader.read("emailSend", WindowPlan(start, start + 2))))
        if "60 windows in a row" in str(caught.value):
            break
    assert len(tried) == 60


def test_many_streams_open_no_more_windows_ahead_than_there_are_threads(
    reader: ExportReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: set[Window] = set()
    lock = threading.Lock()

    def opened(data_type: str, window: Window) -> Iterator[Part]:
        with lock:
            held.add(window)
        return iter([part(window)])

    opening(reader, monkeypatch, opened)
    readings = [reader.read(f"type {number}", WindowPlan(number, 4000 * DAY)) for number in range(20)]
    for reading in readings:
        window, parts = next(reading)
        list(parts)  # consumed, so that the next windows of this stream are opened
    for reading in readings:
        next(reading)
    with lock:
        # Each stream has read one window and holds another; 8 more are open ahead across all streams.
        assert len(held) <= 20 + 20 + 8
    for reading in readings:
        reading.close()
    # The slots are free again.
    assert len(list(windows_of(reader.read("emailSend", WindowPlan(0, 4000 * DAY))))) > 4

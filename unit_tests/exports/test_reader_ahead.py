"""Windows are opened ahead and yielded in time order, whatever happens to each."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator

import pytest

from source_iterable.api.spooled import SpooledResponse
from source_iterable.errors import IterableError
from source_iterable.exports.demand import Opening
from source_iterable.exports.reader import ExportReader, SubWindow
from source_iterable.exports.windows import UNIT_BYTES, Window, WindowPlan
from unit_tests.exports.windows_read import DAY, assert_tiles, opening, part, windows_of


def test_windows_are_yielded_in_time_order_even_if_later_ones_open_first(
    reader: ExportReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    later_opened = threading.Event()

    def opened(data_type: str, window: Window) -> Iterator[SpooledResponse]:
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
    def opened(data_type: str, window: Window) -> Iterator[SpooledResponse]:
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


def test_what_is_on_disk_bounds_the_windows_of_many_streams(
    reader: ExportReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    (transport,) = reader._choice.transports
    transport.spool_bytes = 150 * 10**6
    opened: list[Window] = []

    def open_it(data_type: str, window: Window) -> Iterator[SpooledResponse]:
        opened.append(window)
        return iter([SpooledResponse(io.BytesIO(b""), 10**8 * window.seconds // DAY)])

    opening(reader, monkeypatch, open_it)
    plans = [WindowPlan(number, 4000 * DAY, 10**8 / DAY) for number in range(5)]
    readings = [reader.read(f"type {number}", plan) for number, plan in enumerate(plans)]
    first = next(readings[0])
    # 150 MB each: five of them are 750 MB, and the rest of a gigabyte is for transports that take less.
    assert reader._choice.windows.usable.all == [transport]
    while len(opened) < 5:
        pass
    list(first)
    next(readings[0])
    while len(opened) < 6:
        pass
    assert len(opened) == 6, "another one for each that was read"
    for reading in readings:
        reading.close()
    assert reader._choice.windows._demands == {}


def test_windows_are_sized_by_what_was_read(reader: ExportReader, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[Window] = []

    def opened(data_type: str, window: Window) -> Iterator[SpooledResponse]:
        tried.append(window)
        content = SpooledResponse(io.BytesIO(b""), UNIT_BYTES) if window.start == 0 else part(window)
        return iter([content])

    opening(reader, monkeypatch, opened)
    list(windows_of(reader.read("emailSend", WindowPlan(0, 93 * DAY))))
    # It was as large as a window should be: the next ones are as long, and expected to be as large.
    assert sorted((window.start // DAY, window.seconds // DAY) for window in tried)[:2] == [(0, 31), (31, 31)]
    assert sorted(tried)[1].expected_bytes == UNIT_BYTES


def test_twelve_windows_of_a_stream_are_opened_at_a_time(reader: ExportReader, monkeypatch: pytest.MonkeyPatch) -> None:
    opened_ahead: list[int] = []
    opened_one = threading.Semaphore(0)

    def opened(data_type: str, window: Window) -> Iterator[SpooledResponse]:
        opened_ahead.append(window.start)
        opened_one.release()
        return iter([SpooledResponse(io.BytesIO(b""), UNIT_BYTES * window.seconds // (31 * DAY))])

    opening(reader, monkeypatch, opened)
    reading = reader.read("emailSend", WindowPlan(0, 620 * DAY))
    for _ in range(2):
        list(next(reading))
    # The first window alone, then the second with eleven more ahead of it.
    for _ in range(13):
        assert opened_one.acquire(timeout=10)
    assert not opened_one.acquire(blocking=False)
    assert sorted(opened_ahead) == [number * 31 * DAY for number in range(13)]
    reading.close()


def test_windows_that_were_opened_ahead_are_closed_with_their_stream(
    reader: ExportReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = threading.Semaphore(0)
    ready = threading.Semaphore(0)

    def sub_windows(data_type: str, plan: WindowPlan, opening: Opening) -> Iterator[SubWindow]:
        try:
            ready.release()
            yield SubWindow(opening.window, iter(()))
            plan.learn(opening.window, UNIT_BYTES)
        finally:
            closed.release()

    monkeypatch.setattr(reader, "_sub_windows", sub_windows)
    reading = reader.read("emailSend", WindowPlan(0, 310 * DAY))
    next(reading)
    next(reading)
    for _ in range(5):
        assert ready.acquire(timeout=10)
    reading.close()
    for _ in range(5):
        assert closed.acquire(timeout=10)


def test_the_end_of_a_sync_does_not_wait_for_windows(reader: ExportReader, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, release = threading.Event(), threading.Event()

    def opened(data_type: str, window: Window) -> Iterator[SpooledResponse]:
        if window.start > 31 * DAY:
            begun.set()
            assert release.wait(10)
        return iter([part(window)])

    opening(reader, monkeypatch, opened)
    reading = reader.read("emailSend", WindowPlan(0, 4000 * DAY))
    for _ in range(2):
        list(next(reading))
    assert begun.wait(10)
    closing = threading.Thread(target=reader.close, daemon=True)
    closing.start()
    closing.join(5)
    assert not closing.is_alive()
    release.set()
    reading.close()


def test_a_stream_does_not_end_while_its_last_window_is_being_opened(
    reader: ExportReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening(reader, monkeypatch, lambda data_type, window: iter([part(window)]))
    was_cut = threading.Event()
    read: list[Window] = []

    class Plan(WindowPlan):
        @property
        def left(self) -> bool:
            # The stream looks just after the window was cut, if anything lets it.
            if threading.current_thread() is thread:
                was_cut.wait(0.1)
            return super().left

        def cut(self, size: int) -> Window:
            window = super().cut(size)
            was_cut.set()
            thread.join(0.1)
            return window

    thread = threading.Thread(target=lambda: read.extend(windows_of(reader.read("emailSend", Plan(0, DAY)))))
    thread.start()
    thread.join(10)
    assert read == [Window(0, DAY)]

"""Windows are opened ahead and yielded in time order, whatever happens to each."""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Callable, Iterator

import pytest

from source_iterable.api.client import IterableClient
from source_iterable.api.spooled import SpooledResponse
from source_iterable.config import Config
from source_iterable.errors import IterableError, JobFailed, TransientError, WindowFailed
from source_iterable.exports import choice
from source_iterable.exports.demand import Opening
from source_iterable.exports.reader import ExportReader, SubWindow
from source_iterable.exports.windows import UNIT_BYTES, Window, WindowPlan
from unit_tests.exports.fakes import FakeTransport

DAY = 86_400
Open = Callable[[str, Window], Iterator[SpooledResponse]]


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[ExportReader]:
    transport = FakeTransport("fake")
    transport.spool_bytes = 0
    monkeypatch.setattr(choice, "TRANSPORTS", [lambda *_: transport])
    logger = logging.getLogger("airbyte")
    config = Config.parse({"api_key": "k", "start_date": "2024-01-01T00:00:00Z", "rate_limit_factor": 100_000})
    client = IterableClient(config, logger)
    made = ExportReader(client, config, logger)
    yield made
    client.stop()
    made.close()


def opening(reader: ExportReader, monkeypatch: pytest.MonkeyPatch, opened: Open) -> None:
    monkeypatch.setattr(reader._choice, "open", lambda data_type, window, _=None: opened(data_type, window))


def part(window: Window) -> SpooledResponse:
    """A byte a second, up to a megabyte."""
    content = b"x" * min(window.seconds, 2**20)
    return SpooledResponse(io.BytesIO(content), len(content))


def windows_of(sub_windows: Iterator[SubWindow]) -> Iterator[Window]:
    for each in sub_windows:
        list(each)
        yield each.window


def assert_tiles(windows: list[Window], start: int, end: int) -> None:
    assert windows[0].start == start
    assert windows[-1].end == end
    assert all(earlier.end == later.start for earlier, later in zip(windows, windows[1:], strict=False))


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

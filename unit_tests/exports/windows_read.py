"""Windows that are read by a fake transport, and what was read."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

import pytest

from source_iterable.api.spooled import SpooledResponse
from source_iterable.exports.reader import ExportReader, SubWindow
from source_iterable.exports.windows import Window

DAY = 86_400
Open = Callable[[str, Window], Iterator[SpooledResponse]]


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

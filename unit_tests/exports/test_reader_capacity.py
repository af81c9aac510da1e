"""A stream that ends early gives back all that its windows have taken."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

import pytest

from source_iterable.api.client import IterableClient
from source_iterable.api.spooled import SpooledResponse
from source_iterable.exports import choice
from source_iterable.exports import reader as reading
from source_iterable.exports.reader import ExportReader
from source_iterable.exports.transport import Elsewhere
from source_iterable.exports.windows import UNIT_BYTES, Window, WindowPlan
from unit_tests.contexts import a_config
from unit_tests.exports.fakes import FakeTransport


class Slots(FakeTransport):
    """Reads the first window at once, and the others when they are `let`; `freed` counts the windows that were."""

    def __init__(self) -> None:
        super().__init__("slots", free=4)
        self.let = threading.Event()
        self.freed = threading.Semaphore(0)

    def _read(self, data_type: str, window: Window, elsewhere: Elsewhere) -> Iterator[SpooledResponse]:
        try:
            assert window.start == 0 or self.let.wait(10)
        finally:
            self.freed.release()
        yield from super()._read(data_type, window, elsewhere)


def test_windows_that_were_given_to_a_stream_that_ends_free_their_transport(
    client: IterableClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    transport = Slots()
    monkeypatch.setattr(choice, "TRANSPORTS", [lambda *_: transport])
    monkeypatch.setattr(reading, "THREADS", 1)
    reader = ExportReader(client, a_config(), logging.getLogger("airbyte"))
    windows = reader.read("emailSend", WindowPlan(0, 1000, UNIT_BYTES / 10))
    next(windows)
    # One is being read, and no thread has begun to read the others.
    windows.close()  # type: ignore[attr-defined]
    transport.let.set()
    for _ in range(4):
        assert transport.freed.acquire(timeout=10)
    client.stop()
    reader.close()

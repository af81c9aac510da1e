"""Which transport reads a window."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

import pytest

from source_iterable.api.client import IterableClient
from source_iterable.api.rate_budget import NotYet, Permit, RateBudget
from source_iterable.api.spooled import SpooledResponse
from source_iterable.config import Config
from source_iterable.errors import Forbidden
from source_iterable.exports import choice
from source_iterable.exports.choice import TransportChoice
from source_iterable.exports.jobs import JobsTransport
from source_iterable.exports.streaming import StreamingTransport
from source_iterable.exports.windows import Window

DAY = 86_400
SMALL, LARGE = Window(0, 3600), Window(0, 400 * DAY)
LOGGER = logging.getLogger("airbyte")


@pytest.fixture
def client() -> Iterator[IterableClient]:
    config = Config.parse({"api_key": "k", "start_date": "2024-01-01T00:00:00Z", "rate_limit_factor": 100_000})
    made = IterableClient(config, LOGGER)
    yield made
    made.stop()


@pytest.mark.parametrize(
    ("window", "streamed"),
    [
        (Window(0, 8 * DAY), True),
        (Window(0, 8 * DAY + 1), False),
        (Window(0, 80 * DAY, 1000), True),
        (Window(0, 60, 64 * 2**20), True),
        (Window(0, 60, 64 * 2**20 + 1), False),
    ],
)
def test_the_size_decides_or_the_length_if_the_size_is_unknown(
    client: IterableClient, window: Window, streamed: bool
) -> None:
    assert StreamingTransport(client).prefers(window) is streamed
    assert JobsTransport(client).prefers(window)


@pytest.mark.parametrize("window", [SMALL, LARGE])
@pytest.mark.parametrize("method", ["streaming", "jobs"])
def test_a_single_transport_reads_everything(client: IterableClient, method: str, window: Window) -> None:
    transport, permit = TransportChoice(client, method, LOGGER).acquire("emailSend", window)
    assert transport.name == method
    permit.__exit__(None, None, None)


def test_large_windows_that_wait_for_a_job_do_not_hold_up_small_ones(client: IterableClient) -> None:
    export = TransportChoice(client, "auto", LOGGER)
    (jobs,) = (transport for transport in export.transports if transport.name == "jobs")
    for _ in range(4):
        while isinstance(permit := jobs.try_acquire(), NotYet):
            pass
        permit.__exit__(None, None, None)
    threading.Thread(target=lambda: _wait_until_stopped(export), daemon=True).start()
    while not export._lines[("jobs",)]._lock.locked():
        pass
    taken: list[str] = []
    thread = threading.Thread(target=lambda: taken.append(export.acquire("emailOpen", SMALL)[0].name))
    thread.start()
    thread.join(10)
    assert taken and taken != ["jobs"]


def _wait_until_stopped(export: TransportChoice) -> None:
    with pytest.raises(Exception, match="terminated"):
        export.acquire("emailSend", LARGE)


class Third:
    """A third transport: one class and one row."""

    name = "third"
    max_bytes: int | None = 100

    def __init__(self, client: IterableClient) -> None:
        self._budget = RateBudget(1000, 1.0)
        self.read_windows: list[Window] = []
        self.closed = False

    def prefers(self, window: Window) -> bool:
        return window.seconds == 1

    def try_acquire(self) -> Permit | NotYet:
        return self._budget.try_acquire()

    def read(self, data_type: str, window: Window, permit: Permit) -> Iterator[SpooledResponse]:
        if data_type == "user":
            raise Forbidden("No.", 403)
        self.read_windows.append(window)
        yield from ()

    def close(self) -> None:
        self.closed = True


def test_a_third_transport_is_one_class_and_one_row(client: IterableClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "TRANSPORTS", [*choice.TRANSPORTS, Third])
    export = TransportChoice(client, "auto", LOGGER)
    third = export.transports[-1]
    assert isinstance(third, Third)
    for transport in export.transports[:2]:
        monkeypatch.setattr(transport, "try_acquire", lambda: NotYet(60.0))
    shortest = Window(0, 1)
    assert list(export.open("emailSend", shortest)) == []
    assert third.read_windows == [shortest]

    alone = TransportChoice(client, "third", LOGGER)
    assert [transport.name for transport in alone.transports] == ["third"]
    assert alone.is_too_large("emailSend", Window(0, 10, 101))
    assert not export.is_too_large("emailSend", Window(0, 10, 101))
    with pytest.raises(Forbidden):
        alone.open("user", SMALL)
    export.close()
    assert third.closed

"""Which transport reads a window, also when Iterable refuses one, a data type or its spelling."""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests_mock

from source_iterable.api.client import IterableClient
from source_iterable.api.rate_budget import NotYet, Permit, RateBudget
from source_iterable.api.spooled import SpooledResponse
from source_iterable.config import Config
from source_iterable.errors import BadRequest, Forbidden, IterableError, NotFound
from source_iterable.exports import choice
from source_iterable.exports.choice import TransportChoice
from source_iterable.exports.windows import Window
from source_iterable.reading.export_stream import EventStream
from unit_tests import contexts

DAY = 86_400


SMALL, LARGE = Window(0, 3600), Window(0, 400 * DAY)


LOGGER = logging.getLogger("airbyte")


@pytest.fixture
def client() -> Iterator[IterableClient]:
    config = Config.parse({"api_key": "k", "start_date": "2024-01-01T00:00:00Z", "rate_limit_factor": 100_000})
    made = IterableClient(config, LOGGER)
    yield made
    made.stop()


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
    while not export._turns[("jobs",)]._lock.locked():
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
    max_bytes = 100

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


WINDOW = Window(1_700_000_000, 1_700_003_600)


DATA = "https://api.iterable.com/api/export/data.json"


class Fake:
    """A transport that raises `failures` by data type, and yields one part for all others."""

    def __init__(self, name: str, max_bytes: int = 10**13) -> None:
        self.name = name
        self.max_bytes = max_bytes
        self.failures: dict[str, IterableError] = {}
        self.asked: list[str] = []
        self.windows: list[Window] = []
        self._budget = RateBudget(1000, 1.0)

    def prefers(self, window: Window) -> bool:
        return True

    def try_acquire(self) -> Permit | NotYet:
        return self._budget.try_acquire()

    def read(self, data_type: str, window: Window, permit: Permit) -> Iterator[SpooledResponse]:
        assert isinstance(permit, Permit)
        self.asked.append(data_type)
        self.windows.append(window)
        if data_type in self.failures:
            raise self.failures[data_type]
        for content in (f"{self.name}\n".encode(), b"second\n"):
            yield SpooledResponse(io.BytesIO(content), len(content))

    def close(self) -> None:
        """Nothing."""


@pytest.fixture
def two(client: IterableClient, monkeypatch: pytest.MonkeyPatch) -> tuple[TransportChoice, Fake, Fake]:
    one, other = Fake("one", 100), Fake("two", 200)
    monkeypatch.setattr(choice, "TRANSPORTS", [lambda _: one, lambda _: other])
    return TransportChoice(client, "auto", LOGGER), one, other


def lines(parts: Iterator[SpooledResponse]) -> list[bytes]:
    return [b"".join(part.chunks()) for part in parts]


FIRST, SECOND = [b"one\n", b"second\n"], [b"two\n", b"second\n"]


@pytest.mark.parametrize("refusal", [Forbidden("No permission.", 403), NotFound("No endpoint.", 404)])
def test_another_transport_reads_what_one_refuses(
    two: tuple[TransportChoice, Fake, Fake], caplog: pytest.LogCaptureFixture, refusal: IterableError
) -> None:
    export, one, other = two
    one.failures["emailSend"] = refusal
    assert lines(export.open("emailSend", WINDOW)) == SECOND
    assert f"{refusal} Trying another transport for emailSend." in caplog.text
    assert lines(export.open("emailSend", WINDOW)) == SECOND
    assert one.asked == ["emailSend"], "what was refused is not requested again"
    assert lines(export.open("emailOpen", WINDOW)) == FIRST, "one data type says nothing about the others"


def test_a_transport_that_refuses_two_data_types_is_asked_for_no_third(
    two: tuple[TransportChoice, Fake, Fake],
) -> None:
    export, one, other = two
    one.failures = {name: Forbidden("No.", 403) for name in ("a", "b", "c")}
    assert [lines(export.open(name, WINDOW)) for name in ("a", "b", "c")] == [SECOND] * 3
    assert one.asked == ["a", "b"]
    other.failures["d"] = Forbidden("No.", 403)
    assert lines(export.open("d", WINDOW)) == FIRST, "but before a data type fails, it is tried"


def test_a_transport_that_has_worked_is_asked_for_every_data_type(two: tuple[TransportChoice, Fake, Fake]) -> None:
    export, one, _ = two
    assert lines(export.open("z", WINDOW)) == FIRST
    one.failures = {name: Forbidden("No.", 403) for name in ("a", "b", "c")}
    assert [lines(export.open(name, WINDOW)) for name in ("a", "b", "c")] == [SECOND] * 3
    assert one.asked == ["z", "a", "b", "c"]


def test_a_data_type_that_all_refuse_fails_and_is_no_fault_of_a_transport(
    two: tuple[TransportChoice, Fake, Fake],
) -> None:
    export, one, other = two
    for transport in (one, other):
        transport.failures = {name: Forbidden(f"No {name}.", 403) for name in ("a", "b", "c")}
    for name in ("a", "b", "c"):
        with pytest.raises(Forbidden, match=f"No {name}"):
            export.open(name, WINDOW)
    assert one.asked == other.asked == ["a", "b", "c"]
    assert lines(export.open("d", WINDOW)) == FIRST


def test_every_window_of_a_data_type_that_all_refuse_gets_their_error(
    two: tuple[TransportChoice, Fake, Fake],
) -> None:
    export, one, other = two
    one.failures["a"] = other.failures["a"] = Forbidden("No a.", 403)
    for _ in range(2):
        with pytest.raises(Forbidden, match="No a"):
            export.open("a", WINDOW)


def test_a_window_is_too_large_if_no_usable_transport_takes_it(two: tuple[TransportChoice, Fake, Fake]) -> None:
    export, one, other = two
    assert not export.is_too_large("a", Window(0, 10, 200))
    assert export.is_too_large("a", Window(0, 10, 201))
    assert not export.is_too_large("a", Window(0, 10))
    other.failures["a"] = one.failures["b"] = Forbidden("No.", 403)
    lines(export.open("b", WINDOW))
    assert not export.is_too_large("b", Window(0, 10, 200))
    one.max_bytes = 10**13
    assert export.is_too_large("b", Window(0, 10, 201)), "the one with a higher bound has refused it"
    assert not export.is_too_large("a", Window(0, 10, 10**12))


def test_an_empty_window_has_no_part(two: tuple[TransportChoice, Fake, Fake], monkeypatch: pytest.MonkeyPatch) -> None:
    export, one, _ = two
    monkeypatch.setattr(one, "read", lambda *_: iter(()))
    assert lines(export.open("a", WINDOW)) == []


@pytest.mark.parametrize(
    ("ours", "other"), [("emailUnSubscribe", "emailUnsubscribe"), ("unknownSession", "anonSession")]
)
def test_a_data_type_is_read_by_the_spelling_that_iterable_accepts(
    two: tuple[TransportChoice, Fake, Fake], caplog: pytest.LogCaptureFixture, ours: str, other: str
) -> None:
    caplog.set_level(logging.INFO)
    export, one, _ = two
    one.failures[ours] = BadRequest("No such type.", 400)
    assert lines(export.open(ours, WINDOW)) == FIRST
    assert lines(export.open(ours, WINDOW)) == FIRST
    assert one.asked == [ours, other, other], "the spelling is remembered"
    assert one.windows == [WINDOW] * 3
    assert f"Iterable does not accept {ours}, but {other}." in caplog.text


def test_a_data_type_without_another_spelling_fails_with_iterables_words(
    two: tuple[TransportChoice, Fake, Fake],
) -> None:
    export, one, _ = two
    one.failures = {name: BadRequest(f"No {name}.", 400) for name in ("emailSend", "unknownSession", "anonSession")}
    with pytest.raises(BadRequest, match="No emailSend"):
        export.open("emailSend", WINDOW)
    with pytest.raises(BadRequest, match="No unknownSession"):
        export.open("unknownSession", WINDOW)
    assert one.asked == ["emailSend", "unknownSession", "anonSession"]


def test_the_shortest_pause_of_all_busy_transports_is_waited(
    two: tuple[TransportChoice, Fake, Fake], client: IterableClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    export, one, other = two
    waited: list[float] = []
    shown: list[str] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        shown.extend(client.progress.waits())

    monkeypatch.setattr(client, "wait", wait)
    answers: list[Any] = [NotYet(7.0), NotYet(5.0)]
    monkeypatch.setattr(one, "try_acquire", lambda: answers.pop() if answers else RateBudget(1, 1.0).try_acquire())
    monkeypatch.setattr(other, "try_acquire", lambda: NotYet(6.0))
    assert export.acquire("a", WINDOW)[0] is one
    assert waited == [5.0, 6.0]
    assert shown == ["the export rate limit (a)"] * 2


@pytest.mark.parametrize("status", [401, 403])
def test_a_stream_that_one_transport_may_not_read_is_read_by_the_other(
    caplog: pytest.LogCaptureFixture, status: int
) -> None:
    root = contexts.ROOT
    with requests_mock.Mocker() as server:
        server.get(f"{root}channels", json={"channels": []})
        server.get(DATA, status_code=status)
        server.post(f"{root}export/start", json={"jobId": 7})
        listed = {"jobState": "completed", "files": [{"file": "a", "url": "https://files.example.com/a"}]}
        server.get(f"{root}export/7/files", [{"json": listed}, {"json": listed}, {"json": {**listed, "files": []}}])
        server.get("https://files.example.com/a", text='{"createdAt": "2024-01-02 03:04:05 +00:00"}\n')
        result = contexts.read(EventStream("email_send", "emailSend"), end_date="2024-01-05T00:00:00Z")
    assert (len(result.records), len(result.states), result.error) == (1, 1, None)
    (told,) = caplog.messages
    assert told.endswith(
        "Give the API key the permission for this endpoint, or leave the stream out. Trying another transport for emailSend."
    )


def test_a_key_that_may_not_start_jobs_lacks_a_permission_and_is_not_wrong() -> None:
    with requests_mock.Mocker() as server:
        server.get(f"{contexts.ROOT}channels", json={"channels": []})
        server.post(f"{contexts.ROOT}export/start", status_code=401)
        result = contexts.read(EventStream("email_send", "emailSend"), export_method="jobs")
    assert "the permission for this endpoint" in str(result.error)
    assert "region" not in str(result.error)

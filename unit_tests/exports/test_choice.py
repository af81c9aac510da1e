"""Which transport reads a window, also when Iterable refuses one, a data type or its spelling."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import requests_mock

from source_iterable.api.client import IterableClient
from source_iterable.api.rate_budget import NotYet
from source_iterable.api.spooled import SpooledResponse
from source_iterable.config import Config
from source_iterable.errors import BadRequest, Forbidden, IterableError, NotFound
from source_iterable.exports import choice
from source_iterable.exports.choice import TransportChoice
from source_iterable.exports.windows import Window
from source_iterable.reading.export_stream import EventStream
from unit_tests import contexts
from unit_tests.exports.fakes import FakeTransport

LOGGER = logging.getLogger("airbyte")
Two = tuple[TransportChoice, FakeTransport, FakeTransport]


@pytest.fixture
def client() -> Iterator[IterableClient]:
    config = Config.parse({"api_key": "k", "start_date": "2024-01-01T00:00:00Z", "rate_limit_factor": 100_000})
    made = IterableClient(config, LOGGER)
    yield made
    made.stop()


@pytest.mark.parametrize("window", [Window(0, 3600), Window(0, 400 * 86_400), Window(0, 3600, 10**6)])
@pytest.mark.parametrize("method", ["streaming", "jobs"])
def test_a_single_transport_reads_everything(client: IterableClient, method: str, window: Window) -> None:
    allowed = TransportChoice(client, method, LOGGER)
    assert [transport.name for transport in allowed.transports] == [method]
    assert allowed.windows.acquire("emailSend", window).transport.name == method


def test_a_third_transport_is_one_class_and_one_row(client: IterableClient, monkeypatch: pytest.MonkeyPatch) -> None:
    third = FakeTransport("third")
    monkeypatch.setattr(choice, "TRANSPORTS", [*choice.TRANSPORTS, lambda *_: third])
    export = TransportChoice(client, "auto", LOGGER)
    for transport in export.transports[:2]:
        monkeypatch.setattr(transport, "try_acquire", lambda: NotYet(60.0))
    assert lines(export.open("emailSend", WINDOW)) == [b"third\n", b"second\n"]
    assert third.windows == [WINDOW]
    alone = TransportChoice(client, "third", LOGGER)
    assert [transport.name for transport in alone.transports] == ["third"]
    third.max_bytes = 100
    assert alone.is_too_large("emailSend", Window(0, 10, 101))
    assert not export.is_too_large("emailSend", Window(0, 10, 101))
    export.close()
    assert third.closed


WINDOW = Window(1_700_000_000, 1_700_003_600)


DATA = "https://api.iterable.com/api/export/data.json"


@pytest.fixture
def two(client: IterableClient, monkeypatch: pytest.MonkeyPatch) -> Two:
    one, other = FakeTransport("one"), FakeTransport("two", seconds=2.0)
    one.max_bytes, other.max_bytes = 100, 200
    monkeypatch.setattr(choice, "TRANSPORTS", [lambda *_: one, lambda *_: other])
    return TransportChoice(client, "auto", LOGGER), one, other


def lines(parts: Iterator[SpooledResponse]) -> list[bytes]:
    return [b"".join(part.chunks()) for part in parts]


FIRST, SECOND = [b"one\n", b"second\n"], [b"two\n", b"second\n"]


@pytest.mark.parametrize("refusal", [Forbidden("No permission.", 403), NotFound("No endpoint.", 404)])
def test_another_transport_reads_what_one_refuses(
    two: Two, caplog: pytest.LogCaptureFixture, refusal: IterableError
) -> None:
    export, one, other = two
    one.failures["emailSend"] = refusal
    assert lines(export.open("emailSend", WINDOW)) == SECOND
    assert f"{refusal} Trying another transport for emailSend." in caplog.text
    assert lines(export.open("emailSend", WINDOW)) == SECOND
    assert one.asked == ["emailSend"], "what was refused is not requested again"
    assert lines(export.open("emailOpen", WINDOW)) == FIRST, "one data type says nothing about the others"


def test_a_transport_that_refuses_two_data_types_is_asked_for_no_third(
    two: Two,
) -> None:
    export, one, other = two
    one.failures = {name: Forbidden("No.", 403) for name in ("a", "b", "c")}
    assert [lines(export.open(name, WINDOW)) for name in ("a", "b", "c")] == [SECOND] * 3
    assert one.asked == ["a", "b"]
    other.failures["d"] = Forbidden("No.", 403)
    assert lines(export.open("d", WINDOW)) == FIRST, "but before a data type fails, it is tried"


def test_a_transport_that_has_worked_is_asked_for_every_data_type(
    two: Two,
) -> None:
    export, one, _ = two
    assert lines(export.open("z", WINDOW)) == FIRST
    one.failures = {name: Forbidden("No.", 403) for name in ("a", "b", "c")}
    assert [lines(export.open(name, WINDOW)) for name in ("a", "b", "c")] == [SECOND] * 3
    assert one.asked == ["z", "a", "b", "c"]


def test_a_data_type_that_all_refuse_fails_and_is_no_fault_of_a_transport(
    two: Two,
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
    two: Two,
) -> None:
    export, one, other = two
    one.failures["a"] = other.failures["a"] = Forbidden("No a.", 403)
    for _ in range(2):
        with pytest.raises(Forbidden, match="No a"):
            export.open("a", WINDOW)


def test_a_window_is_too_large_if_no_usable_transport_takes_it(
    two: Two,
) -> None:
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


def test_an_empty_window_has_no_part(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    export, one, _ = two
    monkeypatch.setattr(one, "_read", lambda *_: iter(()))
    assert lines(export.open("a", WINDOW)) == []


@pytest.mark.parametrize(
    ("ours", "other"), [("emailUnSubscribe", "emailUnsubscribe"), ("unknownSession", "anonSession")]
)
def test_a_data_type_is_read_by_the_spelling_that_iterable_accepts(
    two: Two, caplog: pytest.LogCaptureFixture, ours: str, other: str
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
    two: Two,
) -> None:
    export, one, _ = two
    one.failures = {name: BadRequest(f"No {name}.", 400) for name in ("emailSend", "unknownSession", "anonSession")}
    with pytest.raises(BadRequest, match="No emailSend"):
        export.open("emailSend", WINDOW)
    with pytest.raises(BadRequest, match="No unknownSession"):
        export.open("unknownSession", WINDOW)
    assert one.asked == ["emailSend", "unknownSession", "anonSession"]


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
        server.get(f"{root}export/7/files", [{"json": listed}, {"json": {**listed, "files": []}}])
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

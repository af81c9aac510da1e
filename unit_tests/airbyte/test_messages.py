"""What a sync writes: batches, states and statuses in order, at least one state a stream, and states in silence."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from source_iterable.airbyte import messages as messages_module
from source_iterable.airbyte.catalog import as_airbyte_stream
from source_iterable.airbyte.messages import BEAT_SECONDS, NO_CURSOR, Messages
from source_iterable.airbyte.stdout import Message
from source_iterable.api.client import IterableClient
from source_iterable.config import Config
from source_iterable.errors import ConfigError, NotFound
from source_iterable.reading.stream import Checkpoint, Reading, State, Stream, StreamContext
from source_iterable.reading.together import Ended, Limited, Nothing, Started
from source_iterable.records.batch import RecordBatch
from source_iterable.streams.table import STREAMS


class Fake(Stream):
    """Yields `items`: an int is a batch of that many records, a dict a checkpoint; an exception is raised."""

    name = "lists"
    primary_key = ("id",)
    every_state = True

    def __init__(self, items: Iterable[Any], cursor_field: str | None = None, resumable: bool = False) -> None:
        self.items = items
        self.cursor_field = cursor_field
        self.resumable = resumable
        self.state: State | None = None

    def _read(self, context: StreamContext, state: State) -> Reading:
        self.state = state
        for item in self.items:
            if isinstance(item, Exception):
                raise item
            yield Checkpoint(item) if isinstance(item, dict) else [{"id": n} for n in range(item)]


@pytest.fixture
def context() -> Iterator[StreamContext]:
    logger = logging.getLogger("airbyte")
    config = Config.parse({"api_key": "k", "start_date": "2024-01-01T00:00:00Z"})
    made = StreamContext(config, IterableClient(config, logger), logger)
    yield made
    made.close()


def messages_of(stream: Stream, context: StreamContext, state: dict[str, Any] | None = None) -> Messages:
    made = Messages(context, {} if state is None else {stream.name: state})
    made.add(stream.name, stream)
    return made


def shown(message: Message | RecordBatch) -> Any:
    """A batch as its number of records, a state as it is, a status and an error as their text."""
    if isinstance(message, RecordBatch):
        return message.count
    if message["type"] == "STATE":
        return message["state"]["stream"]["stream_state"]
    trace = message["trace"]
    return trace["stream_status"]["status"] if "stream_status" in trace else trace["error"]["message"]


def read(
    stream: Fake, context: StreamContext, state: dict[str, Any] | None = None
) -> tuple[list[Any], Exception | None]:
    """What is written, without statuses and errors, and the stream's failure."""
    messages = messages_of(stream, context, state)
    out = [shown(message) for message in messages]
    return [each for each in out if not isinstance(each, str)], messages.failed.get(stream.name)


def test_statuses_enclose_what_a_stream_writes(context: StreamContext) -> None:
    done = [shown(message) for message in messages_of(Fake([2, {"after": 1}, 3]), context)]
    assert done == ["STARTED", "RUNNING", 2, {"after": 1}, 3, "COMPLETE"]
    empty = [shown(message) for message in messages_of(Fake([]), context)]
    assert empty == ["STARTED", NO_CURSOR, "COMPLETE"]
    failed = [shown(message) for message in messages_of(Fake([1, NotFound("It is gone.", 404)]), context, {"after": 5})]
    assert failed == ["STARTED", "RUNNING", 1, "It is gone.", {"after": 5}, "INCOMPLETE"]


def test_a_fault_of_ours_ends_its_stream_with_a_trace(context: StreamContext, caplog: pytest.LogCaptureFixture) -> None:
    done = [shown(message) for message in messages_of(Fake([1, ZeroDivisionError()]), context)]
    assert done == ["STARTED", "RUNNING", 1, "Unexpected error: ZeroDivisionError.", NO_CURSOR, "INCOMPLETE"]
    assert "ZeroDivisionError" in caplog.text


def test_the_log_says_when_a_stream_begins_and_what_it_came_to(
    context: StreamContext, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    list(messages_of(Fake([2, 3], "createdAt"), context, {"createdAt": "2024-06-01T00:00:00+00:00"}))
    begin, end = caplog.messages
    assert begin == "lists: reading from 2024-06-01T00:00:00+00:00."
    assert end.startswith("lists: complete, 5 records, 0.1 KB in 0.0 s")


def test_a_checkpoint_is_emitted_where_it_is_yielded(context: StreamContext) -> None:
    out, failure = read(Fake([2, {"after": 1}, 3, {"after": 2}, 1, {}]), context)
    assert out == [2, {"after": 1}, 3, {"after": 2}, 1, NO_CURSOR]
    assert failure is None


def test_a_stream_gets_its_state_without_the_markers(context: StreamContext) -> None:
    stream = Fake([])
    read(stream, context, {"after": 7, **NO_CURSOR})
    assert stream.state == {"after": 7}


@pytest.mark.parametrize("state", [None, {"old": 1}])
def test_a_full_refresh_without_checkpoints_ends_without_a_cursor(
    context: StreamContext, state: dict[str, Any] | None
) -> None:
    assert read(Fake([2, 3]), context, state)[0] == [2, 3, NO_CURSOR]


def test_an_incremental_stream_that_reads_nothing_keeps_its_state(context: StreamContext) -> None:
    state = {"createdAt": "2999-01-01T00:00:00Z"}
    assert read(Fake([], "createdAt"), context, state)[0] == [state]


def test_a_failed_stream_keeps_its_last_checkpoint(context: StreamContext) -> None:
    gone = NotFound("It is gone.", 404)
    out, failure = read(Fake([1, {"after": 1}, 2, gone]), context)
    assert out == [1, {"after": 1}, 2]
    assert str(failure) == "It is gone."
    assert read(Fake([1, gone]), context, {"after": 5})[0] == [1, {"after": 5}]


def test_empty_batches_are_not_emitted(context: StreamContext) -> None:
    assert read(Fake([0, 1, 0]), context)[0] == [1, NO_CURSOR]


COMPLETE = {"__ab_full_refresh_sync_complete": True, "__ab_job_id": "7"}


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKER_JOB_ID", "7")


@pytest.mark.parametrize("items", [[2, {"after": 1}, 3, {}], [2, {}], [2], []])
def test_a_resumable_stream_ends_with_the_job_that_has_read_it(
    context: StreamContext, job: None, items: list[Any]
) -> None:
    out, _ = read(Fake(items, resumable=True), context)
    assert out == [*items[:-1], COMPLETE] if items[-1:] == [{}] else [*items, COMPLETE]


def test_without_a_job_a_resumable_stream_ends_as_others_do(
    context: StreamContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WORKER_JOB_ID", raising=False)
    assert read(Fake([2, {"after": 1}, {}], resumable=True), context)[0] == [2, {"after": 1}, NO_CURSOR]
    monkeypatch.setenv("WORKER_JOB_ID", "")
    assert read(Fake([2, {}], resumable=True), context)[0] == [2, NO_CURSOR]


@pytest.mark.parametrize("name", ["full refresh", "incremental"])
def test_other_streams_never_say_that_they_are_complete(context: StreamContext, job: None, name: str) -> None:
    cursor = "createdAt" if name == "incremental" else None
    out, _ = read(Fake([2], cursor), context, COMPLETE)
    assert out == [2, NO_CURSOR], "they are read whole"


def test_another_attempt_of_the_job_reads_a_complete_stream_no_more(
    context: StreamContext, job: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    stream = Fake([2, {}], resumable=True)
    assert read(stream, context, COMPLETE)[0] == [COMPLETE]
    assert stream.state is None, "not asked"
    assert "lists: already read by an earlier attempt of this job" in caplog.text


@pytest.mark.parametrize(
    "state",
    [
        {"__ab_full_refresh_sync_complete": True},
        {**COMPLETE, "__ab_job_id": "6"},
        {**COMPLETE, "__ab_job_id": 7},
        {**COMPLETE, "after": 1},
        {"__ab_job_id": "7"},
    ],
)
def test_a_state_of_another_job_does_not_end_a_stream(context: StreamContext, job: None, state: dict[str, Any]) -> None:
    stream = Fake([2, {}], resumable=True)
    assert read(stream, context, state)[0] == [2, COMPLETE]
    assert stream.state == ({"after": 1} if "after" in state else {}), "without the markers"


def test_a_job_without_an_id_reads_everything(context: StreamContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORKER_JOB_ID", raising=False)
    assert read(Fake([2, {}], resumable=True), context, COMPLETE)[0] == [2, NO_CURSOR]
    assert read(Fake([2, {}], resumable=True), context, {})[0] == [2, NO_CURSOR], "an empty state is none"


def test_a_failed_resumable_stream_is_not_complete(context: StreamContext, job: None) -> None:
    gone = NotFound("It is gone.", 404)
    assert read(Fake([1, {"after": 1}, gone], resumable=True), context)[0] == [1, {"after": 1}]
    assert read(Fake([1, gone], resumable=True), context)[0] == [1, NO_CURSOR]
    assert read(Fake([1, {"after": 1}, {}, gone], resumable=True), context)[0] == [1, {"after": 1}, NO_CURSOR]


@pytest.mark.parametrize("name", STREAMS)
def test_every_stream_that_is_resumable_says_that_its_cursor_is_its_own(name: str, context: StreamContext) -> None:
    """As the protocol demands; without a cursor field it still has full refresh alone."""
    shown = as_airbyte_stream(STREAMS[name], context.config, context.client)
    assert ("source_defined_cursor" in shown) == shown["is_resumable"]
    assert ("default_cursor_field" in shown) == ("incremental" in shown["supported_sync_modes"])


class Strict(Fake):
    """Takes no state but its own."""

    def check_state(self, state: State) -> None:
        raise ConfigError(f"The state of stream {self.name} cannot be read: {state}.")


def test_an_invalid_state_is_rejected_before_anything_is_read(context: StreamContext) -> None:
    stream = Strict([1])
    out, failure = read(stream, context, {"createdAt": "soon"})
    assert (out, stream.state) == ([], None)
    assert isinstance(failure, ConfigError)
    assert "'soon'" in str(failure)


@pytest.mark.parametrize("name", ["lists", "list_users", "events", "campaigns", "users"])
def test_a_state_that_is_nested_too_deep_is_named(context: StreamContext, name: str) -> None:
    messages = Messages(context, {name: {"x": json.loads("[" * 800 + "]" * 800)}})
    messages.add(name, STREAMS[name])
    assert str(messages.failed[name]).startswith(f"The state of stream {name} cannot be read: it is nested too deep")


class Clock:
    """time.monotonic of the messages, moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now


def heard(monkeypatch: pytest.MonkeyPatch, context: StreamContext, state: dict[str, Any], *items: Any) -> list[Any]:
    """What is written while these things happen to the stream `lists`; a number is seconds that pass."""
    clock = Clock()

    def happenings(*_: Any) -> Iterator[tuple[str, Any]]:
        yield "lists", Started()
        for item in items:
            if isinstance(item, float):
                clock.now += item
            else:
                yield "lists", item
        yield "lists", Ended()

    monkeypatch.setattr(messages_module, "time", clock)
    monkeypatch.setattr(messages_module, "read", happenings)
    out = [shown(message) for message in messages_of(Fake([], "createdAt"), context, state)]
    return [each for each in out if each != 0 and not isinstance(each, str)]


STATE = {"createdAt": "2024-06-01T00:00:00Z"}
LATER = {"createdAt": "2024-06-02T00:00:00Z"}
BATCH = RecordBatch("lists", 3, b"...")


def test_a_state_comes_four_times_before_the_platform_loses_its_patience() -> None:
    metadata = yaml.safe_load((Path(__file__).parents[2] / "metadata.yaml").read_text())
    assert 0 < BEAT_SECONDS < metadata["data"]["maxSecondsBetweenMessages"] / 4


def test_the_state_that_a_stream_started_from_is_repeated_in_silence(
    monkeypatch: pytest.MonkeyPatch, context: StreamContext
) -> None:
    silence = [BEAT_SECONDS, Nothing(), Nothing()]
    assert heard(monkeypatch, context, STATE, *silence, *silence) == [STATE, STATE, STATE], "two, and one at the end"
    assert heard(monkeypatch, context, STATE, BEAT_SECONDS - 1, Nothing()) == [STATE], "none before it is due"


def test_the_last_state_that_was_written_is_repeated(monkeypatch: pytest.MonkeyPatch, context: StreamContext) -> None:
    out = heard(monkeypatch, context, STATE, Checkpoint(LATER), BEAT_SECONDS, Nothing())
    assert out == [LATER, LATER]


@pytest.mark.parametrize("item", [BATCH, Checkpoint(LATER)])
def test_records_and_states_put_off_the_next_one(
    monkeypatch: pytest.MonkeyPatch, context: StreamContext, item: Any
) -> None:
    half = BEAT_SECONDS / 2
    out = heard(monkeypatch, context, STATE, half, item, half, Nothing())
    assert len([each for each in out if isinstance(each, dict)]) == 1


def test_statuses_do_not_put_it_off(monkeypatch: pytest.MonkeyPatch, context: StreamContext) -> None:
    """A stream that waits for a limit has one a minute, and the platform does not count them."""
    half = BEAT_SECONDS / 2
    assert heard(monkeypatch, context, STATE, half, Limited(1.0), half, Nothing()) == [STATE, STATE]


def test_no_state_overtakes_what_is_on_its_way(monkeypatch: pytest.MonkeyPatch, context: StreamContext) -> None:
    out = heard(monkeypatch, context, STATE, 2 * BEAT_SECONDS, BATCH, Checkpoint(LATER), Nothing())
    assert out == [3, LATER]

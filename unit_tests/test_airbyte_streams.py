"""A stream's output as messages: batches and states in order, and at least one state."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from airbyte_cdk.models import AirbyteStateMessage, AirbyteStateMessageSerializer, SyncMode
from airbyte_cdk.sources.connector_state_manager import ConnectorStateManager
from airbyte_cdk.sources.message import InMemoryMessageRepository
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_iterable.airbyte.streams import as_airbyte_stream, as_concurrent_stream
from source_iterable.api.client import IterableClient
from source_iterable.config import Config
from source_iterable.errors import ConfigError, NotFound
from source_iterable.reading.context import StreamContext
from source_iterable.reading.stream import Checkpoint, Reading, State, Stream
from source_iterable.streams.table import STREAMS

NO_CURSOR = {"__ab_no_cursor_state_message": True}


class Fake(Stream):
    """Yields `items`: an int is a batch of that many records, a dict a checkpoint; an exception is raised."""

    name = "lists"
    primary_key = ("id",)
    cost = "0"

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
            yield Checkpoint(item) if isinstance(item, dict) else self.batch({"id": n} for n in range(item))


@pytest.fixture
def context() -> Iterator[StreamContext]:
    logger = logging.getLogger("airbyte")
    config = Config.parse({"api_key": "k", "start_date": "2024-01-01T00:00:00Z"})
    made = StreamContext(config, IterableClient(config, logger), logger)
    yield made
    made.close()


def read(
    stream: Fake, context: StreamContext, state: dict[str, Any] | None = None
) -> tuple[list[Any], Exception | None]:
    """What the CDK would write (batches as their number of records, states as they are), and the stream's failure."""
    given: list[AirbyteStateMessage] = []
    if state is not None:
        message = {"stream_descriptor": {"name": stream.name}, "stream_state": state}
        given = [AirbyteStateMessageSerializer.load({"type": "STREAM", "stream": message})]
    messages = InMemoryMessageRepository()
    made = as_concurrent_stream(stream, context, ConnectorStateManager(given), messages)
    out: list[Any] = []

    def states() -> Iterator[dict[str, Any]]:
        for each in messages.consume_queue():
            if each.state and each.state.stream:
                yield vars(each.state.stream.stream_state)

    failure = None
    (partition,) = made.generate_partitions()
    try:
        for batch in partition.read():
            out += [*states(), batch.count]  # type: ignore[attr-defined]
        made.cursor.close_partition(partition)
    except AirbyteTracedException as error:
        failure = error
    made.cursor.ensure_at_least_one_state_emitted()
    return [*out, *states()], failure


def test_a_checkpoint_is_emitted_where_it_is_yielded(context: StreamContext) -> None:
    out, failure = read(Fake([2, {"after": 1}, 3, {"after": 2}, 1, {}]), context)
    assert out == [2, {"after": 1}, 3, {"after": 2}, 1, NO_CURSOR]
    assert failure is None


def test_a_stream_gets_its_state_without_the_cdks_markers(context: StreamContext) -> None:
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
    assert "lists: an earlier attempt of this job has read it to its end" in caplog.text


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
    shown = as_airbyte_stream(STREAMS[name], context.config)
    assert bool(shown.source_defined_cursor) == shown.is_resumable
    assert bool(shown.default_cursor_field) == (SyncMode.incremental in shown.supported_sync_modes)


def test_an_invalid_state_is_rejected_before_anything_is_read(context: StreamContext) -> None:
    with pytest.raises(ConfigError, match="'soon'"):
        read(Fake([1], "createdAt"), context, {"createdAt": "soon"})

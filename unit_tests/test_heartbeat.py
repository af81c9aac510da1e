"""A state is written while nothing else comes, in order, and stands for nothing that was not written."""

from __future__ import annotations

from pathlib import Path
from queue import Empty
from typing import Any

import pytest
import yaml
from airbyte_cdk.models import AirbyteMessage, AirbyteStateMessageSerializer, AirbyteStreamStatus, StreamDescriptor
from airbyte_cdk.models import AirbyteMessageSerializer as Messages
from airbyte_cdk.utils.stream_status_utils import as_airbyte_message as stream_status

from source_iterable.airbyte import heartbeat
from source_iterable.airbyte.heartbeat import BEAT_SECONDS
from source_iterable.airbyte.queue import QUEUE_BYTES, BatchQueue
from source_iterable.records.batch import RecordBatch

BATCH = RecordBatch("lists", 3, b"...")


class Clock:
    """time.monotonic, as far as the heart is concerned. A wait for the next beat passes at once."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(heartbeat, "time", made)
    return made


def status(name: str, value: AirbyteStreamStatus) -> AirbyteMessage:
    return stream_status(StreamDescriptor(name=name), value)


def state(name: str, **fields: Any) -> AirbyteMessage:
    stream = {"stream_descriptor": {"name": name}, "stream_state": fields}
    return Messages.load({"type": "STATE", "state": {"type": "STREAM", "stream": stream}})


def a_queue(**states: dict[str, Any]) -> BatchQueue:
    """The queue of a sync in which these streams have begun, from these states."""
    queue = BatchQueue()
    for name, given in states.items():
        queue.heartbeat.begins(name, given)
        queue.heartbeat.observe(status(name, AirbyteStreamStatus.STARTED))
    return queue


def taken(queue: BatchQueue) -> Any:
    """The next item, which is written then."""
    item = queue.get()
    queue.heartbeat.observe(item)
    return item


def shown(message: AirbyteMessage) -> tuple[str, Any]:
    assert message.state
    dumped = AirbyteStateMessageSerializer.dump(message.state)
    assert set(dumped) == {"type", "stream"}, "without the count of another"
    return dumped["stream"]["stream_descriptor"]["name"], dumped["stream"]["stream_state"]


def test_a_state_comes_four_times_before_the_platform_loses_its_patience() -> None:
    metadata = yaml.safe_load((Path(__file__).parents[1] / "metadata.yaml").read_text())
    assert 0 < BEAT_SECONDS < metadata["data"]["maxSecondsBetweenMessages"] / 4


def test_the_state_that_a_stream_started_from_is_repeated_again_and_again(clock: Clock) -> None:
    queue = a_queue(lists={"after": 7})
    for _ in range(3):
        clock.now += BEAT_SECONDS
        assert shown(taken(queue)) == ("lists", {"after": 7})
    assert queue.heartbeat.seconds_left == BEAT_SECONDS


def test_the_last_state_that_was_written_is_repeated(clock: Clock) -> None:
    queue = a_queue(lists={"__ab_no_cursor_state_message": True})
    written = state("lists", after=8)
    queue.put(written)
    assert taken(queue) is written
    written.state.sourceStats = "a count"  # type: ignore[union-attr, assignment]
    clock.now += BEAT_SECONDS
    assert shown(taken(queue)) == ("lists", {"after": 8})


def test_what_is_in_the_queue_comes_first_however_late_it_is(clock: Clock) -> None:
    queue = a_queue(lists={"after": 1})
    large = RecordBatch("lists", 1, b" " * QUEUE_BYTES)
    queue.put(large)
    assert queue.full()
    clock.now += 2 * BEAT_SECONDS
    assert taken(queue) is large
    later = state("lists", after=2)
    for each in (BATCH, later):
        queue.put(each)
    clock.now += 2 * BEAT_SECONDS
    assert [taken(queue), taken(queue)] == [BATCH, later]
    clock.now += BEAT_SECONDS
    assert shown(taken(queue)) == ("lists", {"after": 2}), "not an older one"


@pytest.mark.parametrize("item", [BATCH, state("lists", after=2)])
def test_records_and_states_are_beats_themselves(clock: Clock, item: Any) -> None:
    queue = a_queue(lists={"after": 1})
    clock.now += BEAT_SECONDS - 1
    queue.put(item)
    taken(queue)
    assert queue.heartbeat.seconds_left == BEAT_SECONDS


def test_statuses_are_none(clock: Clock) -> None:
    """Nor do they put it off: a stream that waits for a limit has one a minute."""
    queue = a_queue(lists={"after": 1})
    for _ in range(3):
        clock.now += BEAT_SECONDS / 3
        queue.put(status("lists", AirbyteStreamStatus.RUNNING))
        taken(queue)
    assert shown(taken(queue)) == ("lists", {"after": 1})


@pytest.mark.parametrize("end", [AirbyteStreamStatus.COMPLETE, AirbyteStreamStatus.INCOMPLETE])
def test_a_stream_that_has_ended_or_not_begun_has_no_more_states(clock: Clock, end: AirbyteStreamStatus) -> None:
    queue = a_queue(lists={"after": 1}, users={"after": 2})
    queue.heartbeat.begins("events", {"after": 3})
    queue.heartbeat.observe(status("lists", end))
    queue.heartbeat.observe(status("lists", AirbyteStreamStatus.RUNNING))  # of a thread that is late
    clock.now += BEAT_SECONDS
    assert shown(taken(queue)) == ("users", {"after": 2})
    queue.heartbeat.observe(status("users", end))
    clock.now += BEAT_SECONDS
    assert queue.heartbeat.beat() is None
    assert queue.heartbeat.seconds_left == BEAT_SECONDS, "and the waiting goes on"


def test_who_does_not_wait_gets_none(clock: Clock) -> None:
    queue = a_queue(lists={"after": 1})
    clock.now += BEAT_SECONDS
    with pytest.raises(Empty):
        queue.get_nowait()

"""Repeats the last STATE while a sync is silent: the platform ends a source that is silent for too long."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from airbyte_cdk.models import (
    AirbyteMessage,
    AirbyteStateBlob,
    AirbyteStateMessage,
    AirbyteStateType,
    AirbyteStreamState,
    AirbyteStreamStatus,
    StreamDescriptor,
    Type,
)

from source_iterable.records.batch import RecordBatch

# Seconds. The platform counts RECORD and STATE, not log lines and statuses, and waits for maxSecondsBetweenMessages of
# metadata.yaml, 7,200; one list may take Iterable longer than that.
BEAT_SECONDS = 1_500.0


class Heartbeat:
    """Repeats the last state of a stream that is being read when neither a record nor a state came for BEAT_SECONDS.

    Only states that were written are repeated, so none overtakes its records. Not thread-safe: it belongs to the thread that
    writes the messages.
    """

    def __init__(self) -> None:
        self._last: dict[str, AirbyteStreamState] = {}
        # In the order in which they began.
        self._running: dict[str, None] = {}
        self._due = time.monotonic() + BEAT_SECONDS

    def begins(self, stream: str, state: Mapping[str, Any]) -> None:
        """Note the state that a stream starts from."""
        self._last[stream] = AirbyteStreamState(StreamDescriptor(name=stream), AirbyteStateBlob(dict(state)))

    def observe(self, item: AirbyteMessage | RecordBatch) -> None:
        """Note what is written next."""
        if isinstance(item, RecordBatch):
            self._due = time.monotonic() + BEAT_SECONDS
        elif item.state and item.state.stream:
            self._last[item.state.stream.stream_descriptor.name] = item.state.stream
            self._due = time.monotonic() + BEAT_SECONDS
        elif item.trace and item.trace.stream_status:
            name, status = item.trace.stream_status.stream_descriptor.name, item.trace.stream_status.status
            if status in (AirbyteStreamStatus.COMPLETE, AirbyteStreamStatus.INCOMPLETE):
                self._running.pop(name, None)
            elif status == AirbyteStreamStatus.STARTED:
                self._running[name] = None

    @property
    def seconds_left(self) -> float:
        """Seconds until the next beat."""
        return max(0.0, self._due - time.monotonic())

    def beat(self) -> AirbyteMessage | None:
        """The state to write now; None if no stream is being read."""
        self._due = time.monotonic() + BEAT_SECONDS
        for name in self._running:
            state = AirbyteStateMessage(type=AirbyteStateType.STREAM, stream=self._last[name])
            return AirbyteMessage(type=Type.STATE, state=state)
        return None

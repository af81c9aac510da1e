"""What happens to the streams of a sync, as messages of the protocol."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from typing import Any

from airbyte_cdk.models import (
    AirbyteEstimateTraceMessage,
    AirbyteMessage,
    AirbyteStateMessage,
    AirbyteStreamStatus,
    AirbyteStreamStatusReason,
    AirbyteStreamStatusReasonType,
    AirbyteTraceMessage,
    EstimateType,
    FailureType,
    StreamDescriptor,
    TraceType,
    Type,
)
from airbyte_cdk.models.airbyte_protocol import AirbyteStreamStatusRateLimitedReason  # type: ignore[attr-defined]
from airbyte_cdk.sources.connector_state_manager import ConnectorStateManager
from airbyte_cdk.sources.streams import NO_CURSOR_STATE_KEY
from airbyte_cdk.sources.streams.checkpoint.checkpoint_reader import FULL_REFRESH_COMPLETE_STATE
from airbyte_cdk.utils.stream_status_utils import as_airbyte_message as stream_status
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_iterable.errors import ConfigError, IterableError
from source_iterable.process.progress import StreamProgress
from source_iterable.reading.stream import Checkpoint, State, Stream, StreamContext, unreadable
from source_iterable.reading.together import Ended, Limited, Nothing, Started, read
from source_iterable.records.batch import RecordBatch

# The share of a stream's time range to read before estimating its total.
_FAIR_SHARE = 0.1
# Seconds without a record or a state after which the last state is repeated. The platform ends a source that writes neither
# for maxSecondsBetweenMessages of metadata.yaml, 7,200; one list may take Iterable longer than that.
BEAT_SECONDS = 1_500.0
_UNREADABLE = "Correct the state, or reset the streams."


class Messages:
    """The messages of one sync: batches, states, statuses, estimates and errors.

    While nothing happens, it yields an empty batch about once a second, and repeats a state every BEAT_SECONDS. `failed` are
    the streams that are incomplete, each with its error.
    """

    def __init__(self, context: StreamContext, states: ConnectorStateManager) -> None:
        self._context = context
        self._states = states
        self._streams: dict[str, tuple[Stream, State]] = {}
        self._complete: list[str] = []
        # When each stream that is being read has begun; those that have written records; and the state that each is to
        # write at its end, unless it writes another one before.
        self._begun: dict[str, float] = {}
        self._running: set[str] = set()
        self._last: dict[str, State] = {}
        # When the last state is to be repeated.
        self._due = time.monotonic() + BEAT_SECONDS
        self.failed: dict[str, Exception] = {}

    def add(self, name: str, stream: Stream | None) -> None:
        """Add a stream of the catalog, which continues from its state; `failed` has it from now on if it cannot be read."""
        try:
            if stream is None:
                advice = f"refresh the schema of the connection, or remove {name} from the catalog."
                raise ConfigError(f"This source has no stream {name}: {advice}")
            given = self._states.get_stream_state(name, None)
            state = {key: value for key, value in given.items() if key[:5] != "__ab_"}
            stream.check_state(state)
        except RecursionError:
            self.failed[name] = unreadable(name, "it is nested too deep")
        except ConfigError as error:
            self.failed[name] = error
        else:
            if stream.resumable and given and given == _complete_state():
                self._complete.append(name)
            else:
                self._streams[name] = stream, state
                self._last[name] = state
            self._set_state(name, state)

    def __iter__(self) -> Iterator[AirbyteMessage | RecordBatch]:
        for name, error in self.failed.items():
            yield traced(error).as_airbyte_message(StreamDescriptor(name=name))
            yield _status(name, AirbyteStreamStatus.INCOMPLETE)
        for name in self._complete:
            self._context.logger.info(f"{name}: already read by an earlier attempt of this job; skipped.")
            yield _status(name, AirbyteStreamStatus.STARTED)
            yield self._state(name, _complete_state())
            yield _status(name, AirbyteStreamStatus.COMPLETE)
        for name, item in read(self._context, self._streams):
            if isinstance(item, RecordBatch):
                if name not in self._running:
                    self._running.add(name)
                    yield _status(name, AirbyteStreamStatus.RUNNING)
                self._due = time.monotonic() + BEAT_SECONDS
                yield item
            elif isinstance(item, Checkpoint):
                yield from self._checkpoint(name, item.state)
            elif isinstance(item, Started):
                self._context.logger.info(f"{name}: {_beginning(*self._streams[name])}.")
                self._begun[name] = time.monotonic()
                yield _status(name, AirbyteStreamStatus.STARTED)
            elif isinstance(item, Limited):
                limit = AirbyteStreamStatusRateLimitedReason(quota_reset=int(item.end * 1000))
                reason = AirbyteStreamStatusReason(AirbyteStreamStatusReasonType.RATE_LIMITED, limit)
                yield _status(name, AirbyteStreamStatus.RUNNING, reason)
            elif isinstance(item, Nothing):
                # No record is on its way, so the last state of any stream that is being read may be repeated.
                if time.monotonic() >= self._due:
                    self._due = time.monotonic() + BEAT_SECONDS
                    for begun in [*self._begun][:1]:
                        yield self._states.create_state_message(begun, None)
                yield RecordBatch(name, 0, b"")
            else:
                yield from self._end(name, item)

    def _checkpoint(self, name: str, state: State) -> Iterator[AirbyteMessage]:
        # The last, empty one of a resumable stream is written when the stream is complete: it is its end.
        if state or not self._streams[name][0].resumable:
            self._last.pop(name, None)
            yield self._state(name, state)
            yield from self._estimate(name)
        else:
            self._last[name] = {}

    def _end(self, name: str, ended: Ended) -> Iterator[AirbyteMessage]:
        stream, error = self._streams[name][0], ended.error
        if error is not None:
            self.failed[name] = error
            if not isinstance(error, IterableError):
                self._context.logger.error(f"{name}: unexpected error.", exc_info=error)
            yield traced(error).as_airbyte_message(StreamDescriptor(name=name))
        if name in self._last:
            state = self._last.pop(name)
            if error is None and stream.cursor_field is None:
                # The next sync starts over; another attempt of this one does not read a resumable stream again.
                state = _complete_state() if stream.resumable else {}
            yield self._state(name, state)
        seconds = time.monotonic() - self._begun.pop(name)
        done = _summary(self._context.progress.stream(name), seconds)
        self._context.logger.info(f"{name}: {'complete' if error is None else 'incomplete'}, {done}.")
        yield _status(name, AirbyteStreamStatus.COMPLETE if error is None else AirbyteStreamStatus.INCOMPLETE)

    def _set_state(self, name: str, state: State) -> None:
        """Set what is written for a stream. An empty state means that there is no cursor."""
        self._states.update_state_for_stream(name, None, dict(state) or {NO_CURSOR_STATE_KEY: True})

    def _state(self, name: str, state: State) -> AirbyteMessage:
        self._due = time.monotonic() + BEAT_SECONDS
        self._set_state(name, state)
        return self._states.create_state_message(name, None)

    def _estimate(self, name: str) -> Iterator[AirbyteMessage]:
        """The stream's total, once a fair share of its time range is read, as if the rest were as dense."""
        done = self._context.progress.stream(name)
        if done.share and _FAIR_SHARE <= done.share < 1:
            rows, size = int(done.records / done.share), int(done.bytes / done.share)
            estimate = AirbyteEstimateTraceMessage(name, EstimateType.STREAM, row_estimate=rows, byte_estimate=size)
            trace = AirbyteTraceMessage(type=TraceType.ESTIMATE, emitted_at=time.time() * 1000, estimate=estimate)
            yield AirbyteMessage(type=Type.TRACE, trace=trace)


def traced(error: Exception) -> AirbyteTracedException:
    """The CDK's exception for an error, which becomes a trace message and sets the exit code."""
    if not isinstance(error, IterableError):
        return AirbyteTracedException.from_exception(error, message=f"Unexpected error: {type(error).__name__}.")
    return AirbyteTracedException.from_exception(error, message=str(error), failure_type=FailureType(error.failure))


def state_manager(states: list[AirbyteStateMessage] | None) -> ConnectorStateManager:
    """The states given to a sync. Raises AirbyteTracedException."""
    try:
        return ConnectorStateManager(states)
    except ValueError:
        why = "The state is GLOBAL with a shared part, which this connector does not write. Reset the streams."
    except RecursionError:
        why = f"The state is nested too deep to be read. {_UNREADABLE}"
    except AttributeError:
        why = f"The state has an entry that does not match its type. {_UNREADABLE}"
    raise traced(ConfigError(why))


def _complete_state() -> dict[str, Any]:
    """The last state of a full refresh that is complete; empty outside of a job of the platform.

    The platform keeps what the first attempt of a job wrote, and hands its states to the second, which need not read the
    stream again. PyAirbyte, state files and older platforms hand a state to every later sync, so it names the job.
    """
    job = os.environ.get("WORKER_JOB_ID")
    return {**FULL_REFRESH_COMPLETE_STATE, "__ab_job_id": job} if job else {}


def _status(name: str, status: AirbyteStreamStatus, *reasons: AirbyteStreamStatusReason) -> AirbyteMessage:
    return stream_status(StreamDescriptor(name=name), status, [*reasons] or None)


def _beginning(stream: Stream, state: Mapping[str, Any]) -> str:
    """Where a stream begins, for the log."""
    if not state:
        return "reading from the beginning"
    cursor = state.get(stream.cursor_field or "")
    return f"reading from {cursor}" if isinstance(cursor, str) else "resuming from its state"


def _summary(done: StreamProgress, seconds: float) -> str:
    """What a stream has read, for the log."""
    size = f"{done.bytes / 1e6:,.1f} MB" if done.bytes >= 1e6 else f"{done.bytes / 1e3:,.1f} KB"
    counted = "".join(f", {done.counts[what]:,} {what}" for what in sorted(done.counts))
    return f"{done.records:,} records, {size} in {seconds:,.1f} s{counted}"

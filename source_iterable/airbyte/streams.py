"""Streams as the CDK reads them: one partition each, with checkpoints as state messages."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any, cast

from airbyte_cdk.models import (
    AirbyteEstimateTraceMessage,
    AirbyteMessage,
    AirbyteStream,
    AirbyteStreamStatus,
    AirbyteStreamStatusReason,
    AirbyteStreamStatusReasonType,
    AirbyteTraceMessage,
    EstimateType,
    StreamDescriptor,
    SyncMode,
    TraceType,
    Type,
)
from airbyte_cdk.models.airbyte_protocol import AirbyteStreamStatusRateLimitedReason  # type: ignore[attr-defined]
from airbyte_cdk.sources.connector_state_manager import ConnectorStateManager
from airbyte_cdk.sources.message import MessageRepository
from airbyte_cdk.sources.streams import NO_CURSOR_STATE_KEY
from airbyte_cdk.sources.streams.concurrent.cursor import Cursor, CursorField
from airbyte_cdk.sources.streams.concurrent.default_stream import DefaultStream
from airbyte_cdk.sources.streams.concurrent.partitions.partition import Partition
from airbyte_cdk.sources.streams.concurrent.partitions.partition_generator import PartitionGenerator
from airbyte_cdk.sources.types import Record
from airbyte_cdk.utils.stream_status_utils import as_airbyte_message as stream_status

from source_iterable.airbyte.errors import traced
from source_iterable.airbyte.job import complete_state, is_complete
from source_iterable.config import Config
from source_iterable.errors import ConfigError, IterableError, LocalError
from source_iterable.process.machine import trouble
from source_iterable.process.progress import Progress
from source_iterable.reading.context import StreamContext
from source_iterable.reading.stream import Checkpoint, State, Stream

# The share of a stream's time range to read before estimating its total.
FAIR_SHARE = 0.1


def as_airbyte_stream(stream: Stream, config: Config) -> AirbyteStream:
    """The stream as `discover` shows it."""
    incremental = stream.cursor_field is not None
    resumable = incremental or stream.resumable
    return AirbyteStream(
        name=stream.name,
        json_schema=stream.schema(config),
        supported_sync_modes=[SyncMode.full_refresh, *([SyncMode.incremental] if incremental else [])],
        # Required of all that are resumable, also where the cursor is only the progress of a full refresh.
        source_defined_cursor=True if resumable else None,
        default_cursor_field=[stream.cursor_field] if stream.cursor_field else None,
        source_defined_primary_key=[[column] for column in stream.key(config)] or None,
        is_resumable=resumable,
    )


def as_concurrent_stream(
    stream: Stream, context: StreamContext, states: ConnectorStateManager, messages: MessageRepository
) -> DefaultStream:
    """The stream for the CDK to read. Raises ConfigError if its state cannot be read."""
    try:
        given = states.get_stream_state(stream.name, None)
    except RecursionError:
        raise ConfigError(
            f"The state of stream {stream.name} cannot be read: it is nested too deep. Correct the state, or reset the "
            "stream."
        ) from None
    complete = stream.resumable and is_complete(given)
    state = {key: value for key, value in given.items() if key[:5] != "__ab_"}
    stream.check_state(state)
    writer = StateWriter(stream, given if complete else state, states, messages)
    whole = _WholeStream(stream, context, state, writer, complete)
    return DefaultStream(
        partition_generator=_OnePartition(whole),
        name=stream.name,
        # The catalog's: the CDK does nothing with it, which is not worth a request to Iterable.
        json_schema=dict(context.catalog_schemas.get(stream.name, {})),
        primary_key=stream.key(context.config),
        cursor_field=CursorField(stream.cursor_field) if stream.cursor_field else None,
        logger=context.logger,
        cursor=writer,
    )


class StateWriter(Cursor):
    """Emits a stream's checkpoints as state messages, at least one per stream."""

    def __init__(
        self, stream: Stream, state: State, states: ConnectorStateManager, messages: MessageRepository
    ) -> None:
        self._stream = stream
        self._state = state
        self._states = states
        self._messages = messages
        self._written = False

    def write(self, state: State) -> None:
        """Emit a state after the records queued so far. An empty one means that there is no cursor.

        That of a resumable stream is kept until the stream is complete: it is its end.
        """
        self._state = state
        self._written = bool(state) or not self._stream.resumable
        if self._written:
            self._emit_state()

    def emit(self, message: AirbyteMessage) -> None:
        """Emit another message, in order among the records."""
        self._messages.emit_message(message)

    @property
    def state(self) -> MutableMapping[str, Any]:
        return dict(self._state) or {NO_CURSOR_STATE_KEY: True}

    def observe(self, record: Record) -> None:
        """No-op: checkpoints advance the state, not records."""

    def close_partition(self, partition: Partition) -> None:
        """The stream is complete. Without a cursor, the next sync starts over; another attempt of this one does not."""
        if not self._written and self._stream.cursor_field is None:
            self._state = complete_state() if self._stream.resumable else {}

    def ensure_at_least_one_state_emitted(self) -> None:
        if not self._written:
            self._emit_state()

    def _emit_state(self) -> None:
        self._states.update_state_for_stream(self._stream.name, None, self.state)
        self._messages.emit_message(self._states.create_state_message(self._stream.name, None))

    def should_be_synced(self, record: Record) -> bool:
        return True


class _OnePartition(PartitionGenerator):
    def __init__(self, partition: _WholeStream) -> None:
        self._partition = partition

    def generate(self) -> Iterable[Partition]:
        yield self._partition


class _WholeStream(Partition):
    """Everything a stream yields. Batches pose as the CDK's Record; BatchingConcurrentSource handles them.

    Nothing, if an earlier attempt of this job has completed it.
    """

    def __init__(
        self, stream: Stream, context: StreamContext, state: State, writer: StateWriter, complete: bool
    ) -> None:
        self._complete = complete
        self._stream = stream
        self._context = context
        self._state = state
        self._writer = writer

    def read(self) -> Iterable[Record]:
        name, progress = self._stream.name, self._context.progress
        try:
            if self._complete:
                self._context.logger.info(f"{name}: an earlier attempt of this job has read it to its end; skipped.")
                return
            with progress.telling(name, self._tell_limit):
                for item in self._stream.read(self._context, self._state):
                    if isinstance(item, Checkpoint):
                        # All earlier batches are in the queue by now: the CDK enqueues each before requesting the next.
                        self._writer.write(item.state)
                        self._estimate(progress)
                    elif item.count:
                        progress.advance(name, item.count, len(item.lines))
                        yield cast(Record, item)
        except IterableError as error:
            if isinstance(error, LocalError):
                self._context.client.stop(f"The sync was ended: {error}")
            raise traced(error) from error
        except (OSError, MemoryError) as error:
            local = trouble(error)
            self._context.client.stop(f"The sync was ended: {local}")
            raise traced(local) from error
        finally:
            self._context.done(name)
        progress.advance(name, share=1.0)

    def _tell_limit(self, end: float) -> None:
        """Tell the platform that the stream waits for a limit of Iterable, until `end` (seconds since the epoch)."""
        limit = AirbyteStreamStatusRateLimitedReason(quota_reset=int(end * 1000))
        reason = AirbyteStreamStatusReason(type=AirbyteStreamStatusReasonType.RATE_LIMITED, rate_limited=limit)
        descriptor = StreamDescriptor(name=self._stream.name)
        self._writer.emit(stream_status(descriptor, AirbyteStreamStatus.RUNNING, [reason]))

    def to_slice(self) -> Mapping[str, Any]:
        return {"stream": self._stream.name}

    def stream_name(self) -> str:
        return self._stream.name

    def __hash__(self) -> int:
        return hash(self._stream.name)

    def _estimate(self, progress: Progress) -> None:
        """Emit an estimate of the stream's total records and bytes, once a fair share of its time range is read.

        It assumes that the rest is as dense as what has been read.
        """
        stream = progress.stream(self._stream.name)
        if stream.share and FAIR_SHARE <= stream.share < 1:
            estimate = AirbyteEstimateTraceMessage(
                name=self._stream.name,
                type=EstimateType.STREAM,
                row_estimate=int(stream.records / stream.share),
                byte_estimate=int(stream.bytes / stream.share),
            )
            trace = AirbyteTraceMessage(type=TraceType.ESTIMATE, emitted_at=time.time() * 1000, estimate=estimate)
            self._writer.emit(AirbyteMessage(type=Type.TRACE, trace=trace))

"""ListStream: a stream that is read by one thread, in one go, outside of the export API."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any

from airbyte_cdk.sources.streams import NO_CURSOR_STATE_KEY
from airbyte_cdk.sources.streams.concurrent.cursor import Cursor, CursorField
from airbyte_cdk.sources.streams.concurrent.default_stream import DefaultStream
from airbyte_cdk.sources.streams.concurrent.partitions.partition import Partition
from airbyte_cdk.sources.streams.concurrent.partitions.partition_generator import PartitionGenerator
from airbyte_cdk.sources.types import Record

from source_iterable.batches import LineFormat, RecordBatch
from source_iterable.config import Config
from source_iterable.streams.context import StreamContext
from source_iterable.streams.definition import StreamDefinition

Fields = dict[str, Any]


class ListStream(StreamDefinition):
    """What a subclass says: the name, the key, the cursor if there is one, and how to read."""

    primary_key: tuple[str, ...]

    def key(self, config: Config) -> list[str]:
        return list(self.primary_key)

    @abstractmethod
    def read(self, context: StreamContext, state: Fields) -> Iterator[list[Fields] | RecordBatch]:
        """Records, in lists of any length (a page, say). `state` is the stream's, to be changed in place.

        The state is written at the end; where the stream is resumable, also behind a list (an empty one, too) before
        which it has changed. A resumable stream clears its state at the end, so that the next sync starts anew.
        """

    def build(self, context: StreamContext) -> DefaultStream:
        state = dict(context.state_of(self.name))
        return DefaultStream(
            partition_generator=_OnePartition(self, context, state),
            name=self.name,
            json_schema=self.schema(context.config),
            primary_key=list(self.primary_key),
            cursor_field=CursorField(self.cursor_field) if self.cursor_field else None,
            logger=context.logger,
            cursor=_EndCursor(self, context, state),
        )


class _OnePartition(PartitionGenerator):
    def __init__(self, stream: ListStream, context: StreamContext, state: Fields) -> None:
        self._partition = _ListPartition(stream, context, state)

    def generate(self) -> Iterable[Partition]:
        yield self._partition


class _ListPartition(Partition):
    def __init__(self, stream: ListStream, context: StreamContext, state: Fields) -> None:
        self._stream = stream
        self._context = context
        self._state = state

    def read(self) -> Iterable[Record]:
        line_format = LineFormat(self._stream.name)
        saved = dict(self._state)
        for records in self._stream.read(self._context, self._state):
            if records:
                batch = records if isinstance(records, RecordBatch) else line_format.batch(records)
                self._context.progress.advance(self._stream.name, batch.count, len(batch.lines))
                yield batch
            if self._stream.resumable and self._state != saved:
                # The batch is in the queue to stdout by now: this runs when the caller asks for more.
                saved = dict(self._state)
                self._context.save_state(self._stream.name, saved)
        self._context.progress.advance(self._stream.name, share=1.0)

    def to_slice(self) -> Mapping[str, Any]:
        return {}

    def stream_name(self) -> str:
        return self._stream.name

    def __hash__(self) -> int:
        return hash(self._stream.name)


class _EndCursor(Cursor):
    """Writes a stream's state when all of it has been read."""

    def __init__(self, stream: ListStream, context: StreamContext, state: Fields) -> None:
        self._stream_name = stream.name
        self._context = context
        self._state = state
        # What a stream that failed has reached: nothing, or as far as a resumable one said.
        self._reached = state if stream.resumable else dict(state)

    @property
    def state(self) -> MutableMapping[str, Any]:
        return self._reached or {NO_CURSOR_STATE_KEY: True}

    def observe(self, record: Record) -> None:
        """Nothing: a list's order says nothing about what is still to come."""

    def close_partition(self, partition: Partition) -> None:
        self._reached = self._state

    def ensure_at_least_one_state_emitted(self) -> None:
        self._context.save_state(self._stream_name, self.state)

    def should_be_synced(self, record: Record) -> bool:
        return True

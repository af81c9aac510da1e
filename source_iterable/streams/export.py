"""Export streams: events and users, in windows of time."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import Any

from airbyte_cdk.sources.streams.concurrent.cursor import CursorField
from airbyte_cdk.sources.streams.concurrent.default_stream import DefaultStream
from airbyte_cdk.sources.streams.concurrent.partitions.partition import Partition
from airbyte_cdk.sources.streams.concurrent.partitions.partition_generator import PartitionGenerator
from airbyte_cdk.sources.types import Record

from source_iterable.config import Config, parse_date
from source_iterable.errors import IterableError
from source_iterable.exports.cursor import WindowCursor
from source_iterable.exports.records import EventRecords, Records, UserRecords
from source_iterable.exports.windows import Window
from source_iterable.streams.context import StreamContext
from source_iterable.streams.definition import StreamDefinition
from source_iterable.streams.state import state_time
from source_iterable.streams.user_columns import configured_columns, discovered_columns

# A window fails when more of its lines are no JSON than both of these allow: a number, and a share.
BAD_LINES, BAD_SHARE = 10, 0.001


class ExportStream(StreamDefinition):
    """One line of the table: a stream and the data type of the export API that it reads."""

    cost = "1 for up to 31 days; idle: 1"

    def __init__(self, name: str, data_type: str) -> None:
        self.name = name
        self.data_type = data_type
        self.of_users = data_type == "user"
        self.time_field = "profileUpdatedAt" if self.of_users else "createdAt"
        self.cursor_field = self.time_field

    def key(self, config: Config) -> list[str]:
        return [config.users_key] if self.of_users else ["_event_id"]

    def schema(self, config: Config) -> dict[str, Any]:
        """The JSON schema of the records. That of the users asks Iterable for their fields, where the config says so."""
        schema = super().schema(config)
        return discovered_columns(config, schema) if self.of_users and config.user_fields_as_columns else schema

    def build(self, context: StreamContext) -> DefaultStream:
        config = context.config
        state = context.state_of(self.name)
        start = state_time(self.name, self.time_field, state)
        if start is None:
            start = int(parse_date(config.start_date).timestamp())
        end = end_of_sync(config, time.time())
        if start > time.time():
            context.logger.warning(
                f"{self.name}: its state lies in the future ({state.get(self.time_field)}); nothing is read until then."
            )
        cursor = WindowCursor(self.name, self.time_field, start, end, state, context.messages, context.states)
        schema = super().schema(config)
        if self.of_users and config.user_fields_as_columns:
            # Not asked for again: the destination has the columns of the catalog.
            schema = configured_columns(schema, context.catalog_schemas.get(self.name, {}))
        make_records = UserRecords if self.of_users else EventRecords
        return DefaultStream(
            partition_generator=_WindowGenerator(self, context, cursor, make_records(self.name, schema)),
            name=self.name,
            json_schema=schema,
            primary_key=self.key(config),
            cursor_field=CursorField(self.time_field),
            logger=context.logger,
            cursor=cursor,
        )


class _WindowGenerator(PartitionGenerator):
    def __init__(self, stream: ExportStream, context: StreamContext, cursor: WindowCursor, records: Records) -> None:
        self._parts = (stream, context, cursor, records)
        self._cursor = cursor

    def generate(self) -> Iterable[Partition]:
        for window in self._cursor.windows():
            yield _WindowPartition(*self._parts, window)


class _WindowPartition(Partition):
    """One planned window: read through a free door, possibly in pieces, and turned into batches."""

    def __init__(
        self, stream: ExportStream, context: StreamContext, cursor: WindowCursor, records: Records, window: Window
    ) -> None:
        self._stream = stream
        self._context = context
        self._cursor = cursor
        self._records = records
        self._window = window

    def read(self) -> Iterable[Record]:
        received: int | None = None
        size = 0
        name = self._stream.name
        try:
            for window, parts in self._context.doors.read(self._stream.data_type, self._window):
                lines = _LineCount(name, window, self._context.logger)
                for part in parts:
                    with closing(part):
                        for chunk in part.chunks():
                            parsed = self._records.parse(chunk)
                            lines.add(parsed.lines, parsed.bad)
                            size += len(chunk)
                            self._context.progress.advance(name, parsed.batch.count, len(chunk), str(window))
                            yield parsed.batch
                lines.check()
                # The batches are in the queue to stdout by now: this runs when the caller asks for more.
                self._cursor.close_window(window)
                self._context.progress.advance(name, share=self._cursor.share)
                self._context.estimate(name)
            received = size
        finally:
            self._cursor.window_ended(self._window, received)

    def to_slice(self) -> Mapping[str, Any]:
        return {"stream": self._stream.name, **self._window.parameters}

    def stream_name(self) -> str:
        return self._stream.name

    def __hash__(self) -> int:
        return hash((self._stream.name, self._window))


class _LineCount:
    """Counts the lines of a window, tells of those that are no JSON, and fails the window when they are too many."""

    def __init__(self, stream_name: str, window: Window, logger: logging.Logger) -> None:
        self._what = f"{stream_name}, {window}"
        self._logger = logger
        self._lines = 0
        self._bad = 0

    def add(self, lines: int, bad: list[int]) -> None:
        for position in bad:
            self._bad += 1
            if self._bad <= BAD_LINES + 1:
                # Never the line itself: it is somebody's personal data.
                self._logger.warning(f"{self._what}: line {self._lines + position + 1} is not a JSON object; left out.")
        self._lines += lines

    def check(self) -> None:
        if self._bad > BAD_LINES and self._bad > BAD_SHARE * self._lines:
            raise IterableError(f"{self._what}: {self._bad} of {self._lines} lines are not JSON objects.")


def end_of_sync(config: Config, now: float) -> int:
    """The second before which a sync reads: the lookback window before `now` (seconds), or end_date if that is earlier."""
    end = int(now) - 60 * config.lookback_window
    return end if config.end_date is None else min(end, int(parse_date(config.end_date).timestamp()))

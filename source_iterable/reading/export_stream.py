"""Export streams: records of the export API, read in time windows."""

from __future__ import annotations

import time
from abc import abstractmethod
from contextlib import closing

from source_iterable.config import Config, parse_date
from source_iterable.exports.windows import WindowPlan, iso_time
from source_iterable.reading.context import StreamContext
from source_iterable.reading.state import state_time
from source_iterable.reading.stream import Checkpoint, Reading, State, Stream
from source_iterable.records.events import EventRecords
from source_iterable.records.line_count import LineCount
from source_iterable.records.lines import RecordParser


class ExportStream(Stream):
    """A stream of one data type of the export API, incremental on `cursor_field`."""

    data_type: str
    cursor_field: str
    has_rest = True
    cost = "1 for up to 31 days; idle: 1"

    @abstractmethod
    def records(self, context: StreamContext) -> RecordParser:
        """The parser that turns lines into the stream's records."""

    def _read(self, context: StreamContext, state: State) -> Reading:
        plan = self._plan(context, state)
        records = self.records(context)
        for window, parts in context.exports.read(self.data_type, plan):
            lines = LineCount(f"{self.name}, {window}", context.logger)
            for part in parts:
                with closing(part):
                    for chunk in part.chunks():
                        # Held until the batch is in the queue: a slow destination must not cost memory per stream.
                        with context.batch_slots:
                            parsed = records.parse(chunk)
                            lines.add(parsed.lines, parsed.bad)
                            context.progress.advance(self.name, window=str(window))
                            yield parsed.batch
            lines.check()
            context.progress.advance(self.name, share=plan.share(window.end))
            yield Checkpoint({self.cursor_field: iso_time(window.end)})

    def _plan(self, context: StreamContext, state: State) -> WindowPlan:
        now = time.time()
        start = state_time(self.name, self.cursor_field, state)
        if start is None:
            start = int(parse_date(context.config.start_date).timestamp())
        if start > now:
            context.logger.warning(
                f"{self.name}: its state is in the future ({state.get(self.cursor_field)}); nothing is read until then."
            )
        return WindowPlan(start, end_of_sync(context.config, now))


class EventStream(ExportStream):
    """One row of the table: an event stream and its data type."""

    primary_key = ("_event_id",)
    cursor_field = "createdAt"

    def __init__(self, name: str, data_type: str) -> None:
        self.name = name
        self.data_type = data_type

    def records(self, context: StreamContext) -> RecordParser:
        return EventRecords(self.name, self._schema(context.config))


def end_of_sync(config: Config, now: float) -> int:
    """The exclusive end of a sync: `now` (seconds) less the lookback window, or end_date if that is earlier."""
    end = int(now) - 60 * config.lookback_window
    return end if config.end_date is None else min(end, int(parse_date(config.end_date).timestamp()))

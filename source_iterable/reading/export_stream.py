"""Export streams: records of the export API, read in time windows."""

from __future__ import annotations

import re
from abc import abstractmethod
from contextlib import closing

from source_iterable.api.clock import iso_time
from source_iterable.config import Config, parse_date
from source_iterable.errors import ConfigError
from source_iterable.exports.windows import WindowPlan
from source_iterable.reading.catch_up import NEW_EVENTS
from source_iterable.reading.context import StreamContext
from source_iterable.reading.rereading import Rereading, Windows
from source_iterable.reading.state import state_time, unreadable
from source_iterable.reading.stream import Checkpoint, Reading, State, Stream
from source_iterable.records.event_ids import EventIds, mark_of_ids
from source_iterable.records.events import EventRecords
from source_iterable.records.lines import LineCount, RecordParser
from source_iterable.records.private_fields import Redact

# The field of an event stream's state that says what of the last days was written.
REREAD = "reread"
# That of the mark of the ids that were written (event_ids.py).
IDS = "ids"
_MARK = re.compile(r"\d+(:[0-9a-f]{16})?", re.ASCII)


class ExportStream(Stream):
    """A stream of one data type of the export API, incremental on `cursor_field`."""

    data_type: str
    cursor_field: str
    of_people = True
    needs = NEW_EVENTS
    cost = "1 for up to 31 days; idle: 1"

    @abstractmethod
    def records(self, context: StreamContext) -> RecordParser:
        """The parser that turns lines into the stream's records."""

    def marks(self, config: Config) -> State:
        """What else stands in every state of the stream."""
        return {}

    def rereading(self, config: Config, state: State, now: int) -> Rereading | None:
        """What is read again, for late events; None if nothing is."""
        return None

    def _read(self, context: StreamContext, state: State) -> Reading:
        config, now = context.config, int(context.client.now())
        start = state_time(self.name, self.cursor_field, state)
        if start is None:
            start = first_second(config)
        if start > now:
            self.warn_of_future(context, state.get(self.cursor_field))
        end = end_of_sync(config, now)
        plan, again, last = WindowPlan(start, end), self.rereading(config, state, now), state
        try:
            for window, batch in self._windows(context, plan):
                if batch is not None:
                    if again is not None:
                        again.note_new(window, batch)
                    yield batch
                else:
                    context.progress.advance(self.name, share=plan.share(window.end))
                    last = {self.cursor_field: iso_time(window.end), **self.marks(config)}
                    yield Checkpoint(last if again is None else {**last, REREAD: again.state})
        finally:
            context.barrier.done(self.name)
        if again is not None and again.is_due:
            context.barrier.wait()
            count = 0
            for batch in again.read(lambda plan: self._windows(context, plan), end):
                count += batch.count
                yield batch
            context.logger.info(f"{self.name}: reread {config.reread_window} days: {count:,} late or changed events.")
            yield Checkpoint({**last, **self.marks(config), REREAD: again.state})

    def _windows(self, context: StreamContext, plan: WindowPlan) -> Windows:
        records = self.records(context)
        try:
            yield from self._parsed(context, plan, records)
        finally:
            self.log_summary(context, records)

    def log_summary(self, context: StreamContext, records: RecordParser) -> None:
        """Log what users should know about the records that were read."""

    def _parsed(self, context: StreamContext, plan: WindowPlan, records: RecordParser) -> Windows:
        for responses in context.exports.read(self.data_type, plan):
            window = responses.window
            lines = LineCount(f"{self.name}, {window}", context.logger)
            for response in responses:
                with closing(response):
                    for chunk in response.chunks():
                        # Held until the batch is in the queue: a slow destination must not cost memory per stream.
                        with context.batch_slots:
                            parsed = records.parse(chunk)
                            lines.add(parsed.lines, parsed.bad)
                            context.progress.advance(self.name, window=str(window))
                            yield window, parsed.batch
            lines.check()
            yield window, None


class EventStream(ExportStream):
    """One row of the table: an event stream and its data type."""

    primary_key = ("_event_id",)
    cursor_field = "createdAt"

    def __init__(self, name: str, data_type: str) -> None:
        self.name = name
        self.data_type = data_type

    def marks(self, config: Config) -> State:
        return {IDS: mark_of_ids(config.hash_salt)}

    def rereading(self, config: Config, state: State, now: int) -> Rereading | None:
        if not config.reread_window:
            return None
        cursor = state_time(self.name, self.cursor_field, state)
        # Fingerprints are of ids: those of another version tell nothing.
        written = state.get(REREAD) if state.get(IDS) == mark_of_ids(config.hash_salt) else None
        return Rereading(written, config.reread_window, cursor, first_second(config), now)

    def _read(self, context: StreamContext, state: State) -> Reading:
        must_have_ids(self.name, state, mark_of_ids(context.config.hash_salt))
        return super()._read(context, state)

    def records(self, context: StreamContext) -> RecordParser:
        return self.events(self.name, context.config, self.redaction(context))

    def events(self, stream_name: str, config: Config, redact: Redact | None = None) -> EventRecords:
        """The parser of events of this type, for records of a stream."""
        return EventRecords(stream_name, self._schema(config), EventIds(self.data_type, config.hash_salt), redact)


def must_have_ids(stream: str, state: State, mark: str) -> None:
    """Raise ConfigError for a state of ids with another key; one without a mark is taken."""
    given = state.get(IDS)
    if given is None:
        return
    if not isinstance(given, str) or not _MARK.fullmatch(given):
        raise unreadable(stream, f"{IDS} is not what this connector writes")
    if given.partition(":")[2] != mark.partition(":")[2]:
        raise ConfigError(
            f"The state of stream {stream} was written with another hash_salt, which _event_id depends on: with this one, "
            "events would be written twice. Restore the salt, or reset the stream."
        )


def first_second(config: Config) -> int:
    """start_date in seconds since the epoch."""
    return int(parse_date(config.start_date).timestamp())


def end_of_sync(config: Config, now: float) -> int:
    """The exclusive end of a sync: `now` (seconds) less the lookback window, or end_date if that is earlier."""
    end = int(now) - 60 * config.lookback_window
    return end if config.end_date is None else min(end, int(parse_date(config.end_date).timestamp()))

"""Export streams: records of the export API, read in time windows."""

from __future__ import annotations

import re
from abc import abstractmethod
from datetime import datetime, timezone
from functools import partial
from typing import Annotated

import msgspec
from dateutil import parser

from source_iterable.api.clock import iso_time
from source_iterable.config import Config, parse_date
from source_iterable.errors import ConfigError
from source_iterable.exports.windows import DAY, WindowPlan
from source_iterable.reading.catch_up import NEW_EVENTS
from source_iterable.reading.fingerprints import state_as
from source_iterable.reading.rereading import Rereading, Windows
from source_iterable.reading.slices import chunks_of
from source_iterable.reading.stream import Checkpoint, Reading, State, Stream, StreamContext, unreadable
from source_iterable.records.events import EventIds, EventRecords, mark_of_ids
from source_iterable.records.lines import LineCount, RecordParser

# The field of an event stream's state that says what of the last days was written.
REREAD = "reread"
# Those of the bytes a day that the stream had lately, and of what the transports took for its last windows: how large its
# windows are, and which transport reads them.
BYTES_A_DAY, TOOK = "bytesADay", "took"
# That of the mark of the ids that were written (events.py).
IDS = "ids"
# A larger number in a state is in milliseconds since the epoch, not in seconds.
_MILLISECONDS = 10**11
# Seconds that a transport took: more is not what one of this version wrote.
_LONGEST = 2 * 86_400
_Number = Annotated[int, msgspec.Meta(ge=0, le=10**15)]
_MARK = re.compile(r"\d+(:[0-9a-f]{16})?", re.ASCII)


class ExportStream(Stream):
    """A stream of one data type of the export API, incremental on `cursor_field`.

    `has_ids`: its records have ids of ours, whose mark is in the state.

    Requests: 1 for up to 31 days; idle: 1.
    """

    data_type: str
    cursor_field: str
    # Each is of a window, which may take an hour.
    every_state = True
    of_people = True
    needs = NEW_EVENTS
    has_ids = False

    @abstractmethod
    def records(self, context: StreamContext) -> RecordParser:
        """The parser that turns lines into the stream's records."""

    def log_summary(self, context: StreamContext, records: RecordParser) -> None:
        """Log what users should know about the records that were read."""

    def check_state(self, state: State) -> None:
        state_time(self.name, self.cursor_field, state)

    def _read(self, context: StreamContext, state: State) -> Reading:
        config, now = context.config, int(context.client.now())
        cursor, first = state_time(self.name, self.cursor_field, state), int(parse_date(config.start_date).timestamp())
        start = first if cursor is None else cursor
        if start > now:
            self.warn_of_future(context, state.get(self.cursor_field))
        end = now - 60 * config.lookback_window
        if config.end_date:
            end = min(end, int(parse_date(config.end_date).timestamp()))
        marks, again = {}, None
        if self.has_ids:
            mark = mark_of_ids(config.hash_salt)
            must_have_ids(self.name, state, mark)
            marks = {IDS: mark}
            if config.reread_window:
                # Fingerprints are of ids: those of another version tell nothing.
                written = state.get(REREAD) if state.get(IDS) == mark else None
                again = Rereading(written, config.reread_window, cursor, first, now)
        sizes = state_as(_Sizes, state) or _Sizes()
        context.exports.expect(sizes.took)
        plan, last, records = WindowPlan(start, end, sizes.bytesADay / DAY), state, self.records(context)
        try:
            for window, batch in self._windows(context, plan, records):
                if batch is None:
                    context.progress.advance(self.name, share=plan.share(window.end))
                    # Half of what it was, at least: a stream that is read every hour may have most of its events in one.
                    size = max(int(plan.mean_density * DAY), sizes.bytesADay // 2)
                    # Not what an earlier sync said of a transport that was left alone since: it may be faster again.
                    took = context.exports.took(self.data_type)
                    known = {BYTES_A_DAY: size, TOOK: {name: [*each] for name, each in took.items()}}
                    last = {self.cursor_field: iso_time(window.end), **marks, **known}
                    yield Checkpoint({**last, REREAD: again.state} if again else last)
                else:
                    if again:
                        again.note_new(window, batch)
                    yield batch
        finally:
            self.log_summary(context, records)
        context.barrier.done(self.name)
        if again and again.is_due:
            context.barrier.wait()
            count = 0
            for batch in again.read(lambda plan: self._windows(context, plan, records), end, plan.mean_density):
                count += batch.count
                yield batch
            context.logger.info(f"{self.name}: reread {config.reread_window} days: {count:,} late or changed events.")
            yield Checkpoint({**last, **marks, REREAD: again.state})

    def _windows(self, context: StreamContext, plan: WindowPlan, records: RecordParser) -> Windows:
        for part in context.exports.read(self.data_type, plan):
            lines = LineCount(f"{self.name}, {part.window}", context.logger)
            for response in part:
                for chunk in chunks_of(response):
                    # Held until the batch is in the queue: a slow destination must not cost memory per stream.
                    with context.batch_slots:
                        parsed = records.parse(chunk)
                        lines.add(parsed.lines, parsed.bad)
                        context.progress.advance(self.name, window=str(part.window))
                        yield part.window, parsed.batch
            lines.check()
            plan.add(part.window, part.size)
            yield part.window, None


class EventStream(ExportStream):
    """An event stream, and its data type."""

    primary_key = ("_event_id",)
    cursor_field = "createdAt"
    has_ids = True

    def __init__(self, name: str, data_type: str) -> None:
        self.name = name
        self.data_type = data_type

    def records(self, context: StreamContext) -> RecordParser:
        return self.events(self.name, context.config)

    def events(self, stream_name: str, config: Config) -> EventRecords:
        """The parser of events of this type, for records of a stream."""
        return EventRecords(stream_name, self._schema(config), EventIds(self.data_type, config.hash_salt))


class _Sizes(msgspec.Struct):
    """What a state says of a stream's size, and of the transports."""

    bytesADay: _Number = 0
    took: dict[str, tuple[_Number, Annotated[float, msgspec.Meta(ge=0, le=_LONGEST)]]] = {}


def must_have_ids(stream: str, state: State, mark: str) -> None:
    """Raise ConfigError for a state whose ids have another key; a state without a mark is accepted."""
    given = mark if state.get(IDS) is None else state[IDS]
    if not isinstance(given, str) or not _MARK.fullmatch(given):
        raise unreadable(stream, f"{IDS} is not what this connector writes")
    if given.partition(":")[2] != mark.partition(":")[2]:
        raise ConfigError(
            f"The state of stream {stream} was written with another hash_salt, which _event_id depends on: with this one, "
            "events would be written twice. Restore the salt, or reset the stream."
        )


def state_time(stream_name: str, cursor_field: str, state: State) -> int | None:
    """The time of a state in seconds since the epoch; None if it has none.

    Accepts our states and those of Airbyte's published connector: a date in any format. Raises ConfigError for a value
    that is not a date.
    """
    value = state.get(cursor_field)
    if value is None:
        return None
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            seconds = int(value / 1000 if value > _MILLISECONDS else value)
        else:
            # Text without a year, month or day takes it from the default, so two defaults parse differently.
            parse = partial(parser.parse, value, tzinfos=_offset)
            first, second = (parse(default=datetime(year, year, year)) for year in (1, 2))
            if first != second:
                raise ValueError
            seconds = int((first if first.tzinfo else first.replace(tzinfo=timezone.utc)).timestamp())
        datetime.fromtimestamp(seconds, timezone.utc)  # raises if there is no such year
        return seconds
    except (ValueError, TypeError, OverflowError, OSError):
        raise unreadable(stream_name, f"{cursor_field} is {value!r}, which is not a date") from None


def _offset(name: str | None, seconds: int | None) -> int | None:
    """The offset of a time zone in a text. One known by its name alone, such as CET, would be taken for UTC."""
    if name and seconds is None:
        raise ValueError(name)
    return seconds

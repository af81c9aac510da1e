"""What exports hold: events of the seed, profiles of users, and what a test adds."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from functools import partial
from typing import NamedTuple

import orjson

from .events import USER, Events, as_user_event
from .fixtures import Record
from .messages import csv_lines
from .people import People
from .times import Clock, parse_record_time, window_ms

When = datetime | None


class _Put(NamedTuple):
    """A line that a test adds; record is None if the line is not a JSON object."""

    data_type: str
    ms: int
    visible_ms: int
    line: bytes
    record: Record | None


class Selection(NamedTuple):
    """The records, and their fields, that a request selects."""

    data_type: str
    start_ms: int
    end_ms: int
    as_of_ms: int
    only: frozenset[str] = frozenset()
    omit: frozenset[str] = frozenset()
    campaign: int | None = None
    as_csv: bool = False

    def apply(self, record: Record) -> Record | None:
        """The record with its selected fields; None if it is not selected."""
        if self.campaign is not None and record.get("campaignId") != self.campaign:
            return None
        if not self.only and not self.omit:
            return record
        return {n: value for n, value in record.items() if (n in self.only or not self.only) and n not in self.omit}


class Exports:
    """Records and lines of any data type and window."""

    def __init__(self, people: People, events: Events, clock: Clock) -> None:
        self._people, self._events, self._clock = people, events, clock
        self._puts: list[_Put] = []

    def put(self, data_type: str, records: Iterable[Record | bytes], visible_at: When = None, at: When = None) -> None:
        """Add records, or their lines, in the window of `at`, or else of their createdAt or profileUpdatedAt."""
        field = "profileUpdatedAt" if data_type == USER else "createdAt"
        puts, visible_ms = [], 0 if visible_at is None else window_ms(visible_at)
        for each in records:
            line = each if isinstance(each, bytes) else orjson.dumps(each)
            record = _record(line)
            ms = parse_record_time((record or {}).get(field)) if at is None else window_ms(at)
            if ms is None:
                raise ValueError(f"a record needs a {field} that is a time: {each!r}")
            puts.append(_Put(data_type, ms, visible_ms, line, record))
        self._puts += puts

    def _found(self, selection: Selection) -> Iterator[tuple[Record | None, bytes]]:
        data_type, start_ms, end_ms, as_of_ms, *_ = selection
        make = self._people.profiles if data_type == USER else partial(self._events.records, data_type)
        yield from ((record, b"") for record in make(start_ms, end_ms, as_of_ms))
        for put in self._puts:
            if put.data_type == data_type and start_ms <= put.ms < end_ms and put.visible_ms <= as_of_ms:
                yield put.record, put.line

    def records(self, selection: Selection) -> Iterator[Record]:
        """The records that the export sends for the selection."""
        records = (selection.apply(record) for record, _ in self._found(selection) if record is not None)
        return (record for record in records if record is not None)

    def lines(self, selection: Selection) -> Iterator[bytes]:
        """The lines that the export sends, each with its end. U+2028 and its like stay unescaped, as JSON allows.

        CSV begins with the names of all fields that occur, so it is gathered first.
        """
        if selection.as_csv:
            rows = [{name: _cell(value) for name, value in record.items()} for record in self.records(selection)]
            columns = list(dict.fromkeys(name for row in rows for name in row))
            yield from (line.encode() for line in csv_lines(columns, rows) if columns)
            return
        for record, line in self._found(selection):
            wanted = None if record is None else selection.apply(record)
            if line and wanted is record:
                yield line + b"\n"
            elif wanted is not None:
                yield orjson.dumps(wanted, option=orjson.OPT_APPEND_NEWLINE)

    def user_events(
        self, identifier: str, include_custom: bool = True, kinds: Collection[str] = ("email", "userId", "itblUserId")
    ) -> list[Record]:
        """What export/userEvents sends now for an identifier of one of these kinds; nothing for an unknown one."""
        user, now = self._people.find(identifier, kinds), self._clock.now_ms()
        if user is None:
            return []
        found = list(self._events.of_user(user.index, include_custom, now))
        for data_type, _, visible_ms, _, record in self._puts:
            mine = record and any(record.get(name) == known for name, known in user.identifiers.items())
            hidden = data_type == USER or (data_type == "customEvent" and not include_custom) or visible_ms > now
            found += [as_user_event(data_type, record)] if record and mine and not hidden else []
        return found


def _cell(value: object) -> str:
    return "" if value is None else value if isinstance(value, str) else orjson.dumps(value).decode()


def _record(line: bytes) -> Record | None:
    try:
        parsed = orjson.loads(line)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None

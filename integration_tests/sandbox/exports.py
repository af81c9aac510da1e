"""What exports hold: the events of the seed, the profiles of users and what a test has put in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import orjson

from .events import Events, as_user_event
from .kinds import USER
from .times import Clock, parse_record_time
from .users import People

Record = dict[str, Any]


class Put(NamedTuple):
    """A line that a test has put in; record is None where the line is not a JSON object."""

    ms: int
    visible_ms: int
    line: bytes
    record: Record | None


class Selection(NamedTuple):
    """Which records, and which of their fields, a request asks for."""

    data_type: str
    start_ms: int
    end_ms: int
    as_of_ms: int
    only: frozenset[str] = frozenset()
    omit: frozenset[str] = frozenset()
    campaign: int | None = None

    def apply(self, record: Record) -> Record | None:
        """The record as asked for; None where it is not."""
        if self.campaign is not None and record.get("campaignId") != self.campaign:
            return None
        if self.only:
            return {name: value for name, value in record.items() if name in self.only}
        return {name: value for name, value in record.items() if name not in self.omit} if self.omit else record


class Exports:
    """Records and lines of any data type and window."""

    def __init__(self, people: People, events: Events, clock: Clock) -> None:
        self._people = people
        self._events = events
        self._clock = clock
        self._puts: dict[str, list[Put]] = {}

    def put(self, data_type: str, lines: Iterable[Record | bytes], visible_ms: int) -> None:
        """Add records; each is served in the window that its own time belongs to."""
        field = "profileUpdatedAt" if data_type == USER else "createdAt"
        puts = []
        for line in lines:
            record = line if isinstance(line, dict) else orjson.loads(line)
            ms = parse_record_time(record.get(field))
            if ms is None:
                raise ValueError(f"a record needs a {field} that tells its window: {record.get(field)!r}")
            puts.append(Put(ms, visible_ms, orjson.dumps(line) if isinstance(line, dict) else line, record))
        self._puts[data_type] = [*self._puts.get(data_type, []), *puts]

    def put_line(self, data_type: str, ms: int, line: bytes, visible_ms: int) -> None:
        """Add one line of any bytes at a moment."""
        try:
            parsed = orjson.loads(line)
        except ValueError:
            parsed = None
        put = Put(ms, visible_ms, line, parsed if isinstance(parsed, dict) else None)
        self._puts[data_type] = [*self._puts.get(data_type, []), put]

    def _of_selection(self, selection: Selection) -> Iterator[Record | Put]:
        data_type, start_ms, end_ms, as_of_ms, *_ = selection
        if data_type == USER:
            yield from self._people.profiles(start_ms, end_ms, as_of_ms)
        else:
            yield from self._events.records(data_type, start_ms, end_ms, as_of_ms)
        for put in self._puts.get(data_type, ()):
            if start_ms <= put.ms < end_ms and put.visible_ms <= as_of_ms:
                yield put

    def records(self, selection: Selection) -> Iterator[Record]:
        """The records that the export sends for the selection."""
        for found in self._of_selection(selection):
            record = found.record if isinstance(found, Put) else found
            wanted = None if record is None else selection.apply(record)
            if wanted is not None:
                yield wanted

    def lines(self, selection: Selection) -> Iterator[bytes]:
        """The lines that the export sends, each with its end. U+2028 and its like stay unescaped, as JSON allows."""
        for found in self._of_selection(selection):
            record = found.record if isinstance(found, Put) else found
            wanted = {} if record is None else selection.apply(record)
            if isinstance(found, Put) and (record is None or wanted is record):
                yield found.line + b"\n"
            elif wanted is not None:
                yield orjson.dumps(wanted, option=orjson.OPT_APPEND_NEWLINE)

    def user_events(self, identifier: str, include_custom: bool) -> Iterator[Record]:
        """All events of one user, as export/userEvents sends them now; none of a user that nobody knows."""
        user, now = self._people.find(identifier), self._clock.now_ms()
        if user is None:
            return
        yield from self._events.of_user(user.index, include_custom, now)
        for data_type, puts in self._puts.items():
            if data_type == USER or (data_type == "customEvent" and not include_custom):
                continue
            for put in puts:
                record = put.record or {}
                if put.visible_ms <= now and any(record.get(n) == name for n, name in user.identifiers.items()):
                    yield as_user_event(data_type, record)


def chunks(lines: Iterable[bytes], size: int = 65_536) -> Iterator[bytes]:
    """Lines gathered into pieces of about this size, as a server sends them."""
    gathered: list[bytes] = []
    length = 0
    for line in lines:
        gathered.append(line)
        length += len(line)
        if length >= size:
            yield b"".join(gathered)
            gathered, length = [], 0
    if gathered:
        yield b"".join(gathered)

"""What the export holds: the seed's events, the users' profiles and what a test has put in."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import orjson

from .events import Events, as_user_event
from .kinds import USER
from .people import User
from .shapes import encode
from .times import Clock, parse_record_time
from .world import World

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

    @property
    def plain(self) -> bool:
        """Whether records go out whole."""
        return not self.only and not self.omit and self.campaign is None

    def apply(self, record: Record) -> Record | None:
        """The record as asked for; None where it is not."""
        if self.campaign is not None and record.get("campaignId") != self.campaign:
            return None
        if self.only:
            return {name: value for name, value in record.items() if name in self.only}
        return {name: value for name, value in record.items() if name not in self.omit}


class Exports:
    """Records and lines of any data type and window."""

    def __init__(self, world: World, events: Events, clock: Clock) -> None:
        self._world = world
        self._events = events
        self._clock = clock
        self._puts: dict[str, list[Put]] = {}
        self._lock = threading.Lock()

    def put(self, data_type: str, lines: Iterable[Record | bytes], visible_ms: int) -> None:
        """Add records; each is served in the window that its own time belongs to."""
        field = "profileUpdatedAt" if data_type == USER else "createdAt"
        added = []
        for line in lines:
            record = line if isinstance(line, dict) else orjson.loads(line)
            ms = parse_record_time(record.get(field))
            if ms is None:
                raise ValueError(f"a record needs a {field} that tells its window: {record.get(field)!r}")
            added.append(Put(ms, visible_ms, encode(line) if isinstance(line, dict) else line, record))
        self._add(data_type, added)

    def put_line(self, data_type: str, ms: int, line: bytes, visible_ms: int) -> None:
        """Add one line of any bytes at an instant."""
        try:
            parsed = orjson.loads(line)
        except ValueError:
            parsed = None
        self._add(data_type, [Put(ms, visible_ms, line, parsed if isinstance(parsed, dict) else None)])

    def _add(self, data_type: str, puts: list[Put]) -> None:
        with self._lock:
            self._puts[data_type] = [*self._puts.get(data_type, []), *puts]

    def _put_in(self, selection: Selection) -> Iterator[Put]:
        for put in self._puts.get(selection.data_type, ()):
            if selection.start_ms <= put.ms < selection.end_ms and put.visible_ms <= selection.as_of_ms:
                yield put

    def _made(self, selection: Selection) -> Iterator[Record]:
        window = (selection.start_ms, selection.end_ms, selection.as_of_ms)
        if selection.data_type == USER:
            return self._world.people.profiles(*window)
        return self._events.records(selection.data_type, *window)

    def records(self, selection: Selection) -> Iterator[Record]:
        """The records that the export sends for the selection."""
        yield from self._made(selection)
        for put in self._put_in(selection):
            if put.record is not None:
                yield put.record

    def lines(self, selection: Selection) -> Iterator[bytes]:
        """The lines that the export sends, each with its end."""
        if selection.plain:
            for record in self._made(selection):
                yield encode(record) + b"\n"
            for put in self._put_in(selection):
                yield put.line + b"\n"
        else:
            for record in self.records(selection):
                wanted = selection.apply(record)
                if wanted is not None:
                    yield encode(wanted) + b"\n"

    def user_events(self, user: User, include_custom: bool) -> Iterator[Record]:
        """All events of one user, as export/userEvents sends them now."""
        now = self._clock.now_ms()
        yield from self._events.of_user(user.index, include_custom, now)
        names = set(user.identifiers().values())
        for data_type, puts in self._puts.items():
            if data_type == USER or (data_type == "customEvent" and not include_custom):
                continue
            for put in puts:
                record = put.record
                if record is None or put.visible_ms > now:
                    continue
                if names & {str(record.get(name)) for name in ("email", "userId", "itblUserId")}:
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

"""From the lines of an export to finished RECORD messages: lossless, typed, with an id from the content.

This is the work done for every record, so it is written for speed: one sorted serialization serves both the id and the
output wherever nothing of the record has to move.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, NamedTuple, Protocol

import orjson

from source_iterable.batches import LineFormat, RecordBatch
from source_iterable.exports import careful
from source_iterable.exports.careful import NotARecord
from source_iterable.exports.timestamps import rfc3339

Fields = dict[str, Any]
Dumps = Callable[[Any, None, int], bytes]
_INTERNAL = "itblInternal"
_INTERNAL_PREFIX = "itblInternal."
# Columns that the connector makes; a field of the same name that the API sends goes under `data`.
_OURS = frozenset(("_event_id", _INTERNAL, "data"))
_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (float, int),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
    "null": (type(None),),
}
_SORTED = orjson.OPT_SORT_KEYS


class Parsed(NamedTuple):
    """What came out of a chunk: a batch, the number of lines, and the positions (from 0) of those that are no records."""

    batch: RecordBatch
    lines: int
    bad: list[int]


class Records(Protocol):
    """Makes the records of one stream."""

    def parse(self, chunk: bytes) -> Parsed:
        """The records of a chunk of complete lines."""


class _Columns:
    """Which values the columns of a stream take, from its JSON schema."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self.expected: dict[str, type] = {}
        self.fitting: set[tuple[str, type]] = set()
        self.times: set[str] = set()
        for name, column in schema["properties"].items():
            if name in _OURS:
                continue
            types = [column["type"]] if isinstance(column["type"], str) else column["type"]
            if column.get("format") == "date-time":
                self.times.add(name)
                types = [kind for kind in types if kind == "null"]
            for python_type in (python_type for kind in types for python_type in _PYTHON_TYPES[kind]):
                self.fitting.add((name, python_type))
                if python_type is not type(None):
                    self.expected.setdefault(name, python_type)

    def split(self, record: Fields) -> tuple[Fields, Fields]:
        """The fields that are columns, with their times in RFC 3339, and all others."""
        columns, data = {}, {}
        for name, value in record.items():
            if (name, type(value)) in self.fitting:
                columns[name] = value
            elif name in self.times and (time := rfc3339(value)) is not None:
                columns[name] = time
            else:
                data[name] = value
        return columns, data


class EventRecords:
    """Records of one event stream: `_event_id`, columns, `itblInternal`, `data`."""

    def __init__(self, stream_name: str, schema: Mapping[str, Any]) -> None:
        self._format = LineFormat(stream_name)
        self._columns = _Columns(schema)
        # createdAt has its final form by the time that columns are told apart.
        self._expected = {**self._columns.expected, "createdAt": str}

    def parse(self, chunk: bytes) -> Parsed:
        return _parse(self._format, self.data_of, chunk)

    def data_of(self, record: Fields, dumps: Dumps = orjson.dumps) -> bytes:
        """A record's data as JSON; `record` is used up."""
        internal = take_internal(record)
        identity, is_output = identify(record, dumps)
        event_id = event_id_of(identity).encode()
        columns, data = identity, b"{}"
        if is_output:
            expected, fitting = self._expected, self._columns.fitting
            for name, value in record.items():
                kind = type(value)
                if expected.get(name) is not kind and (name, kind) not in fitting:
                    is_output = False
                    break
        if not is_output:
            typed, other = self._columns.split(record)
            columns, data = dumps(typed, None, _SORTED), dumps(other, None, _SORTED)
        return b'{"_event_id":"%b"%b%b,"itblInternal":%b,"data":%b}' % (
            event_id,
            b"," if len(columns) > 2 else b"",
            columns[1:-1],
            dumps(internal, None, _SORTED) if internal else b"{}",
            data,
        )


class UserRecords:
    """Records of the users stream: the declared fields on top, all others under `data`; dotted names stay dotted."""

    def __init__(self, stream_name: str, schema: Mapping[str, Any]) -> None:
        self._format = LineFormat(stream_name)
        self._columns = _Columns(schema)

    def parse(self, chunk: bytes) -> Parsed:
        return _parse(self._format, self.data_of, chunk)

    def data_of(self, record: Fields, dumps: Dumps = orjson.dumps) -> bytes:
        """A record's data as JSON."""
        columns, data = self._columns.split(record)
        columns["data"] = data
        return dumps(columns, None, 0)


def take_internal(record: Fields) -> Fields:
    """Take the `itblInternal` fields out of a record, nested or dotted as they may be, as one object.

    Where both shapes name the same field, and where `itblInternal` is no object, the record keeps what does not fit.
    """
    internal: Fields = {}
    if type(record.get(_INTERNAL)) is dict:
        internal = record.pop(_INTERNAL)
    for name in [name for name in record if name.startswith(_INTERNAL_PREFIX)]:
        key = name[len(_INTERNAL_PREFIX) :]
        if key not in internal:
            internal[key] = record.pop(name)
    return internal


def identify(record: Fields, dumps: Dumps = orjson.dumps) -> tuple[bytes, bool]:
    """What an event's id is made from: its content without `itblInternal`, as sorted JSON.

    `createdAt` is brought to its one form and `transactionalData` opened first, in the record itself, since their shape
    is the transport's, not the event's. The schema has no part in it, so that a column added later changes no id.
    Returns the JSON, and whether it may serve as output too: not where `createdAt` is no time.
    """
    created = rfc3339(record.get("createdAt"))
    if created is not None:
        record["createdAt"] = created
    transactional = record.get("transactionalData")
    if type(transactional) is str and transactional[:1] == "{":
        try:
            opened = orjson.loads(transactional) if dumps is orjson.dumps else careful.parse(transactional.encode())
            record["transactionalData"] = opened
        except ValueError:
            pass
    if "_type" in record:
        # userEvents alone tells the type of an event: it is the name of the stream, no content.
        return dumps({name: value for name, value in record.items() if name != "_type"}, None, _SORTED), False
    return dumps(record, None, _SORTED), created is not None


def event_id_of(identity: bytes) -> str:
    """32 hex digits, half of a SHA-256: in the standard library, and the fastest there where the processor helps."""
    return sha256(identity).hexdigest()[:32]


def _parse(line_format: LineFormat, data_of: Callable[..., bytes], chunk: bytes) -> Parsed:
    before, after = line_format.before, line_format.after()
    loads = orjson.loads
    long = careful.lines_with_long_integers(chunk)
    out: list[bytes] = []
    bad: list[int] = []
    lines = chunk.split(b"\n")
    if not lines[-1]:
        lines.pop()
    for position, line in enumerate(lines):
        try:
            record = loads(line)
            dumps: Dumps = orjson.dumps
            if type(record) is not dict or (long and line in long):
                raise NotARecord
        except ValueError:
            if not line.strip():
                continue
            try:
                record, dumps = careful.parse(line), careful.dumps
            except NotARecord:
                bad.append(position)
                continue
        out += (before, data_of(record, dumps), after)
    batch = RecordBatch(line_format.stream_name, len(out) // 3, b"".join(out))
    return Parsed(batch, len(lines), bad)

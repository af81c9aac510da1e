"""From the lines of an export to finished RECORD messages: lossless, typed, with an id from the content.

This is the work done for every record, so it is written for speed: one sorted serialization serves both the id and the
output wherever nothing of the record has to move.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple, Protocol

import orjson
from xxhash import xxh3_128_hexdigest

from source_iterable.batches import LineFormat, RecordBatch
from source_iterable.exports import careful
from source_iterable.exports.careful import NotARecord
from source_iterable.exports.timestamps import rfc3339

Fields = dict[str, Any]
Dumps = Callable[[Any, None, int], bytes]
_INTERNAL = "itblInternal"
_INTERNAL_PREFIX = "itblInternal."
# The fields that nearly every record has; all others are looked for where these do not explain the record.
_USUAL_INTERNAL = tuple((_INTERNAL_PREFIX + name, name) for name in ("documentCreatedAt", "documentUpdatedAt"))
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
        self.fitting: set[tuple[str, type]] = set()
        self.times: set[str] = set()
        for name, column in schema["properties"].items():
            if name in _OURS:
                continue
            types = [column["type"]] if isinstance(column["type"], str) else column["type"]
            if column.get("format") == "date-time":
                self.times.add(name)
                types = [kind for kind in types if kind == "null"]
            self.fitting.update((name, python_type) for kind in types for python_type in _PYTHON_TYPES[kind])

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
        self._settled = frozenset(self._columns.fitting | {("createdAt", str)})

    def parse(self, chunk: bytes) -> Parsed:
        return _parse(self._format, self._message, chunk)

    def _message(self, before: bytes, record: Fields, after: bytes, dumps: Dumps) -> bytes:
        """A record's data as JSON, with what comes before and after it; `record` is used up."""
        internal = {}
        if _INTERNAL not in record:
            for dotted, name in _USUAL_INTERNAL:
                if dotted in record:
                    internal[name] = record.pop(dotted)
        if (
            normalize(record, dumps)
            and "_type" not in record
            # All that is left are columns, and nothing has to move: asked without a loop in Python.
            and self._settled.issuperset(zip(record, map(type, record.values())))  # noqa: B905  they are of one length
        ):
            identity = dumps(record, None, _SORTED)
            return b'%b{"_event_id":"%b",%b,"itblInternal":%b,"data":{}}%b' % (
                before,
                event_id_of(identity).encode(),
                identity[1:-1],
                dumps(internal, None, _SORTED),
                after,
            )
        columns, data = self._columns.split(record)
        # No column of an event has such a name, so that they are all in `data`.
        if names := [name for name in data if name.startswith(_INTERNAL)]:
            internal.update(take_internal(data))
            for name in names:
                if name not in data:
                    del record[name]
        event_id = event_id_of(identity_of(record, dumps)).encode()
        return b'%b{"_event_id":"%b"%b%b,"itblInternal":%b,"data":%b}%b' % (
            before,
            event_id,
            b"," if columns else b"",
            dumps(columns, None, _SORTED)[1:-1],
            dumps(internal, None, _SORTED),
            dumps(data, None, _SORTED),
            after,
        )


class UserRecords:
    """Records of the users stream: the declared fields on top, all others under `data`; dotted names stay dotted."""

    def __init__(self, stream_name: str, schema: Mapping[str, Any]) -> None:
        self._format = LineFormat(stream_name)
        self._columns = _Columns(schema)

    def parse(self, chunk: bytes) -> Parsed:
        return _parse(self._format, self._message, chunk)

    def _message(self, before: bytes, record: Fields, after: bytes, dumps: Dumps) -> bytes:
        columns, data = self._columns.split(record)
        columns["data"] = data
        return before + dumps(columns, None, 0) + after


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


def normalize(record: Fields, dumps: Dumps = orjson.dumps) -> bool:
    """Bring `createdAt` to its one form and open `transactionalData`, in the record itself.

    Their shape is the transport's, not the event's. Returns whether `createdAt` is a time.
    """
    transactional = record.get("transactionalData")
    if type(transactional) is str and transactional[:1] == "{":
        try:
            opened = orjson.loads(transactional) if dumps is orjson.dumps else careful.parse(transactional.encode())
            record["transactionalData"] = opened
        except ValueError:  # it only looked like an object
            pass
    created = rfc3339(record.get("createdAt"))
    if created is None:
        return False
    record["createdAt"] = created
    return True


def identity_of(record: Fields, dumps: Dumps = orjson.dumps) -> bytes:
    """What an event's id is made from: the content of a normalized record without `itblInternal`, as sorted JSON.

    The schema has no part in it, so that a column added later changes no id; nor has `_type`, which userEvents alone
    tells: it is the name of the stream.
    """
    if "_type" in record:
        record = {name: value for name, value in record.items() if name != "_type"}
    return dumps(record, None, _SORTED)


def event_id_of(identity: bytes) -> str:
    """32 hex digits of XXH3-128: ten times as fast as the standard library's hashes, and spread as well.

    It does not withstand somebody who makes collisions on purpose; who can send events could send one twice as well.
    """
    return xxh3_128_hexdigest(identity)


def _parse(
    line_format: LineFormat,
    message: Callable[[bytes, Fields, bytes, Dumps], bytes],
    chunk: bytes,
    long: Collection[bytes] = (),
) -> Parsed:
    before, after = line_format.before, line_format.after()
    loads, fast = orjson.loads, orjson.dumps
    out: list[bytes] = []
    bad: list[int] = []
    append = out.append
    lines = chunk.split(b"\n")
    if not lines[-1]:
        lines.pop()
    for position, line in enumerate(lines):
        try:
            record = loads(line)
            dumps: Dumps = fast
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
        append(message(before, record, after, dumps))
    output = b"".join(out)
    if not long and careful.may_hold_a_changed_integer(output):
        long = careful.lines_with_long_integers(chunk)
        if long:
            return _parse(line_format, message, chunk, long)
    return Parsed(RecordBatch(line_format.stream_name, len(out), output), len(lines), bad)

"""Records of event streams: lossless, typed, with an id derived from the content.

One sorted serialization serves both the id and the output unless a field has to move.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from xxhash import xxh3_128_hexdigest

from source_iterable import exact_json
from source_iterable.records.batch import LineFormat
from source_iterable.records.columns import Columns, Fields
from source_iterable.records.lines import Dumps, Parsed, parse_lines
from source_iterable.records.timestamps import rfc3339

_INTERNAL = "itblInternal"
_INTERNAL_PREFIX = "itblInternal."
# The fields that nearly every record has; others are searched for only if these do not account for it.
_USUAL_INTERNAL = tuple((_INTERNAL_PREFIX + name, name) for name in ("documentCreatedAt", "documentUpdatedAt"))
_SORTED = orjson.OPT_SORT_KEYS


class EventRecords:
    """Records of one event stream: `_event_id`, columns, `itblInternal`, `data`."""

    def __init__(self, stream_name: str, schema: Mapping[str, Any]) -> None:
        self._format = LineFormat(stream_name)
        self._columns = Columns(schema)
        # createdAt is already normalized when columns are checked.
        self._settled = frozenset(self._columns.fitting | {("createdAt", str)})

    def parse(self, chunk: bytes) -> Parsed:
        return parse_lines(self._format, self._message, chunk)

    def _message(self, before: bytes, record: Fields, after: bytes, dumps: Dumps) -> bytes:
        """Serialize a record between `before` and `after`; `record` is consumed."""
        internal = {}
        if _INTERNAL not in record:
            for dotted, name in _USUAL_INTERNAL:
                if dotted in record:
                    internal[name] = record.pop(dotted)
        if (
            normalize(record, dumps)
            and "_type" not in record
            # Only columns are left, and nothing has to move: checked without a Python loop.
            and self._settled.issuperset(zip(record, map(type, record.values())))  # noqa: B905  same length
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
        # No event column has such a name, so they are all in `data`.
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


def take_internal(record: Fields) -> Fields:
    """Move the `itblInternal` fields, nested or dotted, out of a record into one object.

    If both shapes name the same field, or `itblInternal` is not an object, the record keeps what does not fit.
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
    """Normalize `createdAt` and parse `transactionalData`, in place.

    Their shape depends on the transport, not on the event. Returns whether `createdAt` is a time.
    """
    transactional = record.get("transactionalData")
    if type(transactional) is str and transactional[:1] == "{":
        try:
            opened = (
                orjson.loads(transactional)
                if dumps is orjson.dumps
                else exact_json.careful_loads(transactional.encode())
            )
            record["transactionalData"] = opened
        except ValueError:  # it only looked like an object
            pass
    created = rfc3339(record.get("createdAt"))
    if created is None:
        return False
    record["createdAt"] = created
    return True


def identity_of(record: Fields, dumps: Dumps = orjson.dumps) -> bytes:
    """What an event's id is computed from: the content of a normalized record without `itblInternal`, as sorted JSON.

    Independent of the schema, so that a column added later changes no id, and of `_type`, which only userEvents returns:
    it is the name of the stream.
    """
    if "_type" in record:
        record = {name: value for name, value in record.items() if name != "_type"}
    return dumps(record, None, _SORTED)


def event_id_of(identity: bytes) -> str:
    """32 hex digits of XXH3-128: ten times as fast as the standard library's hashes, and as well distributed.

    Not resistant to deliberate collisions; but anyone who can send events could just as well send one twice.
    """
    return xxh3_128_hexdigest(identity)

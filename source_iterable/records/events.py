"""Records of event streams: lossless, typed, with an id derived from the content."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import repeat
from typing import Any

import orjson
from msgspec import UNSET, Raw, Struct
from xxhash import xxh3_128_hexdigest

from source_iterable import exact_json
from source_iterable.records.columns import Columns, Fields
from source_iterable.records.lines import Dumps, ShapedRecords
from source_iterable.records.shape import INTERNAL, INTERNAL_PREFIX, PART, PART_TAIL, TEXT, TYPE, Shape, lines_of
from source_iterable.records.timestamps import known_time, rfc3339

# The fields that nearly every record has; others are searched for only if these do not account for it.
_USUAL_INTERNAL = tuple((INTERNAL_PREFIX + name, name) for name in ("documentCreatedAt", "documentUpdatedAt"))
_SORTED = orjson.OPT_SORT_KEYS
_NESTED = b'"itblInternal":{'


class EventRecords(ShapedRecords):
    """Records of one event stream: `_event_id`, columns, `itblInternal`, `data`."""

    def __init__(self, stream_name: str, schema: Mapping[str, Any]) -> None:
        self._columns = Columns(schema)
        super().__init__(stream_name, Shape(self._columns, of_events=True))

    def data(self, record: Fields, dumps: Dumps) -> bytes:
        internal: Fields = {}
        if INTERNAL not in record:
            for dotted, name in _USUAL_INTERNAL:
                if dotted in record:
                    internal[name] = record.pop(dotted)
        normalize(record, dumps)
        columns, data = self._columns.split(record)
        # No event column has such a name, so they are all in `data`.
        if names := [name for name in data if name.startswith(INTERNAL)]:
            internal.update(take_internal(data))
            for name in names:
                if name not in data:
                    del record[name]
        event_id = event_id_of(identity_of(record, dumps)).encode()
        return b'{"_event_id":"%b"%b%b,"itblInternal":%b,"data":%b}' % (
            event_id,
            b"," if columns else b"",
            dumps(columns, None, _SORTED)[1:-1],
            dumps(internal, None, _SORTED),
            dumps(data, None, _SORTED),
        )

    def structs(self, shape: Shape, lines: bytes, searched: bool) -> list[Any] | None:
        records = super().structs(shape, lines, searched)
        searched = searched or shape.has_floats
        try:
            return records if records is None or self._normalize(shape, records, lines, searched) else None
        except (ValueError, TypeError, RecursionError):
            return None

    def _normalize(self, shape: Shape, records: list[Any], lines: bytes, searched: bool) -> bool:
        """`normalize` and `take_internal` for structs. False if one has no time, or data that is no object.

        Also False if it may have a long number, unless the lines are `searched` for those.
        """
        if "createdAt" not in shape:
            return False
        identity, has_data, nests_internal = shape.identity, TEXT in shape, shape.nests_internal
        texts: list[str] = []
        in_texts = True
        for record in records:
            created = record.createdAt
            created = known_time(created) or rfc3339(created)
            if created is None:
                return False
            record.createdAt = created
            if has_data and (data := record.transactionalData) is not UNSET:
                if type(data) is str:
                    if data[:1] != "{":
                        return False
                    texts.append(data)
                    record.transactionalData = shape.open_text(data)
                else:
                    in_texts = False
                    if type(data) is dict:
                        record.transactionalData = Raw(orjson.dumps(data, None, _SORTED))
                    elif not isinstance(data, Struct):
                        return False
            if nests_internal and record.itblInternal is not UNSET and not shape.fits_internal(record):
                return False
            record.__class__ = identity
        # Decimals are in transactionalData only.
        return searched or not exact_json.lines_with_long_numbers("\n".join(texts).encode() if in_texts else lines)

    def write(self, out: list[bytes], shape: Shape, records: list[Any], before: bytes, after: bytes) -> None:
        before += b'{"_event_id":"'
        after = b"}}" + after
        lines, nests_internal = lines_of(records), shape.nests_internal
        ids: Iterable[bytes] = repeat(b"")
        if not shape.is_plain:
            ids = [_id(line[: line.index(PART) + PART_TAIL]) for line in lines]
            shape.finish(records)
            lines = lines_of(records)
        for event_id, line in zip(ids, lines):  # noqa: B905  one for each
            columns, internal, data = line.split(PART)
            columns = columns[:PART_TAIL]
            internal = internal[1:PART_TAIL]
            if nests_internal and internal.startswith(_NESTED):
                internal = internal[len(_NESTED) : -1]
            out += (
                *(before, event_id or _id(columns), b'",', columns[1:]),
                *(b',"itblInternal":{', internal, b'},"data":{', data[1:-1], after),
            )


def _id(begin: bytes) -> bytes:
    return event_id_of(begin + b"}").encode()


def take_internal(record: Fields) -> Fields:
    """Move the `itblInternal` fields, nested or dotted, out of a record into one object.

    If both shapes name the same field, or `itblInternal` is not an object, the record keeps what does not fit.
    """
    internal: Fields = {}
    if type(record.get(INTERNAL)) is dict:
        internal = record.pop(INTERNAL)
    for name in [name for name in record if name.startswith(INTERNAL_PREFIX)]:
        key = name[len(INTERNAL_PREFIX) :]
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
    if TYPE in record:
        record = {name: value for name, value in record.items() if name != TYPE}
    return dumps(record, None, _SORTED)


def event_id_of(identity: bytes) -> str:
    """32 hex digits of XXH3-128: ten times as fast as the standard library's hashes, and as well distributed.

    Not resistant to deliberate collisions; but anyone who can send events could just as well send one twice.
    """
    return xxh3_128_hexdigest(identity)

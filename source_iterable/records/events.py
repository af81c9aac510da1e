"""Records of event streams: lossless, typed, with an id derived from the content."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import orjson
from msgspec import UNSET, Raw, Struct

from source_iterable.api import exact_json
from source_iterable.records.columns import DATA, Columns, Fields
from source_iterable.records.event_ids import EventIds
from source_iterable.records.lines import Dumps, ShapedRecords
from source_iterable.records.private_fields import Redact
from source_iterable.records.shape import (
    CUT,
    DATA_TAIL,
    INTERNAL,
    INTERNAL_PREFIX,
    TEXT,
    TYPE,
    Shape,
    encode_lines,
    set_times,
)
from source_iterable.records.timestamps import rfc3339

# The fields that nearly every record has; others are searched for only if these do not account for it.
_USUAL_INTERNAL = tuple((INTERNAL_PREFIX + name, name) for name in ("documentCreatedAt", "documentUpdatedAt"))
_SORTED = orjson.OPT_SORT_KEYS


class EventRecords(ShapedRecords):
    """Records of events of one type: `_event_id`, columns, `data`, `itblInternal`."""

    def __init__(
        self, stream_name: str, schema: Mapping[str, Any], ids: EventIds, redact: Redact | None = None
    ) -> None:
        self._columns = Columns(schema)
        self._ids = ids
        super().__init__(stream_name, Shape(self._columns, of_events=True), redact)

    def json(self, record: Fields, dumps: Dumps) -> bytes:
        internal: Fields = {}
        if INTERNAL not in record:
            for dotted, name in _USUAL_INTERNAL:
                if dotted in record:
                    internal[name] = record.pop(dotted)
        normalize(record, dumps)
        columns, data = self._columns.split(record)
        # No schema declares such a name, so `split` has put them into `data`.
        has_more = any(name.startswith(INTERNAL) for name in data)
        if has_more:
            internal.update(take_internal(data))
        # Only userEvents returns a type, and the ids know it anyway.
        data_type = {TYPE: columns.pop(TYPE)} if TYPE in columns else {}
        shown = identity = _text(columns, data, dumps)
        if has_more or TYPE in data or self._columns.frozen is not None:
            counted = {name: value for name, value in record.items() if _counts(name)}
            identity = _text(*(self._columns.frozen or self._columns).split(counted), dumps)
        (event_id,) = self._ids.digests([identity])
        if self._redact:
            event = {"_event_id": event_id.decode(), **data_type, **dict(sorted(columns.items()))}
            return dumps(self._redact({**event, DATA: data, INTERNAL: internal}), None, 0)
        members = dumps(data_type, None, 0)[1:-1]
        text = b'{"_event_id":"%b"%b%b%b,"itblInternal":%b}'
        return text % (event_id, b"," if members else b"", members, shown, dumps(internal, None, _SORTED))

    def structs(self, shape: Shape, lines: bytes, searched: bool) -> list[Any] | None:
        records = super().structs(shape, lines, searched)
        searched = searched or shape.has_floats
        try:
            return records if records is None or self._normalize(shape, records, lines, searched) else None
        except (ValueError, TypeError, RecursionError):
            return None

    def _normalize(self, shape: Shape, records: list[Any], lines: bytes, searched: bool) -> bool:
        """`normalize` for structs. False if one has no time, or data that is no object.

        Also False if it may have a long number, unless the lines are `searched` for those.
        """
        if "createdAt" not in shape:
            return False
        if not set_times(records, "createdAt") or any(type(record.createdAt) is not str for record in records):
            return False
        if shape.nests_internal and not all(map(shape.fits_internal, records)):
            return False
        if TEXT not in shape:
            return True
        texts: list[str] = []
        in_texts = True
        for record in records:
            data = record.transactionalData
            if type(data) is str:
                if data[:1] != "{":
                    return False
                texts.append(data)
                record.transactionalData = shape.open_text(data)
            elif data is not UNSET:
                in_texts = False
                if type(data) is dict:
                    record.transactionalData = Raw(orjson.dumps(data, None, _SORTED))
                elif not isinstance(data, Struct):
                    return False
        # Decimals are in transactionalData only.
        return searched or not exact_json.lines_with_long_numbers("\n".join(texts).encode() if in_texts else lines)

    def lines(self, shape: Shape, records: list[Any]) -> bytes:
        if not records:
            return b""
        late = []
        if shape.identity is not shape.finished:
            _set_class(records, shape.identity)
            late = _identities(_cut(encode_lines(records), shape))
            for slot in shape.late_times:
                set_times(records, slot)
        _set_class(records, shape.finished)
        # A newline is the end of a record: in JSON they are escaped.
        text = encode_lines(records) if shape.nests_internal else encode_lines(records).replace(b"\n", b"}\n")
        pieces = _cut(text, shape)
        between, shown = pieces[0], _identities(pieces)
        if not shape.nests_internal:
            between[1:] = [b',"itblInternal":{' + piece.removeprefix(b",") for piece in between[1:]]
        done = [b'"'] * (4 * len(records) + 1)
        done[0::4], done[1::4], done[3::4] = between, self._ids.digests(late or shown), shown
        return b"".join(done)


def _cut(text: bytes, shape: Shape) -> tuple[list[bytes], list[bytes], list[bytes]]:
    """Of the text of records: what is before, between and behind them, their columns, and their data."""
    pieces = text.split(CUT)
    width = 3 if shape.nests_internal else 4
    return pieces[0::width], pieces[1::width], pieces[2::width]


def _identities(pieces: tuple[list[bytes], list[bytes], list[bytes]]) -> list[bytes]:
    """What the ids are made of: the text behind the id, up to the end of the data."""
    _, columns, data = pieces
    return [of_columns + rest[1:DATA_TAIL] + b"}" for of_columns, rest in zip(columns, data)]  # noqa: B905


def _counts(name: str) -> bool:
    """Whether a field is part of an event's identity."""
    return name not in (TYPE, INTERNAL) and not name.startswith(INTERNAL_PREFIX)


def _set_class(records: list[Any], class_: type[Any]) -> None:
    for record in records:
        record.__class__ = class_


def _text(columns: Fields, data: Fields, dumps: Dumps) -> bytes:
    """The columns and the data of a record as they are behind its id."""
    members = dumps(columns, None, _SORTED)[1:-1]
    return b'%b%b,"data":%b' % (b"," if members else b"", members, dumps(data, None, _SORTED))


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


def normalize(record: Fields, dumps: Dumps = orjson.dumps) -> None:
    """Bring `createdAt` into one form and parse `transactionalData`, in place: their form depends on the transport."""
    transactional = record.get("transactionalData")
    if type(transactional) is str and (text := transactional.lstrip(exact_json.BLANKS))[:1] == "{":
        with suppress(ValueError):  # of what only looks like an object
            record["transactionalData"] = _object_in(text, dumps)
    created = rfc3339(record.get("createdAt"))
    if created is not None:
        record["createdAt"] = created


def _object_in(text: str, dumps: Dumps) -> Any:
    if dumps is orjson.dumps:
        with suppress(ValueError):
            return orjson.loads(text)
    # orjson refuses more than JSON does (exact_json.py).
    return exact_json.careful_loads(text.encode())

"""Records of event streams: lossless, typed, with an id derived from type and content: the same on every read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from hashlib import blake2b, sha256
from itertools import repeat
from typing import Any

import orjson
from xxhash import xxh3_64_digest, xxh3_64_intdigest, xxh3_128_digest

from source_iterable.api import exact_json
from source_iterable.records.columns import Columns, Fields
from source_iterable.records.lines import Dumps, ShapedRecords
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

_SORTED = orjson.OPT_SORT_KEYS
# The fields that nearly every record has: taken by name, before all others are looked at.
_USUAL_INTERNAL = tuple((INTERNAL_PREFIX + name, name) for name in ("documentCreatedAt", "documentUpdatedAt"))
_ID_BYTES = 16
# The version of what an id is made of. Another one gives other ids to the same events.
_ID_VERSION = "1"


class EventIds:
    """Ids of events of one data type, which is named as in Iterable's reference.

    XXH3-128, ten times as fast as the standard library's hashes, and as well distributed; anyone can compute it from an
    event. With a `salt` it is BLAKE2b-128, keyed, which only someone who knows the salt can compute: the id of an event does
    not give away its hashed fields to whoever tries all addresses.
    """

    def __init__(self, data_type: str, salt: str = "") -> None:
        name = data_type.encode()
        self._digests: Callable[[Iterable[bytes]], Iterable[bytes]]
        if salt:
            keyed = blake2b(digest_size=_ID_BYTES, key=_key(salt), person=xxh3_64_digest(name))

            def digest(text: bytes) -> bytes:
                copy = keyed.copy()
                copy.update(text)
                return copy.digest()

            self._digests = lambda texts: map(digest, texts)
        else:
            seed = xxh3_64_intdigest(name)
            self._digests = lambda texts: map(xxh3_128_digest, texts, repeat(seed))

    def digests(self, texts: Iterable[bytes]) -> list[bytes]:
        """The id of each event, 32 hex digits, from the JSON of its columns and its data."""
        return b"".join(self._digests(texts)).hex(" ", -_ID_BYTES).encode().split()


def mark_of_ids(salt: str) -> str:
    """What a state says of the ids that were given: their version, and with a salt a mark of it that does not tell it."""
    return f"{_ID_VERSION}:{sha256(_key(salt)).hexdigest()[:16]}" if salt else _ID_VERSION


def _key(salt: str) -> bytes:
    return sha256(salt.encode()).digest()


class EventRecords(ShapedRecords):
    """Records of events of one type: `_event_id`, columns, `data`, `itblInternal`."""

    def __init__(self, stream_name: str, schema: Mapping[str, Any], ids: EventIds) -> None:
        self._columns = Columns(schema)
        self._ids = ids
        super().__init__(stream_name, Shape(self._columns, of_events=True))

    def json(self, record: Fields, dumps: Dumps) -> bytes:
        internal: Fields = {}
        if INTERNAL not in record:
            for dotted, name in _USUAL_INTERNAL:
                if dotted in record:
                    internal[name] = record.pop(dotted)
        _open_text(record, dumps)
        columns, data = self._columns.split(record)
        odd = _take_internal(data, internal)
        # Only userEvents returns a type, and the ids know it anyway.
        data_type = {TYPE: columns.pop(TYPE)} if TYPE in columns else {}
        shown = identity = _text(columns, data, dumps)
        if odd:
            data.update(odd)
            shown = _text(columns, data, dumps)
        if self._columns.late:
            counted = {name: value for name, value in record.items() if _counts(name)}
            identity = _text(*self._columns.frozen.split(counted), dumps)
        (event_id,) = self._ids.digests([identity])
        members = dumps(data_type, None, 0)[1:-1]
        text = b'{"_event_id":"%b"%b%b%b,"itblInternal":%b}'
        return text % (event_id, b"," if members else b"", members, shown, dumps(internal, None, _SORTED))

    def lines(self, shape: Shape, records: list[Any]) -> bytes:
        late = []
        if self._columns.late:
            late = _identities(_pieces(records, shape.identity))
            for slot in shape.late_times:
                set_times(records, slot)
        pieces = _pieces(records, shape.finished)
        # What is between the data of a record and the id of the next.
        between, shown = pieces[0::3], _identities(pieces)
        if not shape.nests_internal:
            # A newline is the end of a record: in JSON they are escaped.
            ends = (piece.removeprefix(b",").replace(b"\n", b"}\n") for piece in between[1:])
            between[1:] = [b',"itblInternal":{' + piece for piece in ends]
        done = [b'"'] * (4 * len(records) + 1)
        done[0::4], done[1::4], done[3::4] = between, self._ids.digests(late or shown), shown
        return b"".join(done)


def _pieces(records: list[Any], class_: type[Any]) -> list[bytes]:
    """The text of records as objects of a class of their shape, cut: end of one and start of the next, columns, data."""
    for record in records:
        record.__class__ = class_
    return encode_lines(records).split(CUT)


def _identities(pieces: list[bytes]) -> list[bytes]:
    """What the ids are made of: the text behind the id, up to the end of the data."""
    return [columns + data[1:DATA_TAIL] + b"}" for columns, data in zip(pieces[1::3], pieces[2::3])]  # noqa: B905


def _counts(name: str) -> bool:
    """Whether a field is part of an event's identity."""
    return name not in (TYPE, INTERNAL) and not name.startswith(INTERNAL_PREFIX)


def _text(columns: Fields, data: Fields, dumps: Dumps) -> bytes:
    """The columns and the data of a record as they are behind its id."""
    members = dumps(columns, None, _SORTED)[1:-1]
    return b'%b%b,"data":%b' % (b"," if members else b"", members, dumps(data, None, _SORTED))


def _take_internal(data: Fields, internal: Fields) -> Fields:
    """Move the `itblInternal` fields of a record out of its data, where they are because no schema declares them.

    Returns what is no part of an event's identity and has no place in `itblInternal`, also out of the data: one of two
    fields by the same name, nested and dotted; an `itblInternal` that is no object; a type that is no text.
    """
    if type(data.get(INTERNAL)) is dict:
        internal.update(data.pop(INTERNAL))
    odd: Fields = {}
    for name in [name for name in data if name.startswith((INTERNAL, TYPE))]:
        if name.startswith(INTERNAL_PREFIX) and (key := name[len(INTERNAL_PREFIX) :]) not in internal:
            internal[key] = data.pop(name)
        elif not _counts(name):
            odd[name] = data.pop(name)
    return odd


def _open_text(record: Fields, dumps: Dumps) -> None:
    """Parse `transactionalData`, in place, if it is the text of an object: whether it is depends on the transport."""
    text = record.get(TEXT)
    if type(text) is str and (text := text.lstrip(exact_json.BLANKS))[:1] == "{":
        with suppress(ValueError):  # of what only looks like an object
            record[TEXT] = _object_in(text, dumps)


def _object_in(text: str, dumps: Dumps) -> Any:
    if dumps is orjson.dumps:
        with suppress(ValueError):
            return orjson.loads(text)
    # orjson refuses more than JSON does (exact_json.py).
    return exact_json.careful_loads(text.encode())

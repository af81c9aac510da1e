"""Shapes: the fields that a stream's records have had so far, as msgspec structs, which are parsed and serialized fast.

What costs most in a record is its dict: to make it, to check its types, to sort its keys. A struct has its fields in the
order of the output, and their types are checked while it is parsed. A record with a field or a type that its struct lacks
does not parse: it is read with care (lines.py), and what it has is learned for the next ones.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec
import orjson
from msgspec import UNSET, Raw, UnsetType

from source_iterable.records.columns import OURS, Columns, Fields
from source_iterable.records.forms import EMPTY, Form, may_be_field
from source_iterable.records.timestamps import known_time, rfc3339

INTERNAL, INTERNAL_PREFIX = "itblInternal", "itblInternal."
# userEvents names the stream in it: no part of an event's identity.
TYPE = "_type"
# May be the text of an object.
TEXT = "transactionalData"
# More fields are not learned: a struct has room for each, whether its record has it or not.
_MOST_FIELDS = 300
# An object of `code` and `msg` is an error of Iterable's; TYPE is in no export.
_NOT_LEARNED = OURS | {"code", TYPE}
# Fields of ours, whose names no input has. Their values cut the text of a record: no JSON has the byte.
_ID, _DATA, _DATA_END, _INTERNAL = (secrets.token_hex(8) for _ in range(4))
CUT = b"\0"
# What stands before the end of `data`: a comma, the name of the field that cuts there, a colon.
DATA_TAIL = -len(f',"{_DATA_END}":')

_NO_INTERNAL = Raw(b"{}")

Struct = Any  # an object of one of the classes of a Shape
# The JSON of records, a line each.
encode_lines = msgspec.json.Encoder().encode_lines


class Shape:
    """Structs for records with fields of these forms, all optional.

    An object changes its class instead of being copied: the classes have the same fields in different orders. The text of a
    `finished` record is that of the output. For an event it is cut at the place of its id, behind the brace that opens
    `data`, at the end of `data`, and behind the brace that opens `itblInternal`, unless that came as one object
    (`nests_internal`). For a user it is cut behind the brace that opens `data`. `identity`, where there are `late` columns,
    is `finished` with those where they would be without their columns.
    """

    def __init__(self, columns: Columns, of_events: bool, forms: Mapping[str, Form] = MappingProxyType({})) -> None:
        self._columns, self._of_events, self._forms = columns, of_events, forms
        self._sort_keys = orjson.OPT_SORT_KEYS if of_events else 0
        # What EventRecords brings into one form, by name.
        named = {"createdAt", TEXT, INTERNAL} & forms.keys() if of_events else set()
        slots = {name: name if name in named else f"f{number}" for number, name in enumerate(forms)}
        self._slots = dict(slots)
        self.nests_internal = of_events and INTERNAL in forms
        internal = sorted(name for name in forms if of_events and (name + ".").startswith(INTERNAL_PREFIX))
        own = sorted(forms.keys() - set(internal))
        fields: dict[str, tuple[str, Any, Any]] = {
            name: (slots[name], _annotation(name, forms[name]), UNSET) for name in forms
        }
        names = {slots[name]: name for name in forms}
        if self.nests_internal:
            fields[INTERNAL] = (*fields[INTERNAL][:2], _NO_INTERNAL)
        cuts = [(_DATA, "data", b"{" + CUT)]
        if of_events:
            cuts += [(_ID, "_event_id", b'"' + CUT), (_DATA_END, _DATA_END, CUT)]
            cuts += [] if self.nests_internal else [(_INTERNAL, INTERNAL, b"{" + CUT)]
        for number, (name, _, value) in enumerate(cuts):
            slots[name] = f"cut{number}"
            fields[name] = (slots[name], Raw, Raw(value))
        # A struct has each name once; those of the cuts are the input's, too.
        shown = names | {slots[name]: name.removeprefix(INTERNAL_PREFIX) for name in internal}
        shown |= {slots[name]: shown_as for name, shown_as, _ in cuts}
        names |= {slots[name]: name for name, _, _ in cuts}

        def struct(names: Mapping[str, str], order: Iterable[str]) -> type[Any]:
            laid_out = [fields[name] for name in dict.fromkeys([*order, *fields])]
            return msgspec.defstruct("Record", laid_out, rename=names, forbid_unknown_fields=True, gc=False)

        def output(columns: Columns) -> type[Any]:
            of_columns = [name for name in own if name in columns.types]
            rest = [name for name in own if name not in columns.types]
            return struct(shown, [*([_ID] if of_events else []), *of_columns, _DATA, *rest, *behind])

        behind = [_DATA_END, *([] if self.nests_internal else [_INTERNAL]), *internal] if of_events else []
        # In the order of the first record, which most have: msgspec looks for a field behind the one before it.
        self._decode = msgspec.json.Decoder(struct(names, forms)).decode_lines
        self.finished = output(columns)
        self.identity = output(columns.frozen) if columns.frozen else self.finished
        times = columns.times & forms.keys() - {"createdAt" if of_events else ""}
        self._times = [slots[name] for name in times - columns.late]
        self.late_times = [slots[name] for name in times & columns.late]
        self._any = [
            (slots[name], name if name in columns.types else None)
            for name in forms
            if forms[name].is_any and name != TEXT
        ]
        # Not those in the text.
        self.has_floats = any(form.has_floats and (name != TEXT or not of_events) for name, form in forms.items())
        text = forms.get(TEXT, EMPTY)
        self._text = None if text.is_any else msgspec.json.Decoder(text.annotation())

    def __contains__(self, name: str) -> bool:
        return name in self._forms

    def parse(self, lines: bytes) -> list[Struct] | None:
        """The objects on lines of JSON; None if any does not fit."""
        try:
            records = self._decode(lines)
            for slot, column in self._any:
                for record in records:
                    value = getattr(record, slot)
                    if value is not UNSET:
                        if column is not None and not self._columns.fits(column, value):
                            return None
                        setattr(record, slot, Raw(orjson.dumps(value, None, self._sort_keys)))
            in_rfc3339 = all(set_times(records, slot) for slot in self._times)
            are_times = all(_are_times(records, slot) for slot in self.late_times)
            if not in_rfc3339 or not are_times:
                return None
        # TypeError: orjson cannot write what is nested too deep.
        except (ValueError, TypeError, RecursionError):
            return None
        return records

    def count_without(self, records: list[Struct], name: str) -> int:
        """How many records have nothing in a field."""
        slot = self._slots.get(name)
        return len(records) if slot is None else sum(not getattr(record, slot) for record in records)

    def open_text(self, text: str) -> Any:
        """What a struct has for the object in a text. Raises ValueError or TypeError if it does not fit."""
        if self._text is not None:
            return self._text.decode(text)
        return Raw(orjson.dumps(orjson.loads(text), None, self._sort_keys))

    def fits_internal(self, record: Struct) -> bool:
        """Whether `itblInternal` is an object, or missing."""
        return record.itblInternal is _NO_INTERNAL or isinstance(record.itblInternal, msgspec.Struct)

    def learned(self, record: Fields) -> Shape | None:
        """A shape that takes the fields of this record, too. None if there is nothing to learn from it."""
        forms: dict[str, Form] = {}
        for name, value in record.items():
            if name == TEXT and self._of_events and type(value) is str:
                value = _object_in(value)
            if not self._columns.may_be_learned(name, value):
                continue
            known = self._forms.get(name)
            if known is None:
                if not self._has_room_for(name, value, forms):
                    continue
                known = EMPTY
            form = known.learned(value)
            if form is not known:
                forms[name] = form
        return Shape(self._columns, self._of_events, {**self._forms, **forms}) if forms else None

    def _has_room_for(self, name: str, value: Any, learning: Mapping[str, Form]) -> bool:
        if len(self._forms) + len(learning) >= _MOST_FIELDS or not may_be_field(name):
            return False
        known = self._forms.keys() | learning.keys()
        if not self._of_events:
            return name not in _NOT_LEARNED
        if name == INTERNAL:
            return type(value) is dict and not any(each.startswith(INTERNAL_PREFIX) for each in known)
        if name.startswith(INTERNAL_PREFIX):
            # It loses its prefix, and a struct has each name once.
            short = name.removeprefix(INTERNAL_PREFIX)
            return INTERNAL not in known and short not in known and short not in OURS
        return name not in _NOT_LEARNED and INTERNAL_PREFIX + name not in known


def set_times(records: list[Struct], slot: str) -> bool:
    """Bring a field of all records into RFC 3339. False if one is no time; those before it are changed then."""
    for record in records:
        value = getattr(record, slot)
        if value is not UNSET and value is not None:
            time = known_time(value) or rfc3339(value)
            if time is None:
                return False
            setattr(record, slot, time)
    return True


def _are_times(records: list[Struct], slot: str) -> bool:
    values = (getattr(record, slot) for record in records)
    return all(value is UNSET or value is None or rfc3339(value) is not None for value in values)


def _annotation(name: str, form: Form) -> Any:
    annotation = form.annotation()
    return annotation | (str | UnsetType if name == TEXT else UnsetType) if annotation is not Any else Any


def _object_in(text: str) -> Any:
    try:
        return orjson.loads(text)
    except ValueError:
        return text

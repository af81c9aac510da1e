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
from source_iterable.records.timestamps import rfc3339

INTERNAL, INTERNAL_PREFIX = "itblInternal", "itblInternal."
# userEvents names the stream in it: no part of an event's identity.
TYPE = "_type"
# May be the text of an object.
TEXT = "transactionalData"
# More fields are not learned: a struct has room for each, whether its record has it or not.
_MOST_FIELDS = 300
# An object of `code` and `msg` is an error of Iterable's.
_NOT_LEARNED = OURS | {"code"}
# Fields that part a serialized struct: no input has their names, and no JSON the byte that is their value.
_CUT, _END = secrets.token_hex(8), secrets.token_hex(8)
PART = b"\0"
# What ends each part but the last: a comma, the name, a colon.
PART_TAIL = -len(f',"{_CUT}":')

Struct = Any  # an object of one of the classes of a Shape
_encode_lines = msgspec.json.Encoder().encode_lines


def lines_of(records: list[Struct]) -> list[bytes]:
    """The JSON of each record, in three parts with PART between them, which end in PART_TAIL."""
    return _encode_lines(records).split(b"\n")[:-1]


class Shape:
    """Structs for records with fields of these forms, all optional.

    An object changes its class instead of being copied: the classes have the same fields in different orders. `identity`
    begins with what an event's id is made of, sorted; `finished` has the columns, the fields of `itblInternal`, and all
    others, each sorted.
    """

    def __init__(self, columns: Columns, of_events: bool, forms: Mapping[str, Form] = MappingProxyType({})) -> None:
        self._columns, self._of_events, self._forms = columns, of_events, forms
        self._sort_keys = orjson.OPT_SORT_KEYS if of_events else 0
        # What EventRecords brings into one form, by name.
        named = {"createdAt", TEXT, INTERNAL} & forms.keys() if of_events else set()
        slots = {name: name if name in named else f"f{number}" for number, name in enumerate(forms)}
        internal = sorted(name for name in forms if of_events and (name + ".").startswith(INTERNAL_PREFIX))
        own = sorted(forms.keys() - set(internal))
        identity = [name for name in own if name != TYPE]
        others = [name for name in own if name not in columns.types]
        fields: dict[str, tuple[str, Any, Any]] = {
            name: (slots[name], _annotation(name, forms[name]), UNSET) for name in forms
        }
        fields |= {_CUT: ("cut", Raw, Raw(PART)), _END: ("end", Raw, Raw(PART))}
        names = {slots[name]: name for name in forms} | {"cut": _CUT, "end": _END}
        short = names | {slots[name]: name.removeprefix(INTERNAL_PREFIX) for name in internal}

        def struct(first: Iterable[str], last: Iterable[str], names: Mapping[str, str]) -> type[msgspec.Struct]:
            order = dict.fromkeys([*first, _CUT, *internal, _END, *last, *fields])
            laid_out = [fields[name] for name in order]
            return msgspec.defstruct("Record", laid_out, rename=names, forbid_unknown_fields=True, gc=False)

        # In the order of the first record, which most have: msgspec looks for a field behind the one before it.
        self._decode = msgspec.json.Decoder(struct(forms, [], names)).decode_lines
        self.identity = struct(identity, [], short)
        self._finished = struct([name for name in own if name not in others], others, short)
        times = columns.times & forms.keys() - {"createdAt" if of_events else ""}
        self._times = [slots[name] for name in times]
        # Whether the columns are what identifies an event, and there is nothing else.
        self.is_plain = not others and not times and TYPE not in forms
        self._any = [(slots[name], columns.types.get(name)) for name in forms if forms[name].is_any and name != TEXT]
        self.nests_internal = INTERNAL in forms
        # Not those in the text.
        self.has_floats = any(form.has_floats and (name != TEXT or not of_events) for name, form in forms.items())
        self._dotted = [slots[name] for name in internal if name != INTERNAL]
        text = forms.get(TEXT, EMPTY)
        self._text = None if text.is_any else msgspec.json.Decoder(text.annotation())

    def __contains__(self, name: str) -> bool:
        return name in self._forms

    def parse(self, lines: bytes) -> list[Struct] | None:
        """The objects on lines of JSON; None if any does not fit."""
        try:
            records = self._decode(lines)
            for slot, types in self._any:
                for record in records:
                    value = getattr(record, slot)
                    if value is not UNSET:
                        if types is not None and type(value) not in types:
                            return None
                        setattr(record, slot, Raw(orjson.dumps(value, None, self._sort_keys)))
            for slot in self._times:
                for record in records:
                    value = getattr(record, slot)
                    if value is not UNSET and value is not None and rfc3339(value) is None:
                        return None
        # TypeError: orjson cannot write what is nested too deep.
        except (ValueError, TypeError, RecursionError):
            return None
        return records

    def open_text(self, text: str) -> Any:
        """What a struct has for the object in a text. Raises ValueError or TypeError if it does not fit."""
        if self._text is not None:
            return self._text.decode(text)
        return Raw(orjson.dumps(orjson.loads(text), None, self._sort_keys))

    def fits_internal(self, record: Struct) -> bool:
        """Whether `itblInternal` is an object, and nothing else is named like a part of it."""
        return isinstance(record.itblInternal, msgspec.Struct) and all(
            getattr(record, slot) is UNSET for slot in self._dotted
        )

    def finish(self, records: list[Struct]) -> None:
        """Make the records `finished`, their times in RFC 3339."""
        for slot in self._times:
            for record in records:
                value = getattr(record, slot)
                if value is not UNSET and value is not None:
                    setattr(record, slot, rfc3339(value))
        finished = self._finished
        for record in records:
            record.__class__ = finished

    def learned(self, record: Fields) -> Shape | None:
        """A shape that takes the fields of this record, too. None if there is nothing to learn from it."""
        forms: dict[str, Form] = {}
        for name, value in record.items():
            column = self._columns.types.get(name)
            if name == TEXT and self._of_events and type(value) is str:
                value = _object_in(value)
            if column is not None and type(value) not in column:
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
        # Of itblInternal.x and x there is room for one.
        twin = name.removeprefix(INTERNAL_PREFIX) if name.startswith(INTERNAL_PREFIX) else INTERNAL_PREFIX + name
        return (
            len(self._forms) + len(learning) < _MOST_FIELDS
            and may_be_field(name)
            and twin not in self._forms
            and twin not in learning
            and (name not in _NOT_LEARNED or (name == INTERNAL and self._of_events and type(value) is dict))
        )


def _annotation(name: str, form: Form) -> Any:
    annotation = form.annotation()
    return annotation | (str | UnsetType if name == TEXT else UnsetType) if annotation is not Any else Any


def _object_in(text: str) -> Any:
    try:
        return orjson.loads(text)
    except ValueError:
        return text

"""Shapes: the fields that a stream's records have had so far, as msgspec structs, which are parsed and serialized fast.

What costs most in a record is its dict: to make it, to check its types, to sort its keys. A struct has its fields in the
order of the output, and their types are checked while it is parsed. A record with a field or a type that its struct lacks
does not parse: it is read with care (lines.py), and what it has is learned for the next ones.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any

import msgspec
import orjson
from msgspec import UNSET, Raw, UnsetType

from source_iterable.api import exact_json
from source_iterable.records.columns import DATA, OURS, Columns, Fields
from source_iterable.records.forms import EMPTY, Form, may_be_field, struct_of
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
# Fields of ours that cut the text of a record, because no JSON has the byte: their names, which no input has, those in the
# output, and their values.
CUT = b"\0"
_ID, _DATA, _DATA_END = (secrets.token_hex(8) for _ in range(3))
_CUTS = {_ID: ("_event_id", b'"' + CUT), _DATA: (DATA, b"{" + CUT), _DATA_END: (_DATA_END, CUT)}
# What stands before the end of `data`: a comma, the name of the field that cuts there, a colon.
DATA_TAIL = -len(f',"{_DATA_END}":')

Struct = Any  # an object of one of the classes of a Shape
# The JSON of records, a line each.
encode_lines = msgspec.json.Encoder().encode_lines


class Shape:
    """Structs for records with fields of these forms, all optional.

    An object changes its class instead of being copied: the classes have the same fields in different orders. The text of a
    `finished` record is that of the output. For an event it is cut at the place of its id, behind the brace that opens
    `data`, and at the end of `data`, where the fields of `itblInternal` follow, or that itself if it came as one object
    (`nests_internal`). For a user it is cut behind the brace that opens `data`. `identity`, where there are `late` columns,
    is `finished` with those where they would be without their columns.
    """

    def __init__(self, columns: Columns, of_events: bool, forms: Mapping[str, Form] = MappingProxyType({})) -> None:
        self._columns, self._of_events, self._forms = columns, of_events, forms
        self._sort_keys = orjson.OPT_SORT_KEYS if of_events else 0
        self.nests_internal = of_events and INTERNAL in forms
        internal = sorted(name for name in forms if of_events and (name + ".").startswith(INTERNAL_PREFIX))
        cuts = {name: cut for name, cut in _CUTS.items() if of_events or name == _DATA}
        slots = self._slots = {name: f"f{number}" for number, name in enumerate([*forms, *cuts])}
        fields: dict[str, tuple[str, Any, Any]] = {
            name: (slots[name], form.annotation() | UnsetType, UNSET) for name, form in forms.items()
        }
        fields |= {name: (slots[name], Raw, Raw(value)) for name, (_, value) in cuts.items()}
        if of_events and TEXT in forms:
            fields[TEXT] = (slots[TEXT], fields[TEXT][1] | str, UNSET)
        if self.nests_internal:
            fields[INTERNAL] = (*fields[INTERNAL][:2], Raw(b"{}"))
        names = {slot: name for name, slot in slots.items()}
        # Without their prefix: a struct has each name once, and those of the cuts are the input's, too.
        shown = names | {slots[name]: name.removeprefix(INTERNAL_PREFIX) for name in internal}
        shown |= {slots[name]: shown_as for name, (shown_as, _) in cuts.items()}

        def output(columns: Columns) -> type[Any]:
            of_columns = sorted(forms.keys() & columns.names)
            rest = sorted(forms.keys() - columns.names - set(internal))
            order = [_ID, *of_columns, _DATA, *rest, _DATA_END, *internal]
            return struct_of([fields[name] for name in order if name in fields], shown)

        # In the order of the first record, which most have: msgspec looks for a field behind the one before it.
        self._decode = msgspec.json.Decoder(struct_of(fields.values(), names)).decode_lines
        self.finished = output(columns)
        self.identity = output(columns.frozen) if columns.late else self.finished
        times = columns.times & forms.keys()
        self._times = [slots[name] for name in times - columns.late]
        self.late_times = [slots[name] for name in times & columns.late]
        self._any = [(slots[name], name) for name, form in forms.items() if form.is_any]
        self._text_slot = slots.get(TEXT) if of_events else None
        text = forms.get(TEXT, EMPTY)
        self._open_text = orjson.loads if text.is_any else msgspec.json.Decoder(text.annotation()).decode
        # Not those in the text.
        self._has_floats = any(form.has_floats for name, form in forms.items() if slots[name] != self._text_slot)

    def parse(self, lines: bytes, searched: bool = False) -> list[Struct] | None:
        """The objects on lines of JSON; None if any does not fit, or may have a long number (exact_json.py).

        `searched`: they are known to have none.
        """
        try:
            records = self._decode(lines)
            texts = self._open_texts(records, self._text_slot) if self._text_slot else []
            if not searched:
                # Integers of any length fit; decimals may be in the texts only.
                decimals = lines if self._has_floats or texts is None else "\n".join(texts).encode()
                if exact_json.lines_with_long_numbers(decimals):
                    return None
            for slot, name in self._any:
                for record in records:
                    value = getattr(record, slot)
                    if value is not UNSET:
                        if not self._columns.fits(name, value):
                            return None
                        setattr(record, slot, Raw(orjson.dumps(value, None, self._sort_keys)))
            late = (getattr(record, slot) for slot in self.late_times for record in records)
            if all(set_times(records, slot) for slot in self._times) and all(map(_may_be_time, late)):
                return records
        # TypeError: orjson cannot write what is nested too deep.
        except (ValueError, TypeError, RecursionError):
            pass
        return None

    def _open_texts(self, records: list[Struct], slot: str) -> list[str] | None:
        """Put objects in place of their texts, which are returned; None if some came as objects.

        Raises ValueError or TypeError if a text is no object that fits.
        """
        texts: list[str] = []
        are_all = True
        for record in records:
            data = getattr(record, slot)
            if type(data) is str:
                if data[:1] != "{":
                    raise ValueError("no object")
                texts.append(data)
                setattr(record, slot, self._open_text(data))
            elif data is not UNSET:
                are_all = False
        return texts if are_all else None

    def count_without(self, records: list[Struct], name: str) -> int:
        """How many records have nothing in a field."""
        slot = self._slots.get(name)
        return len(records) if slot is None else sum(not getattr(record, slot) for record in records)

    def learned(self, record: Fields) -> Shape | None:
        """A shape that takes the fields of this record, too. None if there is nothing to learn from it."""
        forms: dict[str, Form] = {}
        for name, value in record.items():
            if name == TEXT and self._of_events and type(value) is str:
                with suppress(ValueError):
                    value = orjson.loads(value)
            if not self._columns.may_be_learned(name, value):
                continue
            known = self._forms.get(name)
            if known is None and not self._has_room_for(name, forms):
                continue
            form = (known or EMPTY).learned(value)
            # Only an object is our `itblInternal`.
            if form is not known and (name != INTERNAL or (type(value) is dict and not form.is_any)):
                forms[name] = form
        return Shape(self._columns, self._of_events, {**self._forms, **forms}) if forms else None

    def _has_room_for(self, name: str, learning: Mapping[str, Form]) -> bool:
        if len(self._forms) + len(learning) >= _MOST_FIELDS or not may_be_field(name):
            return False
        if not self._of_events:
            return name not in _NOT_LEARNED
        known = self._forms.keys() | learning.keys()
        if name == INTERNAL:
            return not any(each.startswith(INTERNAL_PREFIX) for each in known)
        # Without its prefix, it must not have the name of another: a struct has each name once.
        short = name.removeprefix(INTERNAL_PREFIX)
        if short != name:
            return short not in OURS and known.isdisjoint((short, INTERNAL))
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


def _may_be_time(value: Any) -> bool:
    return value is UNSET or value is None or rfc3339(value) is not None

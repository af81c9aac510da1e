"""Forms: what values of a field have looked like so far, and the msgspec type that takes such values and no other."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial, reduce
from operator import or_
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

# More fields, of all objects in a value, or deeper ones are not learned: such a value is any JSON.
_MOST_FIELDS, _DEEPEST = 100, 8
_NO_FIELD_NAME = re.compile(r'[\x00-\x1f"\\]')
# msgspec writes larger ones as 1e16, orjson as 1e+16: ids depend on one form.
_FLOAT = Annotated[float, Meta(gt=-1e16, lt=1e16)]


@dataclass(frozen=True)
class Form:
    """The types of simple values, the fields of objects, the items of lists. `is_any`: too many to tell."""

    simple: frozenset[type] = frozenset()
    fields: Mapping[str, Form] | None = None
    items: Form | None = None
    is_any: bool = False

    @property
    def has_floats(self) -> bool:
        """Whether a value may be or hold a decimal."""
        return any(form.is_any or float in form.simple for form in self._all())

    def learned(self, value: Any) -> Form:
        """A form that takes this value, too: this one if it does."""
        if self.is_any or type(value) in self.simple:
            return self
        try:
            form = _with(self, value, _DEEPEST)
        except ValueError:
            return Form(is_any=True)
        size = sum(len(each.fields or ()) for each in form._all())
        return self if form == self else form if size <= _MOST_FIELDS else Form(is_any=True)

    def _all(self) -> Iterator[Form]:
        """This form, and those within it."""
        yield self
        for form in [*(self.fields or {}).values(), *([self.items] if self.items else [])]:
            yield from form._all()

    def annotation(self) -> Any:
        """The type for msgspec. Objects are structs with their fields sorted."""
        if self.is_any:
            return Any
        # It would turn an integer into a float where it expects only that.
        simple = self.simple | {int} if float in self.simple else self.simple
        types: list[Any] = [_FLOAT if each is float else each for each in simple]
        if self.fields is not None:
            names = {f"f{number}": name for number, name in enumerate(sorted(self.fields))}
            slots = [(slot, self.fields[name].annotation() | UnsetType, UNSET) for slot, name in names.items()]
            types.append(struct_of(slots, names))
        if self.items is not None:
            types.append(list[self.items.annotation()])  # type: ignore[misc]
        return reduce(or_, types or [None])


EMPTY = Form()


def _with(form: Form, value: Any, depth: int) -> Form:
    """`form` with the form of a value. Raises ValueError if that is too deep, or has a name that no struct can have."""
    if type(value) not in (dict, list):
        return replace(form, simple=form.simple | {type(value)})
    if depth == 0 or (type(value) is dict and not all(map(may_be_field, value))):
        raise ValueError
    if type(value) is dict:
        known = form.fields or {}
        found = {name: _with(known.get(name, EMPTY), each, depth - 1) for name, each in value.items()}
        return replace(form, fields={**known, **found})
    return replace(form, items=reduce(partial(_with, depth=depth - 1), value, form.items or EMPTY))


def may_be_field(name: str) -> bool:
    """Whether msgspec takes this name for a field."""
    return not _NO_FIELD_NAME.search(name)


def struct_of(slots: Iterable[tuple[str, Any, Any]], names: Mapping[str, str]) -> type[msgspec.Struct]:
    """A struct of these slots (name, type, default), which are fields by these names in JSON. It takes no others."""
    return msgspec.defstruct("Record", slots, rename=names, forbid_unknown_fields=True, gc=False)

"""Fixtures: JSON with placeholders, compiled into functions that fill them.

A text may hold placeholders. One that is nothing else becomes the value itself, a number or whatever it is.

- {hex 8}, {int 100}, {float 100}, {bool 3}, {big}: drawn: digits, a number below 100, an eighth of one, true once in 3
  times, a number that no float holds
- {titles} or the name of any other list of words.json: one of it, filled; {odd}: text that careless readers get wrong
- {n}, {seq 1001 7}: the place of a thing in its list, and a number that grows with it
- {created}, {updated}, {created_iso}, {updated_iso}: the times of a thing
- {time -5000}: a time so many milliseconds beside the event's; {user city}: an attribute of the event's user
- {id channels}, {ids lists}: the id of a thing of the project by place, and up to two drawn ones
- {absent}: no such field

{"$pick": [...]} is one of these by chance, {"$cycle": [...]} by place, {"$text": ...} JSON inside a text, and a field with a
minus sign before its name takes a field away.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from .draws import Draw
from .times import OFFSET_COLON, SHAPE_OF_16, format_time, iso_time

FOLDER = Path(__file__).parent / "fixtures"
ABSENT = object()
Record = dict[str, Any]
Maker = Callable[[Draw], Any]
Find = Callable[[str], list[Record]]
_PLACEHOLDER = re.compile(r"(?<!\{)\{(\w+)(?: ([^{}]*))?\}")


@cache
def fixture(name: str) -> Any:
    """The content of a fixture."""
    return orjson.loads((FOLDER / f"{name}.json").read_bytes())


class Fixtures:
    """Makes functions of fixtures; `find` gives the things of the project by name, `odd` whether odd values are wanted."""

    def __init__(self, find: Find, odd: bool) -> None:
        self._find = find
        self.words: dict[str, list[Any]] = {**fixture("words"), **({} if odd else {"odd": fixture("words")["titles"]})}
        self.shapes = SHAPE_OF_16 if odd else (OFFSET_COLON,)

    def maker(self, value: Any) -> Maker:
        """The function that fills a fixture."""
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, list):
            makers = [self.maker(each) for each in value]
            return lambda draw: [make(draw) for make in makers]
        if not isinstance(value, dict):
            return lambda draw: value
        if "$pick" in value or "$cycle" in value:
            choices = [self.maker(each) for each in value.get("$pick") or value["$cycle"]]
            if "$pick" in value:
                return lambda draw: draw.pick(choices)(draw)
            return lambda draw: choices[draw.n % len(choices)](draw)
        if "$text" in value:
            inner = self.maker(value["$text"])
            return lambda draw: orjson.dumps(inner(draw)).decode()
        fields = [(name, self.maker(each)) for name, each in value.items()]
        return lambda draw: {name: made for name, make in fields if (made := make(draw)) is not ABSENT}

    def _text(self, text: str) -> Maker:
        found = list(_PLACEHOLDER.finditer(text))
        if not found:
            return lambda draw: text
        if found[0].group() == text:
            return self._placeholder(*found[0].groups())
        makers = [self._placeholder(*each.groups()) for each in found]
        frame = _PLACEHOLDER.sub("%s", text.replace("%", "%%"))
        return lambda draw: frame % tuple([make(draw) for make in makers])

    def _placeholder(self, name: str, argument: str | None) -> Maker:
        text = argument or ""
        words, shapes, find = self.words.get(name), self.shapes, self._find
        if words is not None and isinstance(words[0], str):
            return lambda draw: draw.pick(words)
        if words is not None:
            return self.maker({"$pick": words})
        if name in ("hex", "int", "float", "bool"):
            size = int(text)
            drawn: dict[str, Maker] = {"hex": lambda draw: draw.hex(size), "int": lambda draw: draw.below(size)}
            drawn |= {"float": lambda draw: draw.below(size) / 8, "bool": lambda draw: draw.one_in(size)}
            return drawn[name]
        if name == "seq":
            first, step = map(int, text.split())
            return lambda draw: first + step * draw.n
        if name == "time":
            offset = int(text or 0)
            return lambda draw: format_time(draw.ms + offset, draw.pick(shapes))
        others: dict[str, Maker] = {
            "absent": lambda draw: ABSENT,
            "big": lambda draw: 2**53 + 1 + draw.below(2**61),
            "n": lambda draw: draw.n,
            "created": lambda draw: draw.created_ms,
            "updated": lambda draw: draw.updated_ms,
            "created_iso": lambda draw: iso_time(draw.created_ms),
            "updated_iso": lambda draw: iso_time(draw.updated_ms),
            "user": lambda draw: getattr(draw.user, text),
            "id": lambda draw: next((thing["id"] for thing in find(text)[draw.n % (len(find(text)) or 1) :]), 1),
            "ids": lambda draw: [draw.pick(find(text))["id"] for _ in range(draw.below(3) if find(text) else 0)],
        }
        return others[name]


def patched(record: Record, patch: Record) -> None:
    """Change a record by a patch: fields to set, and names with a minus sign of fields to take away."""
    for name, value in patch.items():
        if name.startswith("-"):
            record.pop(name[1:], None)
        else:
            record[name] = value


class Oddities:
    """What of odd.json befalls records of one kind: about `share` of them get one odd shape."""

    def __init__(self, fixtures: Fixtures, kind: str, share: float) -> None:
        self._groups = [[fixtures.maker(patch) for patch in group] for group in fixture("odd")[kind].values()]
        self._parts = int(len(self._groups) / share)

    def strike(self, record: Record, draw: Draw) -> None:
        """Give the record an odd shape, or not."""
        choice = draw.below(self._parts)
        if choice < len(self._groups):
            patched(record, draw.pick(self._groups[choice])(draw))

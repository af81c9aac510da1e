"""Fixtures: JSON with placeholders, filled at random, in the same way every time.

A text may hold placeholders. One that is nothing else becomes the value itself, a number or whatever it is.

- {hex 8}, {int 100}, {float 100}, {bool 3}, {big}: at random: digits, a number below 100, an eighth of one, true once
  in 3 times, a number that no float holds
- {titles} or another list of words.json: one of its words, filled; {odd}: text that careless readers get wrong
- {nth themes}: the word of a list at the thing's place; lists of different lengths make many names
- {n}, {n 2}, {seq 1001 7}: a thing's place in its list, also padded with zeros, and a number that grows with it
- {ms created}, {iso created}, {utc created}: a time of the thing, as a number or text: created, updated, started, ended
- {time created}, {time -5000}: the same, or a time so many milliseconds after the event's, in any form that exports use
- {user city}: an attribute of the event's user
- {id channels}, {name journeys}, {ids lists}: the id or name of a thing of the project by place, and up to two ids
- {absent}: no such field

{"$pick": [...]} is one of these at random, {"$cycle": [...]} by place; {"one": 3, "other": 1} instead of a list says
how often each comes. {"$text": ...} is JSON inside a text.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import orjson

from .times import OFFSET_COLON, SHAPE_OF_16, format_time, iso_time

ABSENT = object()
Record = dict[str, Any]
Maker = Callable[["Draw"], Any]  # fills a fixture
_PLACEHOLDER = re.compile(r"(?<!\{)\{(\w+)(?: ([^{}]*))?\}")


@cache
def fixture(name: str) -> Any:
    """The content of a fixture; "metrics Email" is what all media of metrics.json have, and Email's own."""
    file, _, medium = name.partition(" ")
    content = orjson.loads((Path(__file__).parent / "fixtures" / f"{file}.json").read_bytes())
    return {**content["all"], **content[medium]} if medium else content


def seeded(seed: int, *name: object, size: int = 64) -> int:
    """The number of so many bytes that belongs to this seed and name."""
    return int.from_bytes(blake2b(repr((seed, *name)).encode(), digest_size=size).digest(), "big")


@dataclass(slots=True)
class Draw:
    """A large random number, spent piece by piece, and what else decides the values of a fixture.

    Every event needs its own randomness, to be the same in any window. Dividing one large number is several times faster
    than seeding a generator for each.
    """

    bits: int
    ms: int = 0  # of an event, and its user
    user: object = None
    n: int = 0  # of a thing: its place in the list, and its times
    times: dict[str, int] = field(default_factory=dict)

    def below(self, bound: int) -> int:
        """A number from 0 up to, not including, bound."""
        self.bits, value = divmod(self.bits, bound)
        return value

    def pick(self, choices: Sequence[Any]) -> Any:
        return choices[self.below(len(choices))]

    def hex(self, digits: int) -> str:
        return f"{self.below(1 << 4 * digits):0{digits}x}"


class Fixtures:
    """Turns fixtures into functions that fill them. `find` gives the things of the project by their stream."""

    def __init__(self, find: Callable[[str], list[Record]], odd: bool) -> None:
        self._find = find
        self.words: dict[str, list[Any]] = {**fixture("words"), **({} if odd else {"odd": fixture("words")["titles"]})}
        self.shapes = SHAPE_OF_16 if odd else (OFFSET_COLON,)

    def maker(self, value: Any) -> Maker:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, list):
            makers = [self.maker(each) for each in value]
            return lambda draw: _present(make(draw) for make in makers)
        if not isinstance(value, dict):
            return lambda draw: value
        kind, inner = next(iter(value.items()), ("", []))
        if kind in ("$pick", "$cycle"):
            counts = inner.items() if isinstance(inner, dict) else ((each, 1) for each in inner)
            choices = [make for each, count in counts for make in [self.maker(each)] * count]
            if kind == "$pick":
                return lambda draw: draw.pick(choices)(draw)
            return lambda draw: choices[draw.n % len(choices)](draw)
        if kind == "$text":
            fill = self.maker(inner)
            return lambda draw: orjson.dumps(fill(draw)).decode()
        fields = [(name, self.maker(each)) for name, each in value.items()]
        return lambda draw: {name: made for name, make in fields if (made := make(draw)) is not ABSENT}

    def _text(self, text: str) -> Maker:
        makers = [self._placeholder(match[1], match[2] or "") for match in _PLACEHOLDER.finditer(text)]
        frame = _PLACEHOLDER.sub("%s", text.replace("%", "%%"))
        if not makers:
            return lambda draw: text
        return makers[0] if frame == "%s" else lambda draw: frame % tuple([make(draw) for make in makers])

    def _placeholder(self, name: str, argument: str) -> Maker:
        if (words := self.words.get(name)) is not None:
            filled = any("{" in str(word) for word in words)
            return self.maker({"$pick": words}) if filled else lambda draw: draw.pick(words)
        shapes, find = self.shapes, self._find
        numbers = [int(each) for each in argument.split() if each.lstrip("-").isdigit()]
        size, step = (*numbers, 0, 0)[:2]
        makers: dict[str, Maker] = {
            "absent": lambda draw: ABSENT,
            "hex": lambda draw: draw.hex(size),
            "int": lambda draw: draw.below(size),
            "float": lambda draw: draw.below(size) / 8,
            "bool": lambda draw: draw.below(size) == 0,
            "big": lambda draw: 2**53 + 1 + draw.below(2**61),
            "nth": lambda draw: self.words[argument][draw.n % len(self.words[argument])],
            "n": lambda draw: f"{draw.n:0{size}d}" if size else draw.n,
            "seq": lambda draw: size + step * draw.n,
            "ms": lambda draw: draw.times[argument],
            "iso": lambda draw: iso_time(draw.times[argument]),
            "utc": lambda draw: format_time(draw.times[argument]),
            "time": lambda draw: format_time(draw.times.get(argument, draw.ms + size), draw.pick(shapes)),
            "user": lambda draw: getattr(draw.user, argument),
            "id": lambda draw: _of(find(argument), draw.n, "id", "templateId"),
            "name": lambda draw: _of(find(argument), draw.n, "name"),
            "ids": lambda draw: _present(_of(find(argument), draw.below(2**32), "id") for _ in range(draw.below(3))),
        }
        return makers[name]


def _present(values: Iterable[Any]) -> list[Any]:
    return [value for value in values if value is not ABSENT]


def _of(things: list[Record], place: int, *names: str) -> Any:
    """The field of one of these names, of the thing at this place; places beyond the last begin anew."""
    return next((things[place % len(things)][name] for name in names if things and name in things[0]), ABSENT)


def oddities(fixtures: Fixtures, kind: str, share: float) -> Callable[[Record, Draw], None]:
    """A function that changes about this share of the records of one kind by a patch from odd.json."""
    groups = [[fixtures.maker(patch) for patch in group] for group in fixture("odd")[kind].values()]
    parts = int(len(groups) / share)

    def strike(record: Record, draw: Draw) -> None:
        if (choice := draw.below(parts)) < len(groups):
            record.update(draw.pick(groups[choice])(draw))

    return strike

"""Mentions: how texts name fields, in JSON and in what programs print in its place."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from source_iterable.api import exact_json

# What may precede JSON in a text: blanks, control characters and what has no width. More than JSON allows.
_INVISIBLE = (*range(0x21), 0x85, 0xAD, 0x1680, *range(0x2000, 0x2010), 0x2028, 0x2029, 0x202F, 0x205F, 0x2060, 0x3000)
BLANKS = exact_json.BLANKS + "".join(map(chr, _INVISIBLE))
# How a text may begin that is the JSON of an object, a list or such a text, or what programs print in its place.
JSON_STARTS = frozenset("{[\"'\\" + BLANKS)
# Handlebars: {{x}}, {{{x}}}, {{#if …, and [[x]]. Never {{a=1, …, {{"a": … and {{a}, ….
_FIRST_FIELD = r"""\s*["'\\]*[\w.$-]{1,100}(?:["'\\]*\s*[:=]|[({])"""
_HANDLEBARS = (
    rf"(?:\{{\{{(?:~?[!#/>^&]|\{{{{0,2}}(?!{_FIRST_FIELD})[^{{}}]{{0,1000}}\}}\}})"
    rf"|\[\[(?:~?[!#/>^&]|(?!{_FIRST_FIELD})[^\[\]{{}}]{{0,1000}}\]\]))"
)
# How an object or a list begins in what need not be JSON, perhaps in quotes. Prose may begin like that, too: "[ACME] Your
# order", "{Hi|Hello}, Anna".
_BEGINS = re.compile(
    rf"""[{re.escape(BLANKS)}"'\\]*(?!{_HANDLEBARS})(?:"""
    rf"""(?P<object>\{{|\[\s*(?!{_HANDLEBARS})(?:\{{|\[(?=[\w$])))"""
    rf"""|\[\s*(?:["'(:]|(?!{_HANDLEBARS})\[)|(?P<prose>\[(?!\s*[\[{{])))"""
)
# A character in an escape, perhaps of JSON within JSON; and how often escapes are undone.
_ESCAPE = re.compile(r"(?<!\\)\\+(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2}))")
_DEEPEST_ESCAPE = 4


# What follows the name of a field, in quotes or not: a colon, an equals sign, an arrow.
_FOLLOWS = r"""(?:\.[\w.]{0,200}(?![\w.]))?(?:[\\"'`]*|(?:&#?\w{1,8};){1,4})\s*(?:[:=]|-{1,2}>|[→⇒])"""


class _Patterns(NamedTuple):
    """How a text names a field: in JSON, or JSON within that; as a word, perhaps behind an escape; as that of a field.

    `in_an_object`: as that of a field, or as `:name` and as the first of several texts in quotes, or cut off.
    """

    in_json: re.Pattern[str]
    as_a_word: re.Pattern[str]
    of_a_field: re.Pattern[str]
    in_an_object: re.Pattern[str]


@cache
def _patterns(name: str) -> _Patterns:
    """Those of a name. They begin with it: a search for what begins by looking behind takes ten times as long."""
    name = re.escape(name)
    word = rf"{name}(?!\w)(?:(?<!\w{name})|(?<=\\[bfnrt]{name})|(?<=\\u....{name})|(?<=\\x..{name}))"
    alone = rf"""(?<=[\s,({{\[]:{name})|(?<=["'`]{name})(?:[\\"'`]+\s*,|\Z)"""
    return _Patterns(
        re.compile(rf"""{name}(?<=["'.]{name})(?:\.[^"'\\]{{0,1000}})?\\*["']\s*:"""),
        re.compile(word),
        re.compile(word + _FOLLOWS),
        re.compile(rf"{word}(?:{_FOLLOWS}|{alone})"),
    )


class Mentions:
    """Finds names of fields in texts."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = tuple(names)

    def names_in(self, text: str) -> list[str]:
        """The names that are in a text at all, perhaps as a part of words."""
        return [name for name in self._names if name in text]

    def in_json(self, names: Iterable[str], text: str) -> bool:
        """Whether a text has a field of one of these names, if it is JSON. Misses names that are written in escapes."""
        return any(_patterns(name).in_json.search(text) for name in names)

    def may_be_within(self, names: Iterable[str], text: str) -> bool:
        """Whether a text that begins like JSON may have such a field in one of its texts. Names in escapes are missed."""
        return _BEGINS.match(text) is not None and any(_patterns(name).as_a_word.search(text) for name in names)

    def in_what_looks_like_json(self, text: str) -> bool:
        """Whether a text begins like JSON, or like what programs print in its place, and names a field.

        `{email=a@example.com, id=3}`, `{email: "a@example.com"}` and `[Contact(email=a@example.com)]` do. "[ACME] Confirm
        your email" does not; "[ACME] Your email: a@example.com" does.
        """
        return self._in_lookalike(text) or ("\\" in text and self._in_lookalike(_unescaped(text)))

    def _in_lookalike(self, text: str) -> bool:
        begin = _BEGINS.match(text)
        if begin is None:
            return False
        for each in map(_patterns, self.names_in(text)):
            if begin["object"]:
                found = each.in_an_object.search(text)
            else:
                found = (each.of_a_field if begin["prose"] else each.as_a_word).search(text)
            if found:
                return True
        return False


def _unescaped(text: str) -> str:
    """A text with its characters in escapes as they are."""
    for _ in range(_DEEPEST_ESCAPE):
        text = _ESCAPE.sub(lambda found: chr(int(found[1] or found[2], 16)), text)
    return text

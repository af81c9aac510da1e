"""JsonItems: cuts the items of a list out of a JSON object while it arrives, so that no more than one is in memory.

Parsers of JSON in Python need a whole text. Here only brackets and strings are followed, to find where an item ends: the
items, and what is left of the object without them, are then parsed as any other JSON.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator

from source_iterable.errors import TooLarge

_QUOTE, _BACKSLASH, _COMMA, _LIST, _END = b'"\\,[]'
_OPENING = frozenset(b"{[")
_IN_PARAMS = re.compile(rb'(?<!\\)"params"[ \t\r\n]*:[ \t\r\n]*\Z')
# More than any name of a list, and the blanks behind it.
_NAME_LENGTH = 256


def _compiled(pattern: bytes) -> re.Pattern[bytes]:
    """A pattern with possessive quantifiers, which save time and memory. Python 3.10 has none, and finds the same."""
    if sys.version_info < (3, 11):
        pattern = pattern.replace(b"*+", b"*").replace(b"++", b"+")
    return re.compile(pattern, re.S)


_BLANKS = _compiled(rb"[ \t\r\n]*+")
_IN_STRING = _compiled(rb'[^"\\]*+(?:\\.[^"\\]*+)*+')
# Also over strings, but for one whose end has not arrived yet.
_TO_BRACKET_TEXT = rb'[^"{}\[\]]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"{}\[\]]*+)*+'
_TO_BRACKET = _compiled(_TO_BRACKET_TEXT)
# As many short items as there are, each with its comma: a string, or an object without others in it.
_SHORT_ITEMS = _compiled(rb'(?:(?:"[^"\\]*+"|\{%b\})[ \t\r\n]*+,[ \t\r\n]*+)++' % _TO_BRACKET_TEXT)
_TO_COMMA = _compiled(rb"[^,\]}\s]*+")


class NotJson(ValueError):
    """The text is not JSON, or it ends too early."""


class JsonItems:
    """Iterates over the items of the list named `selector`, which is in the object itself or in its `params`.

    Yields the text of each item, or of several short ones with their commas, and its size; for an item over `max_bytes`, an
    empty text. Afterwards `rest` is the text of the object with an empty list in the place of the items; it has not been
    parsed yet. `lists` is how many there were.

    Raises NotJson; TooLarge if the rest is over `max_bytes`; and what `pieces` raises.
    """

    def __init__(self, pieces: Iterable[bytes], selector: str, max_bytes: int) -> None:
        self._pieces = iter(pieces)
        self._max_bytes = max_bytes
        self._opens = re.compile(rb'(?<!\\)"%b"[ \t\r\n]*:[ \t\r\n]*\Z' % re.escape(selector.encode()))
        # What has arrived, from the beginning of the item or of the rest that is being read.
        self._data = bytearray()
        self._start = self._at = 0
        self._in_item = False
        # Bytes of the item that were not kept.
        self._dropped = 0
        self.rest = bytearray()
        self.lists = 0

    def __iter__(self) -> Iterator[tuple[bytes, int]]:
        depth, in_params = 0, False
        while (byte := self._pass(_TO_BRACKET)) >= 0:
            if byte == _QUOTE:
                self._string()
                continue
            self._at += 1
            if byte not in _OPENING:
                depth -= 1
                continue
            depth += 1
            before = self._data[max(self._at - _NAME_LENGTH, self._start) : self._at - 1]
            if depth == 2:
                in_params = bool(_IN_PARAMS.search(before))
            if byte == _LIST and (depth == 2 or (depth == 3 and in_params)) and self._opens.search(before):
                self.lists += 1
                yield from self._items()
                depth -= 1
        self._keep()

    def _items(self) -> Iterator[tuple[bytes, int]]:
        """The items of the list whose bracket was passed; passes the other one, too."""
        self._keep()
        byte = self._pass(_BLANKS)
        while byte != _END:
            while short := self._short_items():
                yield short
            yield self._item()
            byte = self._pass(_BLANKS)
            if byte == _COMMA:
                self._at += 1
                self._pass(_BLANKS)
            elif byte != _END:
                raise NotJson
        self._start = self._at
        self._at += 1

    def _short_items(self) -> tuple[bytes, int] | None:
        """Those that begin here; passes the comma behind them, and the blanks."""
        match = _SHORT_ITEMS.match(self._data, self._at)
        if not match or match.end() - self._at > self._max_bytes:
            return None
        text = match[0].rstrip(b", \t\r\n")
        self._start = self._at = match.end()
        self._pass(_BLANKS)
        return text, len(text)

    def _item(self) -> tuple[bytes, int]:
        self._start, self._in_item = self._at, True
        self._value()
        size = self._dropped + self._at - self._start
        item = b"" if size > self._max_bytes else bytes(memoryview(self._data)[self._start : self._at])
        self._start, self._dropped, self._in_item = self._at, 0, False
        return item, size

    def _value(self) -> None:
        """Pass the value that begins here."""
        byte = self._pass(_BLANKS)
        if byte == _QUOTE:
            self._string()
        elif byte not in _OPENING:
            if self._pass(_TO_COMMA) < 0 or self._at == self._start:
                raise NotJson
        else:
            depth = 0
            while True:
                byte = self._pass(_TO_BRACKET)
                if byte < 0:
                    raise NotJson
                if byte == _QUOTE:
                    self._string()
                    continue
                self._at += 1
                depth += 1 if byte in _OPENING else -1
                if depth == 0:
                    return

    def _string(self) -> None:
        """Pass the string that begins here."""
        self._at += 1
        while (byte := self._pass(_IN_STRING)) == _BACKSLASH and self._more():
            pass
        if byte != _QUOTE:
            raise NotJson
        self._at += 1

    def _pass(self, pattern: re.Pattern[bytes]) -> int:
        """Pass all that `pattern` matches, and return the byte behind it; -1 at the end of the text."""
        while True:
            match = pattern.match(self._data, self._at)
            assert match  # each matches nothing, too
            self._at = match.end()
            if self._at < len(self._data):
                return self._data[self._at]
            if not self._more():
                return -1

    def _keep(self) -> None:
        """What was passed is no item: it belongs to the rest."""
        self.rest += self._data[self._start : self._at]
        self._start = self._at

    def _more(self) -> bool:
        """Wait for more of the text; False if there is none."""
        if self._dropped or self._at - self._start > self._max_bytes:
            if not self._in_item:
                raise TooLarge(f"The response has over {self._max_bytes:,} bytes that are no items of a list.")
            self._dropped += self._at - self._start
            self._start = self._at
        del self._data[: self._start]
        self._at -= self._start
        self._start = 0
        piece = next(filter(None, self._pieces), b"")
        self._data += piece
        return bool(piece)

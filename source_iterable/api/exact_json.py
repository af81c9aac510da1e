"""JSON without loss: what orjson refuses or changes is read by the standard library, and written as it was.

orjson turns integers over 64 bits and decimals of more than 17 digits into the nearest float, and refuses half surrogate
pairs (`"\\ud83d"` alone, which JavaScript senders produce when they cut a text within an emoji), 1e999, and objects nested
more than 254 deep when it writes. All are rare: one record in millions.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

import orjson

# Digits and decimal points become 0, all else a space: a plain search then finds long numbers, at a gigabyte a second.
_NUMBERS = bytes(48 if 48 <= byte <= 57 or byte == 46 else 32 for byte in range(256))
_LONG = b"0" * 19  # the shortest integer that may exceed 64 bits, or 18 digits and a point
_BEFORE_A_NUMBER = b":,[-\t\r\n "
# What may precede one in a string that holds JSON.
_ESCAPES = (b"\\n", b"\\r", b"\\t")
_SURROGATE = re.compile("[\ud800-\udfff]")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# What may surround JSON in a string.
BLANKS = " \t\r\n\ufeff\xa0"
# Stands for a text that is not JSON.
NOT_JSON = object()
# Digits that survive conversion to a float.
_FLOAT_DIGITS = 17


def loads(text: bytes) -> Any:
    """Parse JSON. Numbers that Python's int and float would change, or orjson could not write, become orjson.Fragment.

    A half surrogate pair becomes U+FFFD, and a byte order mark is skipped.

    Raises:
        ValueError: the text is not JSON (NaN and Infinity are not), or is nested too deep to be read.
    """
    try:
        return careful_loads(text) if lines_with_long_numbers(text) else orjson.loads(text)
    except orjson.JSONDecodeError:
        return careful_loads(text)


def parsed(text: bytes) -> Any:
    """`loads` without an error: NOT_JSON for a text that is not JSON."""
    try:
        return loads(text)
    except ValueError:
        return NOT_JSON


def careful_loads(text: bytes) -> Any:
    """`loads` by the standard library alone, for texts known to need it."""
    try:
        decoded = text.removeprefix(_BYTE_ORDER_MARK).decode("utf-8")
        value = json.loads(decoded, parse_constant=_refuse, parse_float=_decimal, parse_int=_integer)
        return _without_surrogates(value) if b"\\u" in text else value
    except RecursionError:
        raise ValueError("nested too deep") from None


def dumps(value: Any, default: None = None, option: int = 0) -> bytes:
    """The JSON of what `loads` returned; the parameters are orjson's.

    Raises:
        ValueError: the value is nested too deep to be written.
    """
    try:
        return _dumped(value, option)
    except RecursionError:
        raise ValueError("nested too deep") from None


def _dumped(value: Any, option: int) -> bytes:
    """By orjson alone, so that an event's id does not depend on how deep a field is nested."""
    try:
        return orjson.dumps(value, None, option)
    except TypeError:  # nested more than 254 deep
        pass
    parts: list[bytes] = []
    if type(value) is dict:
        for name in sorted(value) if option & orjson.OPT_SORT_KEYS else value:
            parts.append(orjson.dumps(name) + b":" + _dumped(value[name], option))
        return b"{%b}" % b",".join(parts)
    for item in value:
        parts.append(_dumped(item, option))
    return b"[%b]" % b",".join(parts)


def lines_with_long_numbers(chunk: bytes) -> set[bytes]:
    """The lines of `chunk` with a number, outside of identifiers, that may not fit 64 bits or a float."""
    runs = chunk.translate(_NUMBERS)
    lines: set[bytes] = set()
    at = runs.find(_LONG)
    while at >= 0:
        start, end = runs.rfind(b" ", 0, at) + 1, runs.find(b" ", at)
        if end < 0:
            end = len(chunk)
        before = chunk[max(start - 2, 0) : start]
        number = chunk[start:end]
        is_long = b"." not in number or len(number.replace(b".", b"").lstrip(b"0")) > _FLOAT_DIGITS
        if is_long and (before[-1:] in _BEFORE_A_NUMBER or before in _ESCAPES):
            newline = chunk.find(b"\n", end)
            lines.add(chunk[chunk.rfind(b"\n", 0, at) + 1 : newline if newline >= 0 else len(chunk)])
        at = runs.find(_LONG, end)
    return lines


def is_complete(line: bytes) -> bool:
    """Whether a line is structurally complete JSON, whatever its strings and numbers: a cut line is not."""
    try:
        json.loads(line.decode("latin-1"), strict=False, parse_int=str)
    except RecursionError:
        return line.rstrip().endswith((b"}", b"]"))
    except ValueError:
        return False
    return True


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _integer(text: str) -> int | orjson.Fragment:
    fits = len(text) < 19 or (len(text) <= 20 and -(2**63) <= int(text) < 2**64)
    return int(text) if fits else orjson.Fragment(text.encode())


def _decimal(text: str) -> float | orjson.Fragment:
    number = float(text)
    digits = text.lower().partition("e")[0].lstrip("-").replace(".", "").lstrip("0")
    fits = len(digits) <= _FLOAT_DIGITS and math.isfinite(number)
    return number if fits else orjson.Fragment(text.encode())


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    return value

"""The careful path: lines that orjson rejects or would change, parsed and serialized by the standard library instead.

orjson turns integers over 64 bits into floats and rejects lone surrogates (`"\\ud83d"`), which JavaScript senders produce
when they truncate text in the middle of an emoji. Both are rare: one record in millions.
"""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

# Maps digits to 0 and all else to a space, so that a plain search finds runs of digits, at a gigabyte a second.
_DIGITS = bytes(48 if 48 <= byte <= 57 else 32 for byte in range(256))
_LONG = b"0" * 19  # the shortest integer that may exceed 64 bits
_BEFORE_A_NUMBER = b":,[-\t "
_EXPONENTS_HAVE_A_SIGN = orjson.dumps(1e20) == b"1e+20"
_SURROGATE = re.compile("[\ud800-\udfff]")


class NotARecord(ValueError):
    """A line that is not a JSON object."""


def may_hold_a_changed_integer(output: bytes) -> bool:
    """Whether orjson's output may hold a float that was an integer over 64 bits, which has a positive exponent.

    Much cheaper than searching for the integers; text such as `jane+news@example.com` is a cheap false positive.
    """
    return b"e+" in output or not _EXPONENTS_HAVE_A_SIGN


def lines_with_long_integers(chunk: bytes) -> set[bytes]:
    """The lines of `chunk` that hold an integer, outside of identifiers, that may exceed 64 bits."""
    runs = chunk.translate(_DIGITS)
    lines: set[bytes] = set()
    at = runs.find(_LONG)
    while at >= 0:
        start = at
        while start and runs[start - 1] == 48:
            start -= 1
        if start and chunk[start - 1] in _BEFORE_A_NUMBER:
            newline = chunk.find(b"\n", at)
            lines.add(chunk[chunk.rfind(b"\n", 0, at) + 1 : newline if newline >= 0 else len(chunk)])
        end = runs.find(b" ", at)
        at = runs.find(_LONG, end) if end >= 0 else -1
    return lines


def parse(line: bytes) -> dict[str, Any]:
    """Parse a line: integers of any size stay exact, lone surrogates become U+FFFD. Raises NotARecord."""
    try:
        text = line.decode("utf-8")
        record = json.loads(text, parse_constant=_refuse, parse_float=_finite)
        if _SURROGATE.search(json.dumps(record, ensure_ascii=False)):
            record = _mend(record)
    except (ValueError, RecursionError):
        raise NotARecord from None
    if type(record) is not dict:
        raise NotARecord
    return record


def dumps(value: Any, default: None = None, option: int = 0) -> bytes:
    """Serialize what `parse` returned; the parameters are orjson's.

    Uses orjson wherever possible, so that a record's id does not depend on how it was parsed.
    """
    try:
        return orjson.dumps(value, default, option)
    except TypeError:  # an integer over 64 bits
        pass
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(text)
    return number


def _mend(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_mend(item) for item in value]
    if isinstance(value, dict):
        return {_mend(key): _mend(item) for key, item in value.items()}
    return value

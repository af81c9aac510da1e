"""The proof that a response is what was requested. Status 200 proves nothing: login pages and error objects have it too."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from source_iterable.api.exact_json import NOT_JSON, parsed
from source_iterable.errors import BrokenResponse

_ERROR_KEYS = {"code", "msg", "params"}
# How a line of markup begins; a userId may begin with any character.
_MARKUP = re.compile(
    rb"^\s*(\xef\xbb\xbf)?\s*<(!doctype|\?xml|html|head|body|error|script|title|h1|p|pre|!--)", re.I | re.M
)
# How a line of JSON begins, and no identifier does; `{...}` alone may be a GUID.
_JSON = re.compile(rb"^\s*(\xef\xbb\xbf)?[\[{]\s*[\"{\[\]}]", re.M)
# Control characters that no identifier has.
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1f]")
# Stands for a line that is too long to be kept: no JSON, and the number of its bytes.
_TOO_LONG = re.compile(rb"\0(\d{1,15})")
# Bytes of the longest identifier: an address has up to 320 characters, a userId 52 (reference); generously.
MAX_IDENTIFIER = 4096


def is_error_object(value: Any) -> bool:
    """Whether JSON is one of Iterable's errors, `{"code", "msg", "params"}`. With `params` it may be data."""
    return type(value) is dict and {"code", "msg"} <= value.keys() <= _ERROR_KEYS and not value.get("params")


def stand_in(size: int) -> bytes:
    """The line that stands for one of so many bytes."""
    return b"\0%d\n" % size


def bytes_too_long(line: bytes) -> int:
    """The bytes of the line that this one stands for; 0 if it stands for none."""
    found = _TOO_LONG.fullmatch(line)
    return int(found[1]) if found else 0


def must_hold_records(chunks: Iterable[bytes]) -> None:
    """Raise BrokenResponse if there are lines, and none of them is a record: a JSON object that is no error, or too long."""
    first = b""
    for line in (line for chunk in chunks for line in chunk.split(b"\n") if line.strip()):
        value = parsed(line)
        if (type(value) is dict and not is_error_object(value)) or bytes_too_long(line):
            return
        first = first or line
    if first:
        raise BrokenResponse(f"The response holds no records but {_description(first)}.")


def must_be_no_error(line: bytes) -> None:
    """Raise BrokenResponse if the last line of an export is an error object: records are missing after it."""
    if is_error_object(parsed(line)):
        raise BrokenResponse(f"The response ends with {_description(line)}.")


def not_csv(text: str) -> bool:
    """Whether a text cannot be CSV with a header: it is blank, markup, JSON or binary."""
    start = text.lstrip()[:1024].encode(errors="replace")
    return not start or bool(_MARKUP.match(start) or _JSON.match(start)) or "\0" in text


def must_hold_identifiers(chunks: Iterable[bytes], sign: bytes = b"") -> None:
    """Raise BrokenResponse for text that cannot be the users of a list, one per line, at least one with `sign` in it."""
    blank, signed = True, False
    for chunk in chunks:
        blank = blank and not chunk.strip()
        signed = signed or sign in chunk
        if _JSON.search(chunk):
            raise BrokenResponse("The response holds no users but JSON.")
        if _MARKUP.search(chunk) or _BINARY.search(chunk):
            raise BrokenResponse(f"The response holds no users but {_description(chunk)}.")
        if max(map(len, chunk.replace(b"\r", b"\n").split(b"\n"))) > MAX_IDENTIFIER:
            raise BrokenResponse(f"The response holds no users: a line is over {MAX_IDENTIFIER:,} bytes.")
        try:
            chunk.decode("utf-8")
        except UnicodeDecodeError:
            raise BrokenResponse("The response holds no users: it is not UTF-8.") from None
    if not blank and not signed:
        raise BrokenResponse("The response holds no users: none of its lines is an email address.")


def _description(text: bytes) -> str:
    """What a text is instead. Never the text itself: it may be personal data."""
    if _MARKUP.search(text):
        return "HTML or XML"
    if _BINARY.search(text[:1024]):
        return "binary data"
    value = parsed(text)
    if value is NOT_JSON:
        return "text that is not JSON"
    if is_error_object(value):
        code = str(value["code"])
        return f"an error object (code {code})" if re.fullmatch(r"[A-Za-z ]{1,40}", code) else "an error object"
    return "a JSON array" if isinstance(value, list) else "JSON that is no object"

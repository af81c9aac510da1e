"""Rows about the body of a response: what is no data, or none of the expected shape."""

from __future__ import annotations

from integration_tests.hostile.api import GoodApi, Kind
from integration_tests.hostile.responses import plain
from integration_tests.hostile.rows import (
    ERROR,
    HTML,
    NO_REPORT,
    NO_USERS,
    NOT_JSON,
    NOTHING,
    NOTHING_ONCE,
    PADDING,
    RECORDS,
    Row,
    Verdicts,
    body,
    of_json,
    sends,
)
from integration_tests.hostile.server import Pieces, Request

NOT_DATA: Verdicts = {
    "json": NOT_JSON,
    "csv": NO_REPORT,
    "users": NO_USERS,
    "lines": "incomplete: holds no records|line is cut",
    "number": "incomplete: is not a number of users",
}
NOT_SHAPE: Verdicts = {
    "json": "incomplete: holds no|is not (an object|the entry|that of|as it should be)|is of another",
    "csv": NO_REPORT,
    "users": NO_USERS,
    "lines": "incomplete: holds no records",
}
IS_ERROR: Verdicts = {
    "json": "incomplete: status 200 and an error",
    "csv": "incomplete: status 200 and an error",
    "users": NO_USERS,
    "lines": "incomplete: holds no records but an error object",
}


def spoilt_letters(request: Request, good: bytes, kind: Kind, api: GoodApi) -> Pieces:
    """Latin-1 in otherwise good data."""
    spoilt = {
        "json": good.rstrip()[:-1] + b',"x":"\xe9"}',
        "csv": good.replace(b"Total", b"T\xe9tal"),
        "users": b"jos\xe9@example.com\n" + good,
        "lines": good.replace(b'"email"', b'"\xe9":1,"email"'),
        "number": b"\xe9" + good,
    }[kind.form]
    return [plain(spoilt)]


BODIES = [
    Row("HTML with 200", body(HTML, 200, "Content-Type: text/html"), NOT_DATA),
    Row("HTML of one line with 200", body(b"<html><body>Log in</body></html>"), NOT_DATA),
    Row("XML with 200", body(f'<?xml version="1.0"?><Error><Code>{PADDING}</Code></Error>'.encode()), NOT_DATA),
    Row("text with 200", body(b"Service temporarily unavailable, please try again later"), NOT_DATA),
    Row("error object with 200", of_json(ERROR), IS_ERROR),
    Row("error object with 200 and params", of_json({**ERROR, "params": None}), IS_ERROR),
    Row("Success object with 200", of_json({"code": "Success", "msg": "ok"}), NOT_SHAPE),
    Row("another object with 200", of_json({"error": "unauthorized"}), {**NOT_SHAPE, "lines": None}),
    Row("JSON array of objects", of_json([{"id": 1}]), NOT_SHAPE),
    Row("JSON array of numbers", of_json([1, 2]), NOT_SHAPE),
    Row("JSON number", of_json(42), NOT_SHAPE),
    Row("JSON null", of_json(None), NOT_SHAPE),
    Row("JSON text", of_json("no data"), NOT_SHAPE),
    Row("empty body", body(b""), NOTHING, NOTHING_ONCE),
    Row("whitespace", body(b" \n\t\n  \n"), NOTHING, NOTHING_ONCE),
    Row("only broken lines", body(b'{"a": \n{"b": \n'), NOT_DATA),
    Row("NUL bytes", body(b"\0" * 400), NOT_DATA),
    Row("NUL bytes in front", sends(lambda good: plain(b"\0\n" + good)), {**NOT_DATA, "lines": RECORDS}),
    # A report's letters are replaced (get_text); all others are refused.
    Row("Latin-1", spoilt_letters, {**NOT_DATA, "csv": RECORDS}),
    Row(
        "byte order mark",
        sends(lambda good: plain(b"\xef\xbb\xbf" + good)),
        {"*": RECORDS, "number": "incomplete: is not a number of users"},
    ),
]

"""Rows about lines: of records, of users, and of reports."""

from __future__ import annotations

import json

from integration_tests.hostile.api import MANY, MEMBERS, GoodApi, Kind, event, json_lines
from integration_tests.hostile.responses import plain
from integration_tests.hostile.rows import (
    EMPTY,
    ERROR,
    HTML,
    NO_REPORT,
    NO_USERS,
    RECORDS,
    Row,
    Spoil,
    body,
    only,
    sends,
)
from integration_tests.hostile.server import Pieces, Request


def many(kind: Kind) -> frozenset[str]:
    """The keys of 2,000 good lines, for every user in turn."""
    numbers = range(MANY)
    if kind.stream == "events":
        return frozenset(f"{user} {n}" for users in MEMBERS.values() for user in users for n in numbers)
    return frozenset(f"m{n}" for n in numbers)


def few(kind: Kind) -> frozenset[str]:
    """Those of the first of them."""
    return frozenset(key for key in many(kind) if key.endswith(("m0", " 0")))


def lines_with(bad: bytes, place: int = MANY // 2, good: int = MANY, bad_times: int = 1) -> Spoil:
    """Good lines, and a bad one before the one at `place`."""

    def spoil(request: Request, _: bytes, kind: Kind, api: GoodApi) -> Pieces:
        records = [
            {"email": request.value("email"), "n": n} if kind.stream == "events" else event(0, messageId=f"m{n}")
            for n in range(good)
        ]
        return [plain(json_lines(records[:place]) + (bad + b"\n") * bad_times + json_lines(records[place:]))]

    return spoil


LINES = [
    *(
        Row(
            f"{name} among 2,000 lines",
            lines_with(line),
            only("records: not a JSON object|not JSON objects", "lines"),
            None,
            keys=many,
        )
        for name, line in {
            "a broken line": b'{"messageId": "m',
            "NaN": b'{"messageId": NaN}',
            "an array": b"[1, 2]",
            "a number": b"42",
            "NUL bytes": b"\0\0\0",
            "Latin-1": b'{"messageId": "\xe9"}',
            "nested too deep": b"[" * 100_000,
        }.items()
    ),
    Row(
        "an error object as the last line",
        lines_with(json.dumps(ERROR).encode(), MANY),
        only("incomplete: ", "lines"),
        only(RECORDS, "lines"),
        resumes=False,
    ),
    Row(
        "1,999 broken lines and a good one",
        lines_with(b'{"messageId": "m', 1, 1, 1999),
        only("incomplete: ", "lines"),
        None,
        keys=few,
        resumes=False,
    ),
    Row(
        "an error object as the last user",
        sends(lambda good: plain(good + json.dumps(ERROR).encode() + b"\n")),
        only(NO_USERS, "users"),
    ),
    Row(
        "HTML behind the users",
        sends(lambda good: plain(good + HTML)),
        only(NO_USERS, "users"),
    ),
    Row(
        "a user of 5,000 letters",
        sends(lambda good: plain(b"x" * 5000 + b"\n" + good)),
        only(NO_USERS, "users"),
    ),
    Row("a report without its id", body(b"Total Email Sends\n10\n"), only(NO_REPORT, "csv")),
    Row("a report of a header", body(b"id,Total Email Sends\n"), only(EMPTY, "csv"), None),
    Row("a report with too many cells", sends(lambda good: plain(good + b"3,1,2\n")), only(NO_REPORT, "csv")),
    Row("a report with a quote that stays open", body(b'id,Name\n1,"one\n2,two\n'), only(NO_REPORT, "csv")),
    Row(
        "a report with a cell of 200 KB",
        sends(lambda good: plain(good.replace(b"20", b"x" * 200_000))),
        only(RECORDS, "csv"),
    ),
]

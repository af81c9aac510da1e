"""Rows about responses that are too large."""

from __future__ import annotations

from itertools import repeat

from integration_tests.hostile.api import GoodApi, Kind
from integration_tests.hostile.responses import bomb, head
from integration_tests.hostile.rows import NO_USERS, Row, Spoil, only, sends
from integration_tests.hostile.server import Pieces, Request

MEGABYTE = b" " * 2**20
LETTERS = b"x" * 2**20


def long_line(megabytes: int) -> Spoil:
    """One line, within JSON where the kind returns that."""

    def spoil(request: Request, good: bytes, kind: Kind, api: GoodApi) -> Pieces:
        start, end = {
            "channels": (b'{"channels":[{"id":1,"name":"', b'"}]}'),
            "campaigns/metrics": (b"id,Name\n1,", b"\n"),
            "lists/getUsers": (b"", b"\n"),
        }.get(kind.path, (b'{"messageId":"', b'"}\n'))
        return [
            head(200, f"Content-Length: {len(start) + len(end) + megabytes * 2**20}") + start,
            *repeat(LETTERS, megabytes),
            end,
        ]

    return spoil


# Each in a process of its own, whose memory is measured.
LARGE = [
    Row(
        "a gzip bomb",
        sends(lambda _: bomb(MEGABYTE, 1500)),
        {
            "list": "incomplete: over 83,886,080 bytes",
            "stream": "incomplete: over 268,435,456 bytes",
            "file": "incomplete: over 536,870,912 bytes",
        },
        None,
    ),
    Row(
        "a line of 200 MB",
        long_line(200),
        {
            "list": "incomplete: over 83,886,080 bytes",
            "report": "incomplete: over 83,886,080 bytes",
            "members": NO_USERS,
            "stream": "incomplete: holds no records",
        },
        None,
    ),
    Row("a line of 120 MB", long_line(120), only("incomplete: ", "list"), None),
]

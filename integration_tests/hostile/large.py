"""Rows about responses that are too large."""

from __future__ import annotations

from itertools import repeat

from integration_tests.hostile.api import GoodApi, Kind
from integration_tests.hostile.responses import bomb, head
from integration_tests.hostile.rows import NO_USERS, RECORDS, Row, Spoil, only, sends
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


def large_items(number: int, megabytes: int) -> Spoil:
    """A list of so many items, each of so many megabytes."""

    def spoil(request: Request, good: bytes, kind: Kind, api: GoodApi) -> Pieces:
        starts = [b',{"id":%d,"name":"' % each for each in range(number)]
        size = sum(map(len, starts)) + number * (megabytes * 2**20 + len(b'"}')) + len(b'{"channels":]}')
        yield head(200, f"Content-Length: {size}") + b'{"channels":['
        for start in starts:
            yield start.lstrip(b"," if start is starts[0] else b"")
            yield from repeat(LETTERS, megabytes)
            yield b'"}'
        yield b"]}"

    return spoil


# Each in a process of its own, whose memory is measured.
LARGE = [
    Row(
        "a gzip bomb",
        sends(lambda _: bomb(MEGABYTE, 1500)),
        {
            "list": "incomplete: GET channels: .* over 16,777,215 bytes that are no items",
            "stream": "incomplete: over 268,435,456 bytes",
            "file": "incomplete: over 536,870,912 bytes",
        },
        None,
    ),
    Row(
        "a line of 200 MB",
        long_line(200),
        {
            "list": "skipped: GET channels: item 1 of channels was left out: it has 200.0 MB",
            "report": "incomplete: GET campaigns/metrics: .* over 83,886,080 bytes",
            "members": NO_USERS,
            "stream": "skipped: records over 16 MB were left out: 1, the longest of 200.0 MB",
        },
        None,
    ),
    Row("items of 10 MB", large_items(12, 10), only(RECORDS, "list"), None),
]

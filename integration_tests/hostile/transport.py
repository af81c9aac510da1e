"""Rows about lengths, chunks, encodings, heads, and connections that end or stall."""

from __future__ import annotations

import gzip

from integration_tests.hostile.responses import chunked, encoded, head, plain
from integration_tests.hostile.rows import (
    NO_REPORT,
    NOT_JSON,
    NOTHING,
    NOTHING_ONCE,
    RECORDS,
    SAME,
    WAYS,
    Row,
    Verdicts,
    only,
    sends,
)
from integration_tests.hostile.server import Pieces


def cut(good: bytes) -> bytes:
    """Without its end, in the middle of a line."""
    return good[: len(good.rstrip()) - 3]


NO_RESPONSE = "incomplete: broke or was refused|could not be reached"
BROKE_OFF = "incomplete: broke off"
# Nothing proves the end: of a document, its last brace does.
GZIP = "Content-Encoding: gzip"
UNKNOWN = "incomplete: has no length: the connection may"
DOCUMENTS: Verdicts = {"json": RECORDS, "*": UNKNOWN}
# A job that may have been started is not started again.
UNKNOWN_ONCE: Verdicts = {**only(RECORDS, *WAYS, "sizes", "history"), "start": SAME}
# Whether identifiers are cut, nothing can tell.
CUT: Verdicts = {"json": NOT_JSON, "csv": NO_REPORT, "lines": "incomplete: line is cut"}
CUT_ONCE = only(RECORDS, "json", "csv", "lines")


def halves(good: bytes) -> tuple[bytes, bytes]:
    return good[: len(good) // 2], good[len(good) // 2 :]


def two_members(good: bytes) -> bytes:
    return b"".join(map(gzip.compress, halves(good)))


def slowly(good: bytes) -> Pieces:
    """Byte by byte, at the start and at the end."""
    whole = plain(good)
    for place in range(20):
        yield whole[place : place + 1]
        yield 0.01
    yield whole[20:-10]
    for place in range(len(whole) - 10, len(whole)):
        yield whole[place : place + 1]
        yield 0.01


def without_length(body: bytes, *headers: str) -> bytes:
    """A response that ends where the connection does."""
    return head(200, *headers) + body


def of_http_1_0(body: bytes) -> bytes:
    """As an old proxy sends it on."""
    return without_length(body).replace(b"HTTP/1.1", b"HTTP/1.0")


def half(good: bytes) -> bytes:
    """A response whose second half does not come."""
    return head(200, f"Content-Length: {len(good)}") + halves(good)[0]


TRANSPORT = [
    *(
        row
        for name, make in {
            "no length": without_length,
            "HTTP/1.0": of_http_1_0,
            "length of letters": lambda body: without_length(body, "Content-Length: abc"),
            "negative length": lambda body: without_length(body, "Content-Length: -5"),
        }.items()
        for row in (
            Row(name, sends(make), DOCUMENTS),
            Row(f"{name}, and cut", sends(lambda good, make=make: make(cut(good))), UNKNOWN, UNKNOWN_ONCE),
            Row(f"{name}, and half", sends(lambda good, make=make: make(halves(good)[0])), UNKNOWN, UNKNOWN_ONCE),
            Row(f"{name}, and nothing", sends(lambda _, make=make: make(b"")), UNKNOWN, UNKNOWN_ONCE),
        )
    ),
    Row("two equal lengths", sends(lambda good: head(200, *[f"Content-Length: {len(good)}"] * 2) + good), RECORDS),
    Row(
        "two lengths",
        sends(lambda good: head(200, f"Content-Length: {len(good)}", "Content-Length: 3") + good),
        "incomplete: contradict each other|could not be reached",
    ),
    Row("length too long", sends(lambda good: head(200, f"Content-Length: {len(good) + 9}") + good), BROKE_OFF),
    Row("length too short", sends(lambda good: head(200, f"Content-Length: {len(cut(good))}") + good), CUT, CUT_ONCE),
    Row("chunked", sends(chunked), RECORDS),
    Row("chunked without end", sends(lambda good: chunked(good, b"")), BROKE_OFF),
    Row("chunked, cut within a size", sends(lambda good: chunked(good, b"00")), BROKE_OFF),
    Row("chunked with a negative size", sends(lambda good: chunked(good, size=b"-1")), BROKE_OFF),
    Row("chunked with a bad size", sends(lambda good: chunked(good, size=b"xyz")), BROKE_OFF),
    Row("chunked with a size too long", sends(lambda good: chunked(good, size=b"ffffff")), BROKE_OFF),
    Row("gzip", sends(lambda good: encoded(gzip.compress(good))), RECORDS),
    Row("gzip, no length", sends(lambda good: without_length(gzip.compress(good), GZIP)), RECORDS),
    Row("gzip, no length, cut", sends(lambda good: without_length(gzip.compress(good)[:-5], GZIP)), BROKE_OFF),
    Row("gzip, no length, no bytes", sends(lambda _: without_length(b"", GZIP)), UNKNOWN, UNKNOWN_ONCE),
    Row("gzip, no length, two members", sends(lambda good: without_length(two_members(good), GZIP)), DOCUMENTS),
    Row("gzip without trailer", sends(lambda good: encoded(gzip.compress(good)[:-8])), BROKE_OFF),
    Row("gzip cut in the middle", sends(lambda good: encoded(halves(gzip.compress(good))[0])), BROKE_OFF),
    Row(
        "gzip with a wrong checksum",
        sends(lambda good: encoded(gzip.compress(good)[:-8] + b"\1" * 8)),
        "incomplete: not the gzip",
    ),
    Row("gzip with a second member", sends(lambda good: encoded(two_members(good))), RECORDS),
    Row(
        "gzip with a broken second member",
        sends(lambda good: encoded(gzip.compress(good) + b"\x1f\x8b\x08broken")),
        "incomplete: not the gzip|broke off",
    ),
    Row("gzip with a cut second member", sends(lambda good: encoded(two_members(good)[:-9])), BROKE_OFF),
    Row("gzip header, plain body", sends(encoded), "incomplete: not the gzip"),
    Row("gzip header, empty body", sends(lambda _: encoded(b"")), NOTHING, NOTHING_ONCE),
    *(
        Row(
            f"encoding {name}",
            sends(lambda good, name=name: encoded(good, name)),
            "incomplete: encoding that was not requested",
        )
        for name in ("br", "deflate")
    ),
    Row("header line of 100 KB", sends(lambda good: head(200, "X: " + "x" * 100_000) + good), NO_RESPONSE),
    Row("1,000 header lines", sends(lambda good: head(200, *["X: x"] * 1000) + good), NO_RESPONSE),
    Row("no HTTP", sends(lambda _: b"SSH-2.0-server\r\n"), NO_RESPONSE),
    Row("closed before any byte", sends(lambda _: []), NO_RESPONSE),
    Row("closed within the status line", sends(lambda _: b"HTTP/1.1 20"), NO_RESPONSE),
    # http.client takes a head that ends early for a whole one, and then finds a body of no bytes.
    Row("closed after the status line", sends(lambda _: b"HTTP/1.1 200 OK\r\n"), "incomplete: "),
    Row(
        "closed within the headers",
        sends(lambda _: b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"),
        "incomplete: ",
    ),
    Row("closed after half of the body", sends(half), BROKE_OFF),
    Row("nothing for ever", sends(lambda _: [None]), "incomplete: within|could not be reached", read_timeout=0.01),
    Row(
        "half of the body, then nothing",
        sends(lambda good: [half(good), None]),
        only("incomplete: stalled", *WAYS),
        # Long enough for the first half to arrive.
        read_timeout=0.1,
    ),
    Row("a byte every 10 ms", sends(slowly), RECORDS, None),
]

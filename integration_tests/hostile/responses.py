"""Responses as bytes, well-formed and not."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any


def head(status: int = 200, *headers: str, reason: str = "Reason") -> bytes:
    """The head of a response."""
    return "\r\n".join([f"HTTP/1.1 {status} {reason}", "Connection: close", *headers, "", ""]).encode("latin-1")


def plain(body: bytes, status: int = 200, *headers: str) -> bytes:
    """A whole response with a Content-Length."""
    return head(status, f"Content-Length: {len(body)}", *headers) + body


def plain_json(value: Any, status: int = 200, *headers: str) -> bytes:
    """A whole response of JSON."""
    return plain(json.dumps(value).encode(), status, *headers)


def chunked(body: bytes, end: bytes = b"0\r\n\r\n", size: bytes | None = None) -> bytes:
    """A chunked response."""
    size = b"%x" % len(body) if size is None else size
    return head(200, "Transfer-Encoding: chunked") + size + b"\r\n" + body + b"\r\n" + end


def encoded(body: bytes, encoding: str = "gzip") -> bytes:
    """A response with a Content-Encoding."""
    return plain(body, 200, f"Content-Encoding: {encoding}")


def bomb(unit: bytes, times: int) -> Iterator[bytes]:
    """A gzip response that becomes `times` times a unit of a megabyte or so."""
    member = gzip.compress(unit)
    yield head(200, "Content-Encoding: gzip", f"Content-Length: {len(member) * times}")
    for _ in range(times):
        yield member

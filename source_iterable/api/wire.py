"""Wire: the bytes of one response as they arrive on its connection, and how slowly they may arrive."""

from __future__ import annotations

import http.client
import io
import math
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

# Seconds from the first byte of a head to its last.
HEAD_SECONDS = 60.0
# Minimum rate of a body after its first byte: these bytes, or the rest, within these seconds.
BODY_BYTES, BODY_SECONDS = 64 * 2**10, 600.0
# Interim responses before one response, and lines of all their heads, or between two chunks; more are a fault.
MAX_INTERIM, _MAX_LINES = 10, 1000


class TooSlow(TimeoutError):
    """A head or a body began, and arrives more slowly than it may."""


class Wire(io.RawIOBase):
    """What a connection sends for one response: its heads, then its body.

    The connection's own timeout is for silence only: a server that sends a byte now and then never reaches it.
    """

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, clock: Callable[[], float] = time.monotonic) -> None:
        self._raw = raw
        self._sock = sock
        self._clock = clock
        # Bytes received, and those of them that were lines of heads: the buffer above this one may hold more.
        self._received = self._taken = 0
        self.in_body = False
        # When the current head, or the current BODY_BYTES of the body, began, and how many bytes came before.
        self._since: float | None = None
        self._before = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Read what is there, or wait for it. Raises TimeoutError for silence, TooSlow for a slow head or body."""
        count = self._received_into(buffer)
        if count:
            self._received += count
            if self._since is None or (self.in_body and self._received - self._before >= BODY_BYTES):
                self._since, self._before = self._clock(), self._received
        return count

    def took_line(self, line: bytes) -> None:
        """Note a line of a head; an empty one ends the head."""
        self._taken += len(line)
        if line in (b"\r\n", b"\n"):
            self._since = self._clock() if self._received > self._taken else None

    def begin_body(self) -> None:
        """The body follows; some of it may have arrived with the head."""
        self.in_body, self._before = True, self._taken

    def close(self) -> None:
        self._raw.close()
        super().close()

    def _received_into(self, buffer: Any) -> int | None:
        patience = self._sock.gettimeout()
        seconds = BODY_SECONDS if self.in_body else HEAD_SECONDS
        left = math.inf if self._since is None else self._since + seconds - self._clock()
        if (patience or math.inf) <= left:
            return self._raw.readinto(buffer)
        try:
            if left <= 0:
                raise TimeoutError
            self._sock.settimeout(left)
            return self._raw.readinto(buffer)
        except TimeoutError:
            raise TooSlow from None
        finally:
            self._sock.settimeout(patience)


class Lines(io.BufferedReader):
    """A response as it is read: heads line by line, then a body in bytes or, if it is chunked, with lines in between.

    http.client accepts a head that breaks off, and skips any number of 100s. urllib3 accepts the size of a chunk that is
    cut, so that `0400` ends a body as `0`, and a negative one; nor does it check what ends a chunk, or how many lines follow
    the last one.
    """

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire)
        self._wire = wire
        self._lines = 0
        # Bytes of the current chunk not read yet; None before a body's first chunk, and if it has none.
        self._left: int | None = None

    def begin_body(self) -> None:
        """The body follows the head that has been read."""
        self._wire.begin_body()
        self._lines = 0

    def readline(self, limit: int | None = -1, /) -> bytes:
        line = super().readline(limit)
        # Without a status line, http.client itself says that the connection was closed; urllib3 needs no last empty line.
        may_end = not line and (self._lines == 0 or self._wire.in_body)
        self._lines += 1
        # A lone CR ends a line for http.client's parser, which would find headers in the middle of a value.
        is_broken = b"\r" in line.removesuffix(b"\n").removesuffix(b"\r") or not (line.endswith(b"\n") or may_end)
        if is_broken or self._lines > _MAX_LINES:
            raise http.client.HTTPException
        if self._wire.in_body:
            with suppress(ValueError):  # a trailer, or a size that urllib3 refuses
                self._left = int(line.partition(b";")[0], 16)
        else:
            self._wire.took_line(line)
        return line

    def read(self, size: int | None = -1, /) -> bytes:
        if self._left is None:
            return super().read(size)
        if size is None or size < 0:
            raise http.client.HTTPException
        self._lines = 0
        data = super().read(size)
        if self._left == 0 and data not in (b"\r\n", b""):
            raise http.client.HTTPException
        self._left = max(self._left - len(data), 0)
        return data

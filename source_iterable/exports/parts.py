"""Parts: complete pieces of an export's answer, received whole before any of it counts."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import IO

import orjson
import requests
import urllib3

# A part is kept in memory up to this many bytes, beyond them in a temporary file.
MEMORY_BYTES = 1 * 2**20
# Bytes read from a part at a time, and so about the size of a batch: large enough that what a batch costs does not
# matter, small enough that a dozen threads may hold one.
CHUNK_BYTES = 512 * 2**10
_NETWORK_BYTES = 256 * 2**10


class Broken(Exception):
    """An answer that did not arrive whole; str() says how."""


class TooLarge(Exception):
    """An answer over the bound of its spool."""


class Part:
    """The lines of one complete answer or file; `size` in bytes. Its space is free again when it is closed."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        self.size = size

    def chunks(self) -> Iterator[bytes]:
        """The part in pieces of whole lines, about CHUNK_BYTES bytes each."""
        self._file.seek(0)
        while chunk := self._file.read(CHUNK_BYTES):
            yield chunk if chunk.endswith(b"\n") else chunk + self._file.readline()

    def close(self) -> None:
        self._file.close()


def receive(response: requests.Response, bound: int, json_lines: bool = True) -> Part:
    """Receive the body of `response`, whole, into a part of at most `bound` bytes.

    Raises Broken when the connection breaks, stalls, or the last of its `json_lines` is cut, TooLarge over the bound.
    """
    file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=MEMORY_BYTES)  # noqa: SIM115  the Part closes it
    size = 0
    tail = b""
    try:
        with response:
            for piece in response.iter_content(_NETWORK_BYTES):
                file.write(piece)
                size += len(piece)
                tail = piece
                if size > bound:
                    raise TooLarge
        if json_lines and size and not tail.endswith(b"\n"):
            _check_last_line(file, size)
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        file.close()
        raise Broken("the answer stalled" if isinstance(error, requests.Timeout) else "the answer broke off") from None
    except BaseException:
        file.close()
        raise
    return Part(file, size)


def _check_last_line(file: IO[bytes], size: int) -> None:
    """An answer that ends properly may still have been cut before it was sent: its last line is no JSON then."""
    back = min(size, MEMORY_BYTES)
    file.seek(size - back)
    last = file.read(back).rpartition(b"\n")[2]
    try:
        orjson.loads(last)
    except orjson.JSONDecodeError:
        raise Broken("the last line is cut") from None
    file.seek(size)

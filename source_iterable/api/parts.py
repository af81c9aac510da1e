"""Parts: pieces of an export, each received whole before any of it is used."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import IO

import orjson
import requests

from source_iterable.errors import BrokenResponse, TooLarge

# A part over this many bytes spills from memory to a temporary file.
MEMORY_BYTES = 256 * 2**10
# Bytes read from a part at a time, so about the size of a batch: large enough to amortize the cost of a batch, small
# enough for a dozen threads to hold one each.
CHUNK_BYTES = 512 * 2**10
_NETWORK_BYTES = 256 * 2**10


class Part:
    """The lines of one complete response or file; `size` in bytes. Closing it frees its space."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        self.size = size

    def chunks(self) -> Iterator[bytes]:
        """Yield the part in chunks of whole lines, about CHUNK_BYTES each."""
        self._file.seek(0)
        while chunk := self._file.read(CHUNK_BYTES):
            yield chunk if chunk.endswith(b"\n") else chunk + self._file.readline()

    def close(self) -> None:
        self._file.close()


def receive(response: requests.Response, max_bytes: int, json_lines: bool = True) -> Part:
    """Receive the body of `response` whole.

    Raises:
        BrokenResponse: the connection broke or stalled, or the last of the `json_lines` is incomplete.
        TooLarge: the body exceeds `max_bytes`.
    """
    file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=MEMORY_BYTES)  # noqa: SIM115  the Part closes it
    size = 0
    tail = b""
    try:
        with response:
            for piece in network_pieces(response):
                file.write(piece)
                size += len(piece)
                tail = piece
                if size > max_bytes:
                    raise TooLarge(f"The response is over {max_bytes:,} bytes.")
        if json_lines and size and not tail.endswith(b"\n"):
            _check_last_line(file, size)
    except BaseException:
        file.close()
        raise
    return Part(file, size)


def network_pieces(response: requests.Response) -> Iterator[bytes]:
    """Yield the body of a response as it arrives. Raises BrokenResponse."""
    try:
        yield from response.iter_content(_NETWORK_BYTES)
    except requests.RequestException as error:
        # requests turns urllib3's ReadTimeoutError while reading a body into a ConnectionError.
        raise BrokenResponse(
            "The response stalled." if "timed out" in str(error) else "The response broke off."
        ) from None


def _check_last_line(file: IO[bytes], size: int) -> None:
    """A response that ends cleanly may have been truncated before it was sent: its last line is then not JSON."""
    back = min(size, MEMORY_BYTES)
    file.seek(size - back)
    last = file.read(back).rpartition(b"\n")[2]
    try:
        orjson.loads(last)
    except orjson.JSONDecodeError:
        raise BrokenResponse("The last line is cut.") from None
    file.seek(size)

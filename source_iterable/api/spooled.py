"""Responses received whole, in memory or spooled: decoded in bounded pieces, and complete only when their end is proved.

A length, a last chunk, the trailer of gzip or a closed JSON document proves it. A closed connection does not: a proxy that
gives up halfway closes it, too.
"""

from __future__ import annotations

import tempfile
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from typing import IO

import requests
import urllib3

from source_iterable.api.exact_json import is_complete, parsed
from source_iterable.api.proof import must_be_no_error, must_hold_records, stand_in
from source_iterable.errors import BrokenResponse, EndUnknown, TooLarge
from source_iterable.process.machine import local_errors

# Larger buffers are returned to the system after each read, and cost a page fault for each 4 KB of the next.
_NETWORK_BYTES = 64 * 2**10
# Bytes that one call of the decoder may return: a megabyte of gzip can be a gigabyte of zeros.
_DECODED_BYTES = 1 * 2**20
_GZIP = 16 + zlib.MAX_WBITS
_IDENTITY = ("", "identity")
_NO_END = "The response has no length: the connection may have closed too early. Check for a proxy in between."
# A response is kept in memory up to this many bytes; a larger one in a temporary file.
MEMORY_BYTES = 256 * 2**10
# Bytes read from a response at a time, about the size of a batch. With 64 KB, allocators keep the memory of one chunk for
# the next; with 512 KB they returned it to the system, and a million records cost 1.5 million page faults.
CHUNK_BYTES = 64 * 2**10
# Bytes of a line, a record or an item of a list: longer ones are left out. Redshift's SUPER has up to 16 MB, Airbyte Cloud
# takes records of up to 20 MB.
MAX_LINE = 16 * 2**20
_BAD_LINE = b"\0\n"
_READ_BYTES = 1 * 2**20
_END_BYTES = 16 * 2**10
# After this many bytes of a response, and whenever they have doubled, its whole size is guessed.
_FIRST_GUESS_BYTES = 32 * 2**20
# A guess must be this many times over the limit to count: a wrong one costs a request.
_FAR_OVER = 1.5

# Guesses the bytes of the whole response from the number received so far, the first and the last of them.
Guess = Callable[[int, bytes, bytes], int]
# Raises BrokenResponse for chunks that are not what was requested.
Proof = Callable[[Iterable[bytes]], object]


class SpooledResponse:
    """The lines of one complete response or file; `size` in bytes. Closing it frees its space. Thread-safe once received."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        self.size = size
        self._lock = threading.Lock()
        self._readers = 1

    def shared(self) -> SpooledResponse:
        """The same response for one more reader. Each reader closes it; the last one frees its space."""
        with self._lock:
            self._readers += 1
        return self

    def chunks(self) -> Iterator[bytes]:
        """Yield it in chunks of whole lines, about CHUNK_BYTES each.

        A line over MAX_LINE is not held: if an object begins there, a stand_in says how long it is; any other is a bad line.
        """
        position = 0
        while True:
            with self._lock:
                self._file.seek(position)
                chunk = self._chunk()
                position = self._file.tell()
            if not chunk:
                return
            yield chunk

    def _chunk(self) -> bytes:
        chunk = self._file.read(CHUNK_BYTES)
        rest = self._file.readline(MAX_LINE)
        if len(rest) < MAX_LINE or rest.endswith(b"\n"):
            return chunk + rest
        start = chunk.rfind(b"\n") + 1
        is_object = (chunk[start:] or rest)[:1] == b"{"
        size = len(chunk) - start + len(rest)
        while rest and not rest.endswith(b"\n"):
            rest = self._file.readline(_READ_BYTES)
            size += len(rest)
        return chunk[:start] + (stand_in(size) if is_object else _BAD_LINE)

    def last_line(self) -> bytes:
        """The last line that is not blank, with any blank lines after it; of a longer one, about the last MAX_LINE bytes."""
        end, start = b"", self.size
        while start and len(end) < MAX_LINE and b"\n" not in end.rstrip():
            start = max(start - _READ_BYTES, 0)
            self._file.seek(start)
            end = self._file.read()
        return end[end.rstrip().rfind(b"\n") + 1 :]

    def ends(self) -> tuple[bytes, bytes]:
        """The first and the last 16 KB or so, which may begin and end within a line."""
        self._file.seek(0)
        head = self._file.read(_END_BYTES)
        self._file.seek(max(self.size - _END_BYTES, len(head)))
        return head, self._file.read(_END_BYTES)

    def close(self) -> None:
        with self._lock:
            self._readers -= 1
            if self._readers == 0:
                self._file.close()


@local_errors()
def receive(
    response: requests.Response, max_bytes: int, proof: Proof = must_hold_records, guess: Guess | None = None
) -> SpooledResponse:
    """Receive the body of `response` whole.

    Raises:
        BrokenResponse: the body broke off or stalled, its last line is cut, or the proof fails.
        EndUnknown: nothing proves its end.
        TooLarge: the body has more than `max_bytes`, or by `guess` far more.
        LocalError: this machine has no room for it.
    """
    with ExitStack() as failing, response:
        file = tempfile.SpooledTemporaryFile(max_size=MEMORY_BYTES)  # noqa: SIM115  closed with the response
        spooled = failing.enter_context(closing(SpooledResponse(file, 0)))
        next_guess = min(_FIRST_GUESS_BYTES, max_bytes)
        for piece in pieces(response):
            file.write(piece)
            spooled.size += len(piece)
            if spooled.size > next_guess:
                next_guess = min(2 * next_guess, max_bytes)
                expected = guess(spooled.size, *spooled.ends()) if guess else spooled.size
                if spooled.size > max_bytes or expected > _FAR_OVER * max_bytes:
                    raise TooLarge(f"The response is or will be over {max_bytes:,} bytes.", expected)
        last = spooled.last_line() if proof is must_hold_records else b""
        if last.strip() and not last.endswith(b"\n") and len(last) < MAX_LINE and not is_complete(last):
            raise BrokenResponse("The last line is cut.")
        proof(spooled.chunks())
        must_be_no_error(last)
        failing.pop_all()
    return spooled


def pieces(response: requests.Response) -> Iterator[bytes]:
    """The decoded body of a response as it arrives.

    Decoded here, since urllib3 accepts a gzip body without its end, or with a broken second member.

    Raises:
        BrokenResponse: the body broke off, stalled, or is not what its headers say.
        EndUnknown: all that arrived was yielded, but nothing proves its end.
    """
    names = ("Transfer-Encoding", "Content-Encoding")
    coding, encoding = (response.headers.get(name, "").strip().lower() for name in names)
    if coding not in (*_IDENTITY, "chunked") or encoding not in (*_IDENTITY, "gzip", "x-gzip"):
        raise BrokenResponse("The response has an encoding that was not requested.")
    # As urllib3 reads it, not as the headers say: a length that is not a number is none.
    has_end = response.raw.chunked or response.raw.length_remaining is not None
    decoder, members = None, 0
    try:
        for data in response.raw.stream(_NETWORK_BYTES, decode_content=False):
            if encoding in _IDENTITY:
                yield data
                continue
            while data:
                if decoder is None or decoder.eof:
                    decoder, members = zlib.decompressobj(_GZIP), members + 1
                if piece := decoder.decompress(data, _DECODED_BYTES):
                    yield piece
                data = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
    except urllib3.exceptions.ReadTimeoutError:
        raise BrokenResponse("The response stalled.") from None
    except (urllib3.exceptions.HTTPError, OSError):
        raise BrokenResponse("The response broke off.") from None
    except zlib.error:
        raise BrokenResponse("The response is not the gzip that its headers say.") from None
    if decoder is not None and not decoder.eof:
        raise BrokenResponse("The response broke off.")
    # The trailer of one member of gzip is an end, too. Of several, the last ones may be missing.
    if not has_end and members != 1:
        raise EndUnknown(_NO_END)


def whole(response: requests.Response, max_bytes: int) -> bytes:
    """The decoded body of a response. Raises BrokenResponse, EndUnknown or TooLarge."""
    body = bytearray()
    try:
        for piece in pieces(response):
            body += piece
            if len(body) > max_bytes:
                raise TooLarge(f"The response is over {max_bytes:,} bytes.")
    except EndUnknown:
        # A closed object or array proves its own end. Numbers and texts might go on.
        if not isinstance(parsed(bytes(body)), (dict, list)):
            raise
    return bytes(body)

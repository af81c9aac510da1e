"""SpooledResponse: a response or file, received whole and proved before any of it counts."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import IO

import requests

from source_iterable.api.body import pieces
from source_iterable.api.proof import MAX_LINE, must_be_no_error, must_be_whole, must_hold_records
from source_iterable.errors import TooLarge
from source_iterable.process.machine import local_errors

# A response is kept in memory up to this many bytes; a larger one in a temporary file.
MEMORY_BYTES = 256 * 2**10
# Bytes read from a response at a time, about the size of a batch. With 64 KB, allocators keep the memory of one chunk for
# the next; with 512 KB they returned it to the system, and a million records cost 1.5 million page faults.
CHUNK_BYTES = 64 * 2**10
# Stands for a line over MAX_LINE: not JSON, so that it is counted and reported like any other bad line.
TOO_LONG = b"\x00\n"
_READ_BYTES = 1 * 2**20
_END_BYTES = 16 * 2**10
# After this many bytes of a response, and whenever they have doubled, its whole size is guessed.
_FIRST_GUESS_BYTES = 32 * 2**20
# A guess must be this many times over the limit to count: a wrong one costs a request.
_FAR_OVER = 2

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
        """The response for one more reader, which closes it, too: the last one to do so frees the space."""
        with self._lock:
            self._readers += 1
        return self

    def chunks(self) -> Iterator[bytes]:
        """Yield it in chunks of whole lines, about CHUNK_BYTES each. Lines over MAX_LINE are replaced by TOO_LONG."""
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
        if not chunk or chunk.endswith(b"\n"):
            return chunk
        rest = self._file.readline(MAX_LINE)
        if len(rest) < MAX_LINE or rest.endswith(b"\n"):
            return chunk + rest
        while rest and not rest.endswith(b"\n"):
            rest = self._file.readline(_READ_BYTES)
        return chunk[: chunk.rfind(b"\n") + 1] + TOO_LONG

    def last_line(self) -> bytes:
        """The last line that is not blank, with what is blank behind it; at most about MAX_LINE of its end."""
        end = b""
        position = self.size
        while position and len(end) < MAX_LINE and b"\n" not in end.rstrip():
            start = max(position - _READ_BYTES, 0)
            self._file.seek(start)
            end = self._file.read(position - start) + end
            position = start
        return end[end.rstrip().rfind(b"\n") + 1 :]

    def ends(self) -> tuple[bytes, bytes]:
        """The first and the last 16 KB or so, whatever lines they begin and end in."""
        self._file.seek(0)
        head = self._file.read(_END_BYTES)
        self._file.seek(max(self.size - _END_BYTES, len(head)))
        return head, self._file.read(_END_BYTES)

    def write(self, data: bytes) -> None:
        """Append to it. Raises LocalError."""
        with local_errors():
            self._file.write(data)
        self.size += len(data)

    def close(self) -> None:
        with self._lock:
            self._readers -= 1
            if self._readers == 0:
                self._file.close()


def receive(
    response: requests.Response, max_bytes: int, proof: Proof = must_hold_records, guess: Guess | None = None
) -> SpooledResponse:
    """Receive the body of `response` whole.

    Raises:
        BrokenResponse: the body broke off or stalled, its last line is cut, or the proof fails.
        EndUnknown: nothing proves that it is whole.
        TooLarge: the body has more than `max_bytes`, or by `guess` far more.
        LocalError: this machine has no room for it.
    """
    with local_errors():
        spooled = SpooledResponse(tempfile.SpooledTemporaryFile(max_size=MEMORY_BYTES), 0)  # noqa: SIM115  closed with the response
    try:
        with response:
            next_guess = min(_FIRST_GUESS_BYTES, max_bytes)
            for piece in pieces(response):
                spooled.write(piece)
                if spooled.size > next_guess:
                    next_guess = min(2 * next_guess, max_bytes)
                    expected = guess(spooled.size, *spooled.ends()) if guess else spooled.size
                    if spooled.size > max_bytes:
                        raise TooLarge(f"The response is over {max_bytes:,} bytes.", expected)
                    if expected > _FAR_OVER * max_bytes:
                        raise TooLarge(f"The response has about {expected:,} bytes, more than {max_bytes:,}.", expected)
        last = spooled.last_line() if proof is must_hold_records else b""
        must_be_whole(last)
        proof(spooled.chunks())
        must_be_no_error(last)
    except BaseException:
        spooled.close()
        raise
    return spooled

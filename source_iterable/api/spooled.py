"""Parts: pieces of an export, received whole and proved before any of it counts."""

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

# A part is kept in memory up to this many bytes, beyond them in a temporary file.
MEMORY_BYTES = 256 * 2**10
# Bytes read from a part at a time, and so about the size of a batch. With 64 KB, allocators keep the memory of one chunk for
# the next; with 512 KB they returned it to the system, and a million records cost 1.5 million page faults.
CHUNK_BYTES = 64 * 2**10
# Stands for a line that is longer: no JSON, so that it is counted and reported like any other bad line.
TOO_LONG = b"\x00\n"
_READ_BYTES = 1 * 2**20
_END_BYTES = 16 * 2**10
# When so many bytes of a response have come, and whenever that has doubled, its whole size is guessed.
_FIRST_GUESS_BYTES = 32 * 2**20
# A guess must be this many times over the limit to count: a wrong one costs a request.
_FAR_OVER = 2

# From the bytes received so far, the first and the last ones of them, the bytes of the whole response.
Guess = Callable[[int, bytes, bytes], int]


class _Readers:
    """The parts that read one file, each from a place of its own."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.count = 0


class SpooledResponse:
    """The lines of one complete response or file; `size` in bytes. Closing it frees its space."""

    def __init__(self, file: IO[bytes], size: int, readers: _Readers | None = None) -> None:
        self._file = file
        self.size = size
        self._readers = readers or _Readers()
        self._readers.count += 1
        self._is_open = True

    def shared(self) -> SpooledResponse:
        """The same part for another reader, also in another thread. The space is freed when all are closed."""
        with self._readers.lock:
            return SpooledResponse(self._file, self.size, self._readers)

    def chunks(self) -> Iterator[bytes]:
        """The part in pieces of whole lines, about CHUNK_BYTES each. Lines over MAX_LINE are replaced by TOO_LONG."""
        place = 0
        while True:
            with self._readers.lock:
                self._file.seek(place)
                chunk = self._chunk()
                place = self._file.tell()
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
        """Append to the part. Raises LocalError."""
        with local_errors():
            self._file.write(data)
        self.size += len(data)

    def close(self) -> None:
        with self._readers.lock:
            self._readers.count -= self._is_open
            self._is_open = False
            if self._readers.count == 0:
                self._file.close()


def receive(
    response: requests.Response,
    max_bytes: int,
    proof: Callable[[Iterable[bytes]], None] = must_hold_records,
    guess: Guess = lambda received, head, tail: received,
) -> SpooledResponse:
    """Receive the body of `response` whole. `proof` raises BrokenResponse for chunks that are not what was requested.

    Raises:
        BrokenResponse: the body broke off or stalled, its last line is cut, or the proof fails.
        EndUnknown: nothing proves that it is whole.
        TooLarge: the body has more than `max_bytes`, or by `guess` far more.
        LocalError: this machine has no room for it.
    """
    with local_errors():
        part = SpooledResponse(tempfile.SpooledTemporaryFile(max_size=MEMORY_BYTES), 0)  # noqa: SIM115  the SpooledResponse closes it
    try:
        with response:
            next_guess = min(_FIRST_GUESS_BYTES, max_bytes)
            for piece in pieces(response):
                part.write(piece)
                if part.size > next_guess:
                    next_guess = min(2 * next_guess, max_bytes)
                    expected = guess(part.size, *part.ends())
                    if part.size > max_bytes:
                        raise TooLarge(f"The response is over {max_bytes:,} bytes.", expected)
                    if expected > _FAR_OVER * max_bytes:
                        raise TooLarge(f"The response has about {expected:,} bytes, more than {max_bytes:,}.", expected)
        last = part.last_line() if proof is must_hold_records else b""
        must_be_whole(last)
        proof(part.chunks())
        must_be_no_error(last)
    except BaseException:
        part.close()
        raise
    return part

"""Bodies of which only the size matters: a response of gigabytes takes virtual time and virtual disk, and no memory."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import NamedTuple

from source_iterable.api.spooled import MEMORY_BYTES

# Bytes of one piece of a body as it arrives, and of a chunk as it is parsed.
PIECE_BYTES = 16 * 2**20
CHUNK_BYTES = 16 * 2**20
# Records in a piece that is read to see its times.
_RECORDS = 8
# The smallest read that asks for records to parse, not for the ends of a response.
_SMALLEST_CHUNK = 32 * 2**10


class Bulk(NamedTuple):
    """Records of `size` bytes, evenly spread over [start, end) in seconds since the epoch."""

    size: int
    start: float
    end: float

    def pieces(self) -> Iterator[Piece]:
        """It in the pieces in which it arrives."""
        for begin in range(0, self.size, PIECE_BYTES):
            yield Piece(self, min(PIECE_BYTES, self.size - begin))


class Piece:
    """A piece of a Bulk; its length is what it would have."""

    def __init__(self, of: Bulk, size: int) -> None:
        self.of = of
        self._size = size

    def __len__(self) -> int:
        return self._size


class Disk:
    """The temporary files of a sync, in bytes: now, and at most so far."""

    def __init__(self) -> None:
        self.used = 0
        self.peak = 0

    def add(self, size: int) -> None:
        self.used += size
        self.peak = max(self.peak, self.used)


class SpoolFile(io.BytesIO):
    """tempfile.SpooledTemporaryFile, of real bytes or of pieces of a Bulk.

    Read in chunks, it returns one line for each, which says how many bytes it stands for:
    `{"createdAt": ..., "bytes": ...}`.
    """

    def __init__(self, disk: Disk, max_size: int = MEMORY_BYTES) -> None:
        super().__init__()
        self._disk = disk
        self._most_in_memory = max_size
        self._bulk: Bulk | None = None
        self._size = 0
        self._on_disk = 0
        self._position = 0

    def write(self, data: object, /) -> int:
        if isinstance(data, Piece):
            self._bulk = data.of
            self._size += len(data)
            written = len(data)
        else:
            assert isinstance(data, (bytes, bytearray, memoryview))
            written = super().write(data)
            self._size = max(self._size, super().tell())
        if self._size > self._most_in_memory:
            self._disk.add(self._size - self._on_disk)
            self._on_disk = self._size
        return written

    def seek(self, position: int, whence: int = 0, /) -> int:
        if self._bulk is None:
            return super().seek(position, whence)
        assert whence == 0
        self._position = position
        return position

    def tell(self) -> int:
        return super().tell() if self._bulk is None else self._position

    def read(self, size: int | None = -1, /) -> bytes:
        if self._bulk is None:
            return super().read(size)
        left = self._size - self._position
        if left <= 0:
            return b""
        is_chunk = size is not None and size >= _SMALLEST_CHUNK
        taken = min(CHUNK_BYTES if is_chunk else left if size is None or size < 0 else size, left)
        self._position += taken
        begin, end, whole = self._bulk.start, self._bulk.end, self._bulk.size
        time = datetime.fromtimestamp(int(begin + (end - begin) * (self._position - 1) / whole), timezone.utc)
        line = b'{"createdAt":"%s","bytes":%d}\n' % (time.strftime("%Y-%m-%d %H:%M:%S +00:00").encode(), taken)
        return line if is_chunk else line * _RECORDS

    def readline(self, size: int | None = -1, /) -> bytes:
        # Chunks of a Bulk end with a line.
        return super().readline(size) if self._bulk is None else b""

    def close(self) -> None:
        self._disk.add(-self._on_disk)
        self._on_disk = 0
        super().close()

"""IdSet: ids as a bitmap of a few kilobytes, for a stream's state."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable

# Bytes of a new set: ids of a project of up to 131,072 consecutive ones each have a bit of their own.
_BYTES = 2**14


class IdSet:
    """Ids, each as the bit of its remainder. It may claim to have ids that were not added, and has all that were."""

    def __init__(self, text: str = "") -> None:
        """An empty set, or what `text` returned. Raises ValueError for any other text."""
        self._bytes = bytearray(_BYTES)
        self._text: str | None = None
        if text:
            try:
                unpacking = zlib.decompressobj()
                self._bytes = bytearray(unpacking.decompress(base64.b85decode(text), _BYTES))
            except zlib.error:
                raise ValueError from None
            if not (unpacking.eof and self._bytes and _BYTES % len(self._bytes) == 0):
                raise ValueError

    def update(self, ids: Iterable[int]) -> None:
        """Add ids."""
        bits = 8 * len(self._bytes)
        for each in ids:
            self._bytes[each % bits >> 3] |= 1 << (each & 7)
            self._text = None

    def __contains__(self, an_id: int) -> bool:
        return bool(self._bytes[an_id % (8 * len(self._bytes)) >> 3] >> (an_id & 7) & 1)

    def fold(self) -> None:
        """Halve the bitmap: its text gets shorter, and it claims to have more ids."""
        half = len(self._bytes) // 2
        self._bytes = bytearray(map(int.__or__, self._bytes[:half], self._bytes[half:]))
        self._text = None

    @property
    def text(self) -> str:
        """The set as ASCII text."""
        if self._text is None:
            self._text = base64.b85encode(zlib.compress(self._bytes)).decode()
        return self._text

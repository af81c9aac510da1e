"""The body of a response: decoded in bounded pieces, and only believed when its end has arrived."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import requests
import urllib3

from source_iterable.errors import BrokenResponse, TooLarge

# Larger ones are returned to the system after each read, and cost a page fault for each 4 KB of the next.
_NETWORK_BYTES = 64 * 2**10
# Bytes that one call of the decoder may return: a megabyte of gzip can be a gigabyte of zeros.
_DECODED_BYTES = 1 * 2**20
_GZIP = 16 + zlib.MAX_WBITS
_IDENTITY = ("", "identity")


def pieces(response: requests.Response) -> Iterator[bytes]:
    """The decoded body of a response as it arrives.

    Decoded here, since urllib3 takes a gzip body without its end, or with a broken second member, for complete.

    Raises:
        BrokenResponse: the body broke off, stalled, or is not what its headers say.
    """
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if encoding in _IDENTITY:
        yield from _raw(response)
    elif encoding in ("gzip", "x-gzip"):
        yield from _gunzipped(_raw(response))
    else:
        raise BrokenResponse("The response has an encoding that was not requested.")


def whole(response: requests.Response, max_bytes: int) -> bytes:
    """The decoded body of a response. Raises BrokenResponse or TooLarge."""
    received: list[bytes] = []
    size = 0
    for piece in pieces(response):
        size += len(piece)
        if size > max_bytes:
            raise TooLarge(f"The response is over {max_bytes:,} bytes.")
        received.append(piece)
    return b"".join(received)


def _raw(response: requests.Response) -> Iterator[bytes]:
    try:
        yield from response.raw.stream(_NETWORK_BYTES, decode_content=False)
    except urllib3.exceptions.ReadTimeoutError:
        raise BrokenResponse("The response stalled.") from None
    except (urllib3.exceptions.HTTPError, OSError):
        raise BrokenResponse("The response broke off.") from None


def _gunzipped(raw: Iterator[bytes]) -> Iterator[bytes]:
    decoder = zlib.decompressobj(_GZIP)
    begun = False
    try:
        for data in raw:
            while data:
                if decoder.eof:  # another member follows
                    decoder = zlib.decompressobj(_GZIP)
                begun = True
                if piece := decoder.decompress(data, _DECODED_BYTES):
                    yield piece
                data = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
    except zlib.error:
        raise BrokenResponse("The response is not the gzip that its headers say.") from None
    if begun and not decoder.eof:
        raise BrokenResponse("The response broke off.")

"""The body of a response: decoded in bounded pieces, and complete only when its end is proved.

What proves it: its length, its last chunk, the trailer of gzip, or a closed JSON document. That the server has closed the
connection proves nothing: so does a proxy that gives up in the middle.
"""

from __future__ import annotations

import zlib
from collections.abc import Generator, Iterator

import requests
import urllib3

from source_iterable.api import exact_json
from source_iterable.errors import BrokenResponse, EndUnknown, TooLarge

# Larger buffers are returned to the system after each read, and cost a page fault for each 4 KB of the next.
_NETWORK_BYTES = 64 * 2**10
# Bytes that one call of the decoder may return: a megabyte of gzip can be a gigabyte of zeros.
_DECODED_BYTES = 1 * 2**20
_GZIP = 16 + zlib.MAX_WBITS
_IDENTITY = ("", "identity")
_NO_END = "The response has no length and was closed, so nothing proves that it is whole. Check for a proxy in between."


def pieces(response: requests.Response) -> Iterator[bytes]:
    """The decoded body of a response as it arrives.

    Decoded here, since urllib3 accepts a gzip body without its end, or with a broken second member.

    Raises:
        BrokenResponse: the body broke off, stalled, or is not what its headers say.
        EndUnknown: after all of it, as nothing proves that it is all.
    """
    names = ("Transfer-Encoding", "Content-Encoding")
    coding, encoding = (response.headers.get(name, "").strip().lower() for name in names)
    if coding not in (*_IDENTITY, "chunked") or encoding not in (*_IDENTITY, "gzip", "x-gzip"):
        raise BrokenResponse("The response has an encoding that was not requested.")
    # As urllib3 reads it, not as the headers say: a length that is not a number is none.
    has_end = response.raw.chunked or response.raw.length_remaining is not None
    # The trailer of gzip is an end, too, but a second member may follow.
    ends_itself = False
    if encoding in _IDENTITY:
        yield from _raw(response)
    else:
        ends_itself = (yield from _gunzipped(_raw(response))) == 1
    if not has_end and not ends_itself:
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
        if not _is_document(bytes(body)):
            raise
    return bytes(body)


def _is_document(body: bytes) -> bool:
    """Whether a body is a closed JSON object or array. Numbers and texts might go on."""
    try:
        return isinstance(exact_json.loads(body), (dict, list))
    except ValueError:
        return False


def _raw(response: requests.Response) -> Iterator[bytes]:
    try:
        yield from response.raw.stream(_NETWORK_BYTES, decode_content=False)
    except urllib3.exceptions.ReadTimeoutError:
        raise BrokenResponse("The response stalled.") from None
    except (urllib3.exceptions.HTTPError, OSError):
        raise BrokenResponse("The response broke off.") from None


def _gunzipped(raw: Iterator[bytes]) -> Generator[bytes, None, int]:
    """Yield the decoded members of gzip; return how many there were."""
    decoder, members = zlib.decompressobj(_GZIP), 0
    try:
        for data in raw:
            while data:
                if decoder.eof or not members:
                    decoder, members = zlib.decompressobj(_GZIP), members + 1
                if piece := decoder.decompress(data, _DECODED_BYTES):
                    yield piece
                data = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
    except zlib.error:
        raise BrokenResponse("The response is not the gzip that its headers say.") from None
    if members and not decoder.eof:
        raise BrokenResponse("The response broke off.")
    return members

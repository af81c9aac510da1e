"""A body counts when its end has arrived, and never takes more memory than its bound."""

from __future__ import annotations

import gzip
import io
import tracemalloc
from collections.abc import Iterator

import pytest
import requests
import urllib3

from source_iterable.api.spooled import pieces, whole
from source_iterable.errors import BrokenResponse, EndUnknown, TooLarge

TEXT = b'{"id": 1}\n' * 1000


def response(body: bytes, encoding: str | None = "gzip", length: str | None = "") -> requests.Response:
    """A response whose Content-Length is its own, another one, or missing: None."""
    made = requests.Response()
    headers = {} if encoding is None else {"Content-Encoding": encoding}
    if length is not None:
        headers["Content-Length"] = length or str(len(body))
    made.headers.update(headers)
    made.raw = urllib3.HTTPResponse(io.BytesIO(body), headers=headers, preload_content=False)
    return made


@pytest.mark.parametrize("encoding", [None, "", "identity"])
def test_a_plain_body_is_as_it_is(encoding: str | None) -> None:
    assert whole(response(TEXT, encoding), 10**6) == TEXT


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP"])
def test_a_gzip_body_is_decoded_member_by_member(encoding: str) -> None:
    assert whole(response(gzip.compress(TEXT), encoding), 10**6) == TEXT
    assert whole(response(gzip.compress(TEXT) * 2, encoding), 10**6) == TEXT * 2
    assert whole(response(b"", encoding), 10**6) == b""


@pytest.mark.parametrize("missing", [1, 4, 8, 20])
def test_a_gzip_body_without_its_end_is_broken(missing: int) -> None:
    for members in (1, 2):
        body = gzip.compress(TEXT) * members
        with pytest.raises(BrokenResponse):
            whole(response(body[:-missing]), 10**6)


def test_a_gzip_body_with_a_wrong_checksum_or_more_behind_it_is_broken() -> None:
    body = bytearray(gzip.compress(TEXT))
    body[-6] ^= 1
    for broken in (bytes(body), gzip.compress(TEXT) + b"garbage", b"plain text"):
        with pytest.raises(BrokenResponse):
            whole(response(broken), 10**6)


@pytest.mark.parametrize("encoding", ["br", "deflate", "zstd", "gzip, gzip"])
def test_encodings_that_were_not_requested_are_refused(encoding: str) -> None:
    with pytest.raises(BrokenResponse, match="encoding"):
        whole(response(TEXT, encoding), 10**6)


def test_a_body_over_its_bound_is_refused_before_it_fills_the_memory() -> None:
    bomb = gzip.compress(bytes(100 * 2**20))
    tracemalloc.start()
    with pytest.raises(TooLarge):
        whole(response(bomb), 10 * 2**20)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40 * 2**20
    assert max(map(len, pieces(response(bomb)))) <= 2**20


class _Raw:
    """The stream of a response that ends as it should not."""

    chunked = True

    def __init__(self, *pieces: bytes, error: Exception) -> None:
        self.pieces = pieces
        self.error = error

    def stream(self, amount: int, decode_content: bool) -> Iterator[bytes]:
        assert not decode_content
        yield from self.pieces
        raise self.error


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (urllib3.exceptions.ReadTimeoutError(None, "/", "x"), "The response stalled."),  # type: ignore[arg-type]
        (urllib3.exceptions.IncompleteRead(1, 2), "The response broke off."),
        (urllib3.exceptions.ProtocolError("x"), "The response broke off."),
        (ConnectionResetError(), "The response broke off."),
    ],
)
@pytest.mark.parametrize("encoding", [None, "gzip"])
def test_a_body_that_does_not_end_says_how(error: Exception, told: str, encoding: str | None) -> None:
    made = response(b"", encoding)
    made.raw = _Raw(TEXT if encoding is None else gzip.compress(TEXT), error=error)
    with pytest.raises(BrokenResponse) as caught:
        whole(made, 10**6)
    assert str(caught.value) == told


def test_a_broken_body_says_what_is_wrong() -> None:
    for body, encoding, told in (
        (gzip.compress(TEXT, mtime=0)[:-1], "gzip", "The response broke off."),
        (b"plain", "gzip", "The response is not the gzip that its headers say."),
        (b"plain", "br", "The response has an encoding that was not requested."),
    ):
        with pytest.raises(BrokenResponse) as caught:
            whole(response(body, encoding), 10**6)
        assert str(caught.value) == told


def test_a_bound_is_the_last_size_that_is_taken() -> None:
    assert whole(response(b"a" * 1234, None), 1234) == b"a" * 1234
    with pytest.raises(TooLarge) as caught:
        whole(response(b"a" * 1235, None), 1234)
    assert str(caught.value) == "The response is over 1,234 bytes."
    with pytest.raises(TooLarge):
        whole(response(gzip.compress(b"a" * 700) * 2), 1399)
    assert len(whole(response(gzip.compress(b"a" * 700) * 2), 1400)) == 1400


@pytest.mark.parametrize("header", ["gzip", " GZIP ", "x-gzip"])
def test_a_large_body_arrives_in_its_order(header: str) -> None:
    text = b"".join(b"line %d\n" % number for number in range(300_000))
    assert b"".join(pieces(response(gzip.compress(text), header))) == text
    assert b"".join(pieces(response(text, " Identity "))) == text


@pytest.mark.parametrize("length", [None, "abc", "-5", "1e3", ""])
@pytest.mark.parametrize(
    "body", [b"", b"12", b'"text"', b"null", b"a@example.com\n", b'{"id": 1}\n{"id": 2}\n', b"[1", b"{} x"]
)
def test_a_body_without_a_length_proves_nothing(body: bytes, length: str | None) -> None:
    if length == "":
        assert whole(response(body, None), 100) == body, "as it has one"
        return
    for read in (lambda made: whole(made, 100), lambda made: list(pieces(made))):
        with pytest.raises(EndUnknown, match="has no length: the connection may"):
            read(response(body, None, length))


@pytest.mark.parametrize("body", [b"{}", b"[]", b' {"a": [1]}\r\n ', b"[1, 2]\n"])
def test_a_closed_document_proves_itself_but_only_where_one_is_read(body: bytes) -> None:
    assert whole(response(body, None, None), 100) == body
    with pytest.raises(EndUnknown):
        list(pieces(response(body, None, None)))


def test_without_a_length_gzip_is_one_member_and_nothing_behind_it() -> None:
    one = gzip.compress(TEXT)
    assert whole(response(one, length=None), 10**6) == TEXT
    assert b"".join(pieces(response(one, length=None))) == TEXT
    for unknown in (b"", one + gzip.compress(TEXT)):
        with pytest.raises(EndUnknown):
            list(pieces(response(unknown, length=None)))
    for broken in (one[:-1], one[:20], one + one[:15]):
        with pytest.raises(BrokenResponse, match="broke off"):
            list(pieces(response(broken, length=None)))


@pytest.mark.parametrize("coding", ["gzip", "gzip, chunked", "chunked, chunked", "deflate"])
def test_a_transfer_coding_that_was_not_requested_is_refused(coding: str) -> None:
    made = response(TEXT, None)
    made.headers["Transfer-Encoding"] = coding
    with pytest.raises(BrokenResponse, match="encoding that was not requested"):
        whole(made, 10**6)

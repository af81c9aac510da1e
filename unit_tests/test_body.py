"""A body counts when its end has arrived, and never takes more memory than its bound."""

from __future__ import annotations

import gzip
import io
import tracemalloc

import pytest
import requests
import urllib3

from source_iterable.api.body import pieces, whole
from source_iterable.errors import BrokenResponse, TooLarge

TEXT = b'{"id": 1}\n' * 1000


def response(body: bytes, encoding: str | None = "gzip") -> requests.Response:
    made = requests.Response()
    headers = {} if encoding is None else {"Content-Encoding": encoding}
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
    bomb = gzip.compress(bytes(300 * 2**20))
    tracemalloc.start()
    with pytest.raises(TooLarge):
        whole(response(bomb), 10 * 2**20)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40 * 2**20
    assert max(map(len, pieces(response(bomb)))) <= 2**20

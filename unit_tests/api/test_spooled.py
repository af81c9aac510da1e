"""Parts arrive whole and proved, and give their lines back whatever the sizes."""

from __future__ import annotations

import io
import tempfile
from typing import Any

import pytest

from source_iterable.api import spooled
from source_iterable.api.proof import bytes_too_long, must_hold_identifiers
from source_iterable.api.spooled import SpooledResponse, receive
from source_iterable.errors import BrokenResponse, TooLarge
from unit_tests.api.test_spooled_bodies import response

LINE = b'{"id": 1}\n'


def part_of(content: bytes) -> SpooledResponse:
    return SpooledResponse(io.BytesIO(content), len(content))


# receiving


@pytest.mark.parametrize("content", [b"", b"\n", LINE, LINE * 3 + b'{"id": 2}', b"\r\n" + LINE])
def test_a_part_is_what_was_sent(content: bytes) -> None:
    part = receive(response(content, None), 1000)
    assert part.size == len(content)
    assert b"".join(part.chunks()) == content
    assert b"".join(part.chunks()) == content, "it can be read again"


def test_a_part_may_have_as_many_bytes_as_allowed_and_no_more() -> None:
    assert receive(response(LINE * 10, None), 100).size == 100
    with pytest.raises(TooLarge, match="over 99 bytes"):
        receive(response(LINE * 10, None), 99)


def test_a_response_that_will_be_far_too_large_is_not_received_in_vain() -> None:
    content, limit = LINE * 5_000_000, 100_000_000
    seen: list[int] = []

    def guess(received: int, head: bytes, tail: bytes) -> int:
        assert head.startswith(LINE * 100)
        assert LINE * 100 in tail
        seen.append(received)
        return 300_000_000

    with pytest.raises(TooLarge, match="will be over 100,000,000 bytes") as caught:
        receive(response(content, None), limit, guess=guess)
    assert caught.value.expected_bytes == 300_000_000
    assert len(seen) == 1
    assert seen[0] < 40_000_000, "the rest was not received"
    part = receive(response(content, None), limit, guess=lambda received, head, tail: 150_000_000)
    assert b"".join(part.chunks()) == content, "guesses are rough, and looking takes nothing away"


@pytest.mark.parametrize("end", [b'{"id"', b'{"id": "a', b"{", b'{"id": [1, 2}', b'{"id": 1}{'])
def test_a_cut_last_line_is_a_broken_response(end: bytes) -> None:
    with pytest.raises(BrokenResponse, match="The last line is cut"):
        receive(response(LINE + end, None), 1000)
    assert receive(response(LINE + end + b"\n", None), 1000).size == len(LINE + end) + 1, "not cut but a bad line"


ERROR = b'{"code": "RateLimit", "msg": "Slow down."}'


@pytest.mark.parametrize("end", [ERROR, ERROR + b"\n", ERROR + b"\n \r\n"])
def test_records_that_end_with_an_error_are_not_all(end: bytes) -> None:
    with pytest.raises(BrokenResponse) as caught:
        receive(response(LINE + end, None), 1000)
    assert str(caught.value) == "The response ends with an error object (code RateLimit)."
    content = LINE + end + b"\n" + LINE
    assert receive(response(content, None), 1000).size == len(content), "records follow: it is a bad line"


@pytest.mark.parametrize("end", [b'{"code": "a", "msg": "b", "id": 1}', b'{"code": "a"}\n', b"oops\n", b"[1]"])
def test_records_may_end_with_anything_else(end: bytes) -> None:
    assert receive(response(LINE + end, None), 1000).size == len(LINE + end)


def test_a_last_line_that_is_too_long_is_not_a_cut_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spooled, "MAX_LINE", 20)
    monkeypatch.setattr(spooled, "CHUNK_BYTES", 15)
    with pytest.raises(BrokenResponse, match="cut"):
        receive(response(LINE + b'{"id": "' + b"x" * 11, None), 1000)
    part = receive(response(LINE + b'{"id": "' + b"x" * 50, None), 1000)
    assert part.size == 68
    assert receive(response(b'{"id": "' + b"x" * 50, None), 1000).size == 58, "also if it is the only one"
    with pytest.raises(BrokenResponse, match="no records but binary data"):
        receive(response(b"[" + b"x" * 50, None), 1000)


def test_users_of_a_list_need_no_complete_last_line() -> None:
    part = receive(response(b"a@example.com\n{b", None), 1000, must_hold_identifiers)
    assert b"".join(part.chunks()) == b"a@example.com\n{b"


def test_a_part_that_is_refused_leaves_no_file_open(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []

    def spooled(**options: Any) -> Any:
        made.append(io.BytesIO())
        return made[-1]

    monkeypatch.setattr(tempfile, "SpooledTemporaryFile", spooled)
    for content in (LINE * 200, LINE + b"{", b"<html>\n"):
        with pytest.raises((TooLarge, BrokenResponse)):
            receive(response(content, None), 1000)
        assert made[-1].closed
    part = receive(response(LINE, None), 1000)
    assert not made[-1].closed
    part.close()
    assert made[-1].closed


# lines


@pytest.mark.parametrize("size", [1, 2, 3, 7, 10, 25, 1000])
@pytest.mark.parametrize("end", [b"", b"\n"])
def test_pieces_have_whole_lines_whatever_their_size(monkeypatch: pytest.MonkeyPatch, size: int, end: bytes) -> None:
    monkeypatch.setattr(spooled, "CHUNK_BYTES", size)
    content = b"\n".join(b"x" * length for length in (3, 0, 12, 1, 7, 7, 30)) + end
    chunks = list(part_of(content).chunks())
    assert b"".join(chunks) == content
    assert all(chunk.endswith(b"\n") for chunk in chunks[:-1])
    assert all(len(chunk) <= size + 31 for chunk in chunks)


@pytest.mark.parametrize("length", [21, 22, 40, 45, 46, 95, 300])
@pytest.mark.parametrize("end", [b"", b"\n", b"\nz\n"])
@pytest.mark.parametrize("before", [b"", b"a\nb\n"])
def test_of_a_line_that_is_too_long_its_length_is_known_and_its_neighbors_stay(
    monkeypatch: pytest.MonkeyPatch, length: int, end: bytes, before: bytes
) -> None:
    monkeypatch.setattr(spooled, "CHUNK_BYTES", 6)
    monkeypatch.setattr(spooled, "MAX_LINE", 10)
    monkeypatch.setattr(spooled, "_READ_BYTES", 5)
    for first in (b"{", b"x"):
        lines = b"".join(part_of(before + first + b"x" * (length - 1) + end).chunks()).split(b"\n")
        line, *after = lines[before.count(b"\n") :]
        assert lines[: before.count(b"\n")] == before.split(b"\n")[:-1]
        assert bytes_too_long(line) == (length + end.count(b"\n", 0, 1) if first == b"{" else 0)
        assert after == [*([b"z"] if end == b"\nz\n" else []), b""]
        assert line[:1] == b"\0", "no JSON"


@pytest.mark.parametrize(("length", "kept"), [(11, True), (12, False)])
def test_the_longest_line(monkeypatch: pytest.MonkeyPatch, length: int, kept: bool) -> None:
    monkeypatch.setattr(spooled, "CHUNK_BYTES", 2)
    monkeypatch.setattr(spooled, "MAX_LINE", 10)
    line = b"{" * length
    lines = b"".join(part_of(line + b"\nb\n").chunks()).split(b"\n")
    assert lines == [line if kept else b"\x0013", b"b", b""]


@pytest.mark.parametrize(
    ("content", "last"),
    [(b"", b""), (b"a\n", b"a\n"), (b"a", b"a"), (b"a\nbc", b"bc"), (b"ab\n" + b"c" * 23, b"c" * 23), (b"\n", b"\n")]
    + [(b"a\nb\n \n\n", b"b\n \n\n")],
)
@pytest.mark.parametrize("step", [1, 2, 5, 100])
def test_the_last_line_is_found_from_the_end(
    monkeypatch: pytest.MonkeyPatch, content: bytes, last: bytes, step: int
) -> None:
    monkeypatch.setattr(spooled, "_READ_BYTES", step)
    assert part_of(content).last_line() == last


def test_no_more_than_the_longest_line_is_read_from_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spooled, "_READ_BYTES", 5)
    monkeypatch.setattr(spooled, "MAX_LINE", 20)
    assert len(part_of(b"x" * 1000).last_line()) == 20

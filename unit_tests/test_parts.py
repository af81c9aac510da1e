"""Parts arrive whole and proved, and give their lines back whatever the sizes."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from source_iterable.api import parts, proof
from source_iterable.api.parts import Part, receive
from source_iterable.api.proof import must_hold_identifiers, must_hold_records
from source_iterable.errors import BrokenResponse, TooLarge
from unit_tests.test_body import response

LINE = b'{"id": 1}\n'


def part_of(content: bytes) -> Part:
    return Part(io.BytesIO(content), len(content))


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


@pytest.mark.parametrize("end", [b'{"id"', b'{"id": "a', b"{", b'{"id": [1, 2}', b'{"id": 1}{'])
def test_a_cut_last_line_is_a_broken_response(end: bytes) -> None:
    with pytest.raises(BrokenResponse, match="The last line is cut"):
        receive(response(LINE + end, None), 1000)
    assert receive(response(LINE + end + b"\n", None), 1000).size == len(LINE + end) + 1, "not cut but a bad line"


def test_a_last_line_over_the_bound_is_a_bad_line_and_not_a_cut_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "MAX_LINE", 20)
    monkeypatch.setattr(proof, "MAX_LINE", 20)
    with pytest.raises(BrokenResponse, match="cut"):
        receive(response(LINE + b'{"id": "' + b"x" * 11, None), 1000)
    part = receive(response(LINE + b'{"id": "' + b"x" * 50, None), 1000)
    assert part.size == 68


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
    monkeypatch.setattr(parts, "CHUNK_BYTES", size)
    content = b"\n".join(b"x" * length for length in (3, 0, 12, 1, 7, 7, 30)) + end
    chunks = list(part_of(content).chunks())
    assert b"".join(chunks) == content
    assert all(chunk.endswith(b"\n") for chunk in chunks[:-1])
    assert all(len(chunk) < size + 31 for chunk in chunks)


@pytest.mark.parametrize("length", [21, 22, 40, 45, 46, 95, 300])
@pytest.mark.parametrize("end", [b"", b"\n", b"\nz\n"])
def test_an_endless_line_becomes_one_bad_line_and_its_neighbors_stay(
    monkeypatch: pytest.MonkeyPatch, length: int, end: bytes
) -> None:
    monkeypatch.setattr(parts, "CHUNK_BYTES", 6)
    monkeypatch.setattr(parts, "MAX_LINE", 10)
    monkeypatch.setattr(parts, "_READ_BYTES", 5)
    lines = b"".join(part_of(b"a\nb\n" + b"x" * length + end).chunks()).split(b"\n")
    assert lines == [b"a", b"b", b"\x00", *([b"z"] if end == b"\nz\n" else []), b""]


@pytest.mark.parametrize(("length", "kept"), [(11, True), (12, False)])
def test_the_longest_line(monkeypatch: pytest.MonkeyPatch, length: int, kept: bool) -> None:
    monkeypatch.setattr(parts, "CHUNK_BYTES", 2)
    monkeypatch.setattr(parts, "MAX_LINE", 10)
    lines = b"".join(part_of(b"x" * length + b"\nb\n").chunks()).split(b"\n")
    assert lines == [b"x" * length if kept else b"\x00", b"b", b""]


@pytest.mark.parametrize(
    ("content", "last"),
    [(b"", b""), (b"a\n", b"a\n"), (b"a", b"a"), (b"a\nbc", b"bc"), (b"ab\n" + b"c" * 23, b"c" * 23), (b"\n", b"\n")]
    + [(b"a\nb\n \n\n", b"b\n \n\n")],
)
@pytest.mark.parametrize("step", [1, 2, 5, 100])
def test_the_last_line_is_found_from_the_end(
    monkeypatch: pytest.MonkeyPatch, content: bytes, last: bytes, step: int
) -> None:
    monkeypatch.setattr(parts, "_READ_BYTES", step)
    assert part_of(content).last_line() == last


def test_no_more_than_the_longest_line_is_read_from_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "_READ_BYTES", 5)
    monkeypatch.setattr(parts, "MAX_LINE", 20)
    assert len(part_of(b"x" * 1000).last_line()) == 20


# proofs


def refusal(proof: Callable[[Iterable[bytes]], None], *chunks: bytes) -> str:
    """What a proof says against these chunks; empty if it accepts them."""
    try:
        proof(chunks)
    except BrokenResponse as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    "chunks",
    [[], [b""], [b"\n \n"], [LINE], [b"{}\n"], [b"oops\n", LINE], [b"[1]\n\n" + LINE]]
    + [[b'{"code":"a","msg":"b","x":1}'], [b'{"code":"a"}'], [b'{"msg":"a"}'], [b'{"code":"","msg":"","params":[1]}']],
)
def test_a_response_with_one_record_or_no_line_holds_records(chunks: list[bytes]) -> None:
    assert refusal(must_hold_records, *chunks) == ""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"\n<!DOCTYPE html>\n<p>", "HTML or XML"),
        (b"\xef\xbb\xbf<?xml version", "HTML or XML"),
        (b"PK\x03\x04", "binary data"),
        (b"Service Unavailable", "text that is not JSON"),
        (b"[1, 2]", "a JSON array"),
        (b"7\n[1]", "JSON that is no object"),
        (b'"text"', "JSON that is no object"),
        (b'{"code": "RateLimit", "msg": "m"}', "an error object (code RateLimit)"),
        (b'{"code": "Generic Error", "msg": "m", "params": null}', "an error object (code Generic Error)"),
        (b'{"code": "a@example.com", "msg": "m"}', "an error object"),
        (b'{"code": "' + b"x" * 40 + b'", "msg": "m"}', f"an error object (code {'x' * 40})"),
        (b'{"code": "' + b"x" * 41 + b'", "msg": "m"}', "an error object"),
    ],
)
def test_a_response_without_records_is_described_and_never_quoted(text: bytes, told: str) -> None:
    assert refusal(must_hold_records, text) == f"The response holds no records but {told}."


def test_the_first_line_is_described() -> None:
    assert refusal(must_hold_records, b"\n[1]\n7\n", b"oops\n") == "The response holds no records but a JSON array."


@pytest.mark.parametrize(
    "chunks",
    [[], [b"a@example.com\n"], [b"{user-1}\n"], [b"<3>\n"], ["ü@example.com\n".encode()], [b"x" * 4096 + b"\n"]]
    + [[b"a\n<3html>\n"], [b"tab\tand return\r\n"]],
)
def test_users_of_a_list_are_accepted_whatever_their_signs(chunks: list[bytes]) -> None:
    assert refusal(must_hold_identifiers, *chunks) == ""


@pytest.mark.parametrize(
    ("chunks", "told"),
    [
        ([b'{"users": []}'], "no users but JSON."),
        ([b"[]"], "no users but JSON."),
        ([b" <html><body>"], "no users but HTML or XML."),
        ([b"a\x00b\n"], "no users but binary data."),
        ([b"a\n", b"b\x1f\n"], "no users but binary data."),
        ([b"a\n" + b"x" * 4097 + b"\n"], "no users: a line is over 4,096 bytes."),
        ([b"a\n", b"\xff\n"], "no users: it is not UTF-8."),
    ],
)
def test_what_cannot_be_the_users_of_a_list_is_refused(chunks: list[bytes], told: str) -> None:
    assert refusal(must_hold_identifiers, *chunks) == f"The response holds {told}"

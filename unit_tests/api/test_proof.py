"""What is not what was requested is named, and never quoted."""

from __future__ import annotations

from typing import Any

import pytest

from source_iterable.api.proof import is_error_object, must_hold_identifiers, must_hold_records, not_csv
from source_iterable.errors import BrokenResponse


@pytest.mark.parametrize(
    ("value", "is_error"),
    [
        ({"code": "E", "msg": "m"}, True),
        ({"code": "E", "msg": "m", "params": None}, True),
        ({"code": "E", "msg": "m", "params": {}}, True),
        ({"code": "E", "msg": "m", "params": {"jobId": 1}}, False),
        ({"code": "E", "msg": "m", "id": 1}, False),
        ({"code": "E"}, False),
        ({"msg": "m"}, False),
        ({}, False),
        ([], False),
        ("code msg", False),
    ],
)
def test_an_error_object(value: Any, is_error: bool) -> None:
    assert is_error_object(value) is is_error


@pytest.mark.parametrize(
    "chunks",
    [
        [],
        [b""],
        [b"\n \r\n"],
        [b'{"a": 1}\n'],
        [b'{"a": 1}'],
        [b"not json\n\n", b'[1]\n{"a": 1}\n'],
        [b'{"code": "E", "msg": "m"}\n{"code": "E"}\n'],
        [b'{"msg": "a"}'],
        [b'{"code": "", "msg": "", "params": [1]}'],
    ],
)
def test_one_record_is_enough_and_so_is_no_line_at_all(chunks: list[bytes]) -> None:
    must_hold_records(chunks)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"<html><body>secret</body></html>", "HTML or XML"),
        (b" \xef\xbb\xbf <!DOCTYPE html>", "HTML or XML"),
        (b"<?xml version='1.0'?>", "HTML or XML"),
        (b"\x00\x01secret", "binary data"),
        (b"PK\x03\x04", "binary data"),
        (b"x" * 1000 + b"\x08", "binary data"),
        (b"x" * 1024 + b"\x08", "text that is not JSON"),
        (b"secret", "text that is not JSON"),
        (b"<secret>", "text that is not JSON"),
        (b'["secret"]', "a JSON array"),
        (b'"secret"', "JSON that is no object"),
        (b"7", "JSON that is no object"),
        (b'{"code": "Generic Error", "msg": "secret"}', "an error object (code Generic Error)"),
        (b'{"code": "%b", "msg": "m"}' % (b"a" * 40), f"an error object (code {'a' * 40})"),
        (b'{"code": "%b", "msg": "m"}' % (b"a" * 41), "an error object"),
        (b'{"code": "secret@example.com", "msg": "m"}', "an error object"),
        (b'{"code": "", "msg": "m"}', "an error object"),
        (b'[1]\n{"code": "E", "msg": "m"}\nsecret', "a JSON array"),
    ],
)
def test_a_response_without_records_is_described_by_its_first_line(text: bytes, told: str) -> None:
    with pytest.raises(BrokenResponse) as caught:
        must_hold_records([b"\n", text, b"\n[2]\n"])
    assert str(caught.value) == f"The response holds no records but {told}."


@pytest.mark.parametrize(
    "chunks",
    [
        [],
        [b""],
        [b"a@example.com\nb@example.com\n"],
        ["käthe@example.com\n".encode(), b"<3html>\n"],
        [b"{3f2504e0-4f89-11d3-9a0c-0305e82c3301}\n"],
        [b"{user-1}\n"],
        [b"<3\n"],
        [b"a\tb\x0b\x0c\r\n"],
        [b"a" * 4096 + b"\n"],
    ],
)
def test_any_text_may_be_an_identifier(chunks: list[bytes]) -> None:
    must_hold_identifiers(chunks)


@pytest.mark.parametrize(
    ("chunks", "told"),
    [
        ([b'{"users": []}'], "no users but JSON."),
        ([b' [ {"email": "a"}]'], "no users but JSON."),
        ([b"[]"], "no users but JSON."),
        ([b"<HTML>"], "no users but HTML or XML."),
        ([b"\xef\xbb\xbf<!-- x -->"], "no users but HTML or XML."),
        ([b"a\x00b\n"], "no users but binary data."),
        ([b"a@example.com\n", b"a\x1fb\n"], "no users but binary data."),
        ([b"a@example.com\n", b"a" * 4097 + b"\n"], "no users: a line is over 4,096 bytes."),
        ([b"a\n" + b"a" * 5000], "no users: a line is over 4,096 bytes."),
        ([b"jos\xe9@example.com\n"], "no users: it is not UTF-8."),
        ([b"a@example.com\n", b"\xff\n"], "no users: it is not UTF-8."),
    ],
)
def test_what_cannot_be_the_users_of_a_list_is_refused(chunks: list[bytes], told: str) -> None:
    with pytest.raises(BrokenResponse) as caught:
        must_hold_identifiers(chunks)
    assert str(caught.value) == f"The response holds {told}"


def refusal(*chunks: bytes) -> str:
    """What is said against users of a project that identifies them by email; empty if they are accepted."""
    try:
        must_hold_identifiers(chunks, b"@")
    except BrokenResponse as error:
        return str(error)
    return ""


@pytest.mark.parametrize("chunks", [[], [b"\n"], [b"a@b.c\n", b"odd\n"], [b"odd\n", b"a@b.c\n"], [b"\n", b"a@b.c"]])
def test_one_address_shows_that_a_list_has_users(chunks: list[bytes]) -> None:
    assert refusal(*chunks) == ""


@pytest.mark.parametrize("chunks", [[b"Sorry\n"], [b"\n", b"Sorry\n"], [b"Sorry\n", b"\n"], [b"Try\n", b"later"]])
def test_a_list_without_any_address_is_no_list_of_users(chunks: list[bytes]) -> None:
    assert refusal(*chunks) == "The response holds no users: none of its lines is an email address."


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("", True),
        (" \r\n\t", True),
        (" " * 5000 + "<html>", True),
        (" \n [[1]]", True),
        ("id,name\n1,\0\n", True),
        ("id,name\n1,<html>\n", False),
        ("id,name\n", False),
        (" id", False),
    ],
)
def test_what_cannot_be_csv(text: str, refused: bool) -> None:
    assert not_csv(text) is refused

"""JSON that orjson cannot read is read all the same."""

from __future__ import annotations

import pytest

from source_iterable import exact_json


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'\xef\xbb\xbf{"a": "x"}', {"a": "x"}),
        (b'["half \\ud83d"]', ["half \ufffd"]),
        (b'{"\\ud83d": [1, null]}', {"\ufffd": [1, None]}),
        (b"[18446744073709551615, -9223372036854775808]", [18446744073709551615, -9223372036854775808]),
    ],
)
def test_odd_json_is_read(text: bytes, value: object) -> None:
    assert exact_json.loads(text) == value


@pytest.mark.parametrize("text", [b"", b"{", b"NaN", b"[Infinity]", b"\xff", b"[" * 200_000])
def test_what_is_no_json_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):
        exact_json.loads(text)


def test_long_numbers_are_found_in_their_lines() -> None:
    number = b"1234567890123456789"
    chunk = b'{"a":%b}\n{"id":"x%b"}\n{"b":[1,-%b]}' % (number, number, number)
    assert exact_json.lines_with_long_numbers(chunk) == {b'{"a":%b}' % number, b'{"b":[1,-%b]}' % number}
    assert exact_json.dumps(exact_json.loads(b"[%b]" % (number * 2))) == b"[%b]" % (number * 2)


@pytest.mark.parametrize("number", [b"1e999", b"-1e999", b"1" * 30, b"0.1234567890123456789"])
@pytest.mark.parametrize("depth", [3, 300])
def test_a_number_keeps_its_digits_however_deep_it_stands(number: bytes, depth: int) -> None:
    text = b'{"a":' * depth + b'[%b,"\xc3\xa9"]' % number + b"}" * depth
    assert exact_json.dumps(exact_json.loads(text)) == text

"""JSON without loss, at the edges of what a machine's numbers hold."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest

from source_iterable.api.exact_json import careful_loads, dumps, is_complete, lines_with_long_numbers, loads


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("999999999999999999", True),
        ("1000000000000000000", True),
        ("9223372036854775807", True),
        ("18446744073709551615", True),
        ("18446744073709551616", False),
        ("99999999999999999999", False),
        ("-9223372036854775808", True),
        ("-9223372036854775809", False),
        ("-18446744073709551615", False),
        ("123456789012345678901", False),
        ("9" * 4301, False),
        ("-" + "9" * 4301, False),
        ("0.12345678901234567", True),
        ("-0.12345678901234567", True),
        ("0.123456789012345678", False),
        ("-0.123456789012345678", False),
        ("1234567890.1234567", True),
        ("1234567890.12345678", False),
        ("0.00000012345678901234567", True),
        ("1.2345678901234567e-300", True),
        ("1.2345678901234567E+10", True),
        ("1.23456789012345678E+10", False),
        ("1e308", True),
        ("1e309", False),
        ("-1e309", False),
        ("0.0", True),
    ],
)
@pytest.mark.parametrize("nested", ["[%s]", '{"a": {"b": [%s]}}'])
def test_a_number_is_a_number_where_it_fits_and_its_text_where_it_does_not(text: str, kept: bool, nested: str) -> None:
    value: Any = careful_loads((nested % text).encode())
    while isinstance(value, (dict, list)):
        value = value[0] if isinstance(value, list) else next(iter(value.values()))
    if kept:
        assert value == json.loads(text)
        assert type(value) is type(json.loads(text))
    else:
        assert isinstance(value, orjson.Fragment)
        assert dumps(value) == text.encode()
    # The fast way decides alike.
    again = dumps(loads((nested % text).encode()))
    assert again == dumps(careful_loads((nested % text).encode()))
    assert kept or text.encode() in again


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"\xef\xbb\xbf{}", {}),
        (b'"\\ud83d"', "\ufffd"),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b'{"\\udc00": ["a\\ud800b", {"c": "\\udfff"}]}', {"\ufffd": ["a\ufffdb", {"c": "\ufffd"}]}),
        (b'{"n": 1, "t": true, "x": null, "s": "\\u00e4"}', {"n": 1, "t": True, "x": None, "s": "\xe4"}),
        (b"[18446744073709551615, -9223372036854775808]", [18446744073709551615, -9223372036854775808]),
    ],
)
def test_odd_json_is_read(text: bytes, value: Any) -> None:
    assert loads(text) == value
    assert careful_loads(text) == value


@pytest.mark.parametrize(
    "text", [b"", b"{", b"NaN", b"[Infinity]", b"-Infinity", b"{} {}", b"\xff", b'{"a":1,}', b"[" * 200_000]
)
def test_what_is_no_json_is_refused(text: bytes) -> None:
    for read in (loads, careful_loads):
        with pytest.raises(ValueError):
            read(text)


@pytest.mark.parametrize("name", ["NaN", "Infinity", "-Infinity"])
def test_a_number_that_is_none_is_named(name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name}$"):
        careful_loads(f"[{name}]".encode())


def test_what_is_nested_too_deep_is_refused_as_such() -> None:
    with pytest.raises(ValueError, match="^nested too deep$"):
        careful_loads(b"[" * 100_000 + b"]" * 100_000)
    value: Any = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(ValueError, match="^nested too deep$"):
        dumps(value)


def test_deep_values_are_written_like_others() -> None:
    value: Any = {"b": [1, "\xe4"], "a": loads(b"[18446744073709551616]")[0]}
    for _ in range(300):
        value = {"x": value}
    inner = '{"a":18446744073709551616,"b":[1,"\xe4"]}'
    assert dumps(value, None, orjson.OPT_SORT_KEYS) == ('{"x":' * 300 + inner + "}" * 300).encode()
    assert dumps({"b": 1, "a": 2}, None, orjson.OPT_SORT_KEYS) == b'{"a":2,"b":1}'
    assert dumps({"b": 1, "a": 2}) == b'{"b":1,"a":2}'


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b'{"a":1234567890123456789}', True),
        (b'{"a": 1234567890123456789}', True),
        (b'{"a":-1234567890123456789}', True),
        (b"[1234567890123456789]", True),
        (b"[1,1234567890123456789]", True),
        (b"[1,\t1234567890123456789]", True),
        (b'{"a":123456789012345678}', False),
        (b'{"a":0.12345678901234567}', False),
        (b'{"a":0.00012345678901234567}', False),
        (b'{"a":0.123456789012345678}', True),
        (b'{"a":-0.123456789012345678e5}', True),
        (b'{"a":123456789012345678.5}', True),
        (b'{"a":12345678901234567.5,"b":1}', True),
        (b'{"a":"1234567890123456789"}', False),
        (b'{"a":"x1234567890123456789"}', False),
        (b'{"a":"x1234567890123456789","b":1234567890123456789}', True),
        (b'{"a":"x1234567890123456789","b":12345}', False),
    ],
)
def test_the_lines_with_long_numbers(line: bytes, found: bool) -> None:
    short = b'{"n":17}'
    expected = {line} if found else set()
    assert lines_with_long_numbers(line) == expected
    for chunk in (line + b"\n", short + b"\n" + line, short + b"\n" + line + b"\n" + short + b"\n"):
        assert lines_with_long_numbers(chunk) == expected
    other = b'{"other":99999999999999999999}'
    assert lines_with_long_numbers(other + b"\n" + line + b"\n" + other + b"\n") == {other, *expected}


def test_long_numbers_are_found_in_their_lines() -> None:
    number = b"1234567890123456789"
    chunk = b'{"a":%b}\n{"id":"x%b"}\n{"b":[1,-%b]}' % (number, number, number)
    assert lines_with_long_numbers(chunk) == {b'{"a":%b}' % number, b'{"b":[1,-%b]}' % number}
    assert dumps(loads(b"[%b]" % (number * 2))) == b"[%b]" % (number * 2)


@pytest.mark.parametrize("number", [b"1e999", b"-1e999", b"1" * 30, b"0.1234567890123456789"])
@pytest.mark.parametrize("depth", [3, 300])
def test_a_number_keeps_its_digits_however_deep_it_stands(number: bytes, depth: int) -> None:
    text = b'{"a":' * depth + b'[%b,"\xc3\xa9"]' % number + b"}" * depth
    assert dumps(loads(text)) == text


@pytest.mark.parametrize(
    ("line", "complete"),
    [
        (b'{"a": 1}', True),
        (b'{"a": "\xff\xe4"}', True),
        (b'{"a": "tab\there"}', True),
        (b'{"a": NaN}', True),
        (b'{"a": ' + b"1" * 5000 + b"}", True),
        (b" [1]\r", True),
        (b'{"a": 1', False),
        (b'{"a": "x', False),
        (b"plain", False),
        (b"", False),
        (b"[" * 100_000 + b"]" * 100_000 + b" \r", True),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, True),
        (b"[" * 100_000, False),
    ],
)
def test_a_cut_line_is_not_complete(line: bytes, complete: bool) -> None:
    assert is_complete(line) is complete

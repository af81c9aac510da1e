"""JsonItems: where items begin and end, however their text arrives."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_iterable.api import json_items
from source_iterable.api.json_items import JsonItems, NotJson
from source_iterable.errors import TooLarge

TRICKY = (
    b'\xef\xbb\xbf {"code" : "Suc\\"cess", "x": {"things": [9], "y": "]}"}, "n": -1.5e3,\r\n "things\\"": 1, "things" :\n'
    b'[ {"id": 1, "t": "a\\\\\\"]},{[\xc3\xa4\\u00e4"} ,[[], {}],"te,]xt" ,\t12.50, null,{} , ""] , '
    b'"after": [[1], "things"]} '
)
ITEMS = [b'{"id": 1, "t": "a\\\\\\"]},{[\xc3\xa4\\u00e4"}', b"[[], {}]", b'"te,]xt"', b"12.50", b"null", b"{}", b'""']


def cut(pieces: Iterable[bytes], max_bytes: int = 100) -> tuple[list[tuple[bytes, int]], JsonItems]:
    items = JsonItems(pieces, "things", max_bytes)
    return list(items), items


def joined(found: list[tuple[bytes, int]]) -> bytes:
    assert all(len(text) == size for text, size in found)
    return b",".join(text for text, _ in found)


def test_items_are_found_wherever_the_text_is_split() -> None:
    assert [item for item, _ in cut([TRICKY], 1000)[0]] == ITEMS
    for at in range(len(TRICKY)):
        found, items = cut([TRICKY[:at], b"", TRICKY[at:]], 1000)
        assert found == [(item, len(item)) for item in ITEMS]
        assert bytes(items.rest) == TRICKY[: TRICKY.index(b" {", 60)] + TRICKY[TRICKY.index(b'] , "after') :]
        assert items.lists == 1
    assert [item for item, _ in cut((bytes([byte]) for byte in TRICKY), 1000)[0]] == ITEMS


def test_python_3_10_finds_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location("json_items_3_10", json_items.__file__)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setattr(sys, "version_info", (3, 10, 0))
    spec.loader.exec_module(module)
    for at in range(len(TRICKY)):
        found = module.JsonItems([TRICKY[:at], TRICKY[at:]], "things", 1000)
        assert [item for item, _ in found] == ITEMS
    some = b'{"things": ["a", {"b": "c\\"}"}, "d" , {"e": [1]}, "f"]}'
    assert list(module.JsonItems([some], "things", 1000)) == cut([some], 1000)[0]


@pytest.mark.parametrize(
    ("text", "items", "rest"),
    [
        (b'{"things":[]}', [], b'{"things":[]}'),
        (b'{"things":[ \n]}', [], b'{"things":[]}'),
        (b'{"params":{"a":1,"things":[1,2]},"b":[3]}', [b"1", b"2"], b'{"params":{"a":1,"things":[]},"b":[3]}'),
        # None of these is the list.
        (b'{"other":{"things":[1]}}', [], None),
        (b'{"params":[["things",[1]]]}', [], None),
        (b'{"params":1,"other":{"things":[1]}}', [], None),
        (b'[{"things":[1]}]', [], None),
        (b'{"x":"\\"things":[1]}', [], None),
        (b'{"some things":[1]}', [], None),
        (b'{"things":{"a":[1]}}', [], None),
        (b"<html>[1]</html>", [], None),
        (b"", [], None),
    ],
)
def test_the_list_is_in_the_object_or_in_its_params(text: bytes, items: list[bytes], rest: bytes | None) -> None:
    found, cutter = cut([text])
    assert [item for item, _ in found] == items
    assert bytes(cutter.rest) == (text if rest is None else rest)


@pytest.mark.parametrize(
    "text",
    [
        b'{"things":[',
        b'{"things":[1',
        b'{"things":[1,',
        b'{"things":[1,]}',
        b'{"things":[,1]}',
        b'{"things":[1 2]}',
        b'{"things":[{} {}]}',
        b'{"things":[{"a":[1]',
        b'{"things":["a\\',
        b'{"things":["a\\"]}',
        b'{"things":[1}',
        b'{"things":["a","b",]}',
        b'{"things":["a","b",',
        b'{"things":["a","b"',
        b'{"things":["a",,"b"]}',
    ],
)
def test_what_ends_too_early_or_has_no_commas_is_no_json(text: bytes) -> None:
    with pytest.raises(NotJson):
        cut([text])


@pytest.mark.parametrize("size", [1, 3, 8, 17, 100])
def test_short_items_come_together(size: int) -> None:
    text = b'{"things":["a" ,"b,", {"x":"}\\"{"},\n"c",[1],"d","e"],"f":0}'
    found, items = cut(text[at : at + size] for at in range(0, len(text), size))
    assert json.loads(b"[%b]" % joined(found)) == ["a", "b,", {"x": '}"{'}, "c", [1], "d", "e"]
    assert items.rest == b'{"things":[],"f":0}'
    if size == 100:
        assert [item for item, _ in found] == [b'"a" ,"b,", {"x":"}\\"{"},\n"c"', b"[1]", b'"d"', b'"e"']
        assert len(cut([text], 10)[0]) == 7, "unless they are not short"


@pytest.mark.parametrize("size", [101, 250, 5000])
def test_a_long_item_is_passed_and_not_kept(size: int) -> None:
    for long in (b'"%b"' % (b"x" * (size - 2)), b'{"a":["%b"]}' % (b"[" * (size - 9)), b"[%b1]" % (b"1," * size)):
        text = b'{"things":[1,%b,{"b":2}],"c":3}' % long
        parts = [[text[at : at + size] for at in range(0, len(text), size)] for size in (1, 7, 20, len(text))]
        for pieces in parts:
            found, items = cut(pieces)
            assert found == [(b"1", 1), (b"", len(long)), (b'{"b":2}', 7)]
            assert items.rest == b'{"things":[],"c":3}'
            assert len(items._data) < 200
    assert cut([b'{"things":["%b"]}' % (b"x" * 98)])[0] == [(b'"%b"' % (b"x" * 98), 100)]


@pytest.mark.parametrize("text", [b" " * 500, b'{"a":"' + b"x" * 500, b'{"things":[1' + b" " * 500 + b"]}", b"[" * 500])
def test_what_is_no_item_is_bounded(text: bytes) -> None:
    with pytest.raises(TooLarge, match="over 100 bytes that are no items"):
        cut(text[at : at + 20] for at in range(0, len(text), 20))


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text('"\\[]{},: äx'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('"\\[]{},:x', max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.lists(_JSON, max_size=6),
    st.dictionaries(st.sampled_from(["a", "b", 'c"']), _JSON),
    st.booleans(),
    st.integers(1, 9),
)
def test_any_items_come_as_they_were_sent(items: list[Any], others: dict[str, Any], indented: bool, size: int) -> None:
    text = json.dumps({**others, "things": items}, indent=1 if indented else None).encode()
    found, cutter = cut((text[at : at + size] for at in range(0, len(text), size)), 10_000)
    assert json.loads(b"[%b]" % joined(found)) == items
    assert json.loads(cutter.rest) == {**others, "things": []}

"""Any JSON object, however it is written, becomes one record without loss; one event has one id."""

from __future__ import annotations

import json
import random
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from source_iterable.api import exact_json
from source_iterable.records.batch import batch_of
from source_iterable.records.lines import RecordParser
from source_iterable.records.schemas import load_schema
from source_iterable.records.timestamps import rfc3339
from source_iterable.streams.table import STREAMS
from source_iterable.streams.users import UserRecords
from unit_tests.contexts import events_of

USERS = UserRecords("users", load_schema("users", required=["profileUpdatedAt"]), "email")
EVENTS = {name: events_of(name) for name in ("email_open", "purchase", "custom_event")}
OURS = {"_event_id", "itblInternal", "data"}
FIELDS = sorted(
    {"email", "createdAt", "profileUpdatedAt", "campaignId", "total", "isBot", "signupDate", "userId", "key"}
)


class Number(str):
    """A number as it is written in JSON."""


long_digits = st.text("0123456789", min_size=1, max_size=40).map(lambda digits: digits.lstrip("0") or "0")
written = st.builds(
    lambda sign, whole, part, power: Number(f"{sign}{whole}{part}{power}"),
    st.sampled_from(["", "-"]),
    st.integers(0, 10**6).map(str) | long_digits,
    st.sampled_from(["", ".0", ".5", ".10"]) | long_digits.map(".{}".format),
    st.just(""),
)
powers = st.builds("{}{}e{}".format, st.integers(-999, 999), st.sampled_from(["", ".5"]), st.integers(-400, 400)).map(
    Number
)
letters = st.text(max_size=6) | st.sampled_from(
    ["", "\u2028", "💌", '"', "\\", "\x00", "2021-04-14 16:52:42 +00:00", "{}"]
)
scalars = st.none() | st.booleans() | written | powers | letters
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(letters, inner, max_size=4),
    max_leaves=8,
)
names = st.sampled_from(FIELDS) | letters | st.sampled_from(["data", "_event_id", "a.b"])
objects = st.dictionaries(names, values, min_size=1, max_size=6).filter(
    lambda fields: not {"code", "msg"} <= fields.keys()  # Iterable's error
)


def json_of(value: Any, draw: random.Random | None = None) -> str:
    """The JSON of a value: in its plain form, or by `draw` in another order, with other spaces and escapes."""
    space = draw.choice(["", " ", "\t", " \r "]) if draw else ""
    if isinstance(value, dict):
        items = list(value.items())
        if draw:
            draw.shuffle(items)
        inside = ",".join(f"{space}{json_of(name, draw)}{space}:{json_of(item, draw)}" for name, item in items)
        return f"{{{inside}{space}}}"
    if isinstance(value, list):
        return f"[{','.join(space + json_of(item, draw) for item in value)}{space}]"
    if isinstance(value, Number):
        return f"{space}{value}{space}"
    if isinstance(value, str) and draw and draw.random() < 0.5:
        return '"' + "".join(f"\\u{unit:04x}" for unit in _units(value)) + '"'
    return json.dumps(value, ensure_ascii=bool(draw and draw.random() < 0.5))


def _units(text: str) -> list[int]:
    data = text.encode("utf-16-be")
    return [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]


def number(text: str) -> Any:
    """A number as a double holds it; with more digits than a double has, or a power beyond it, as it is written."""
    digits = text.lower().partition("e")[0].lstrip("-").replace(".", "").lstrip("0")
    return Decimal(text) if len(digits) > 17 or float(text) in (float("inf"), float("-inf")) else float(text)


def loads(text: str | bytes) -> Any:
    return json.loads(text, parse_float=number, parse_int=lambda digits: Decimal(int(digits)))


def record_of(parser: RecordParser, text: str) -> Any:
    parsed = parser.parse(text.encode() + b"\n")
    assert (parsed.bad, parsed.batch.count) == ([], 1)
    return loads(parsed.batch.lines)


def must_hold(record: dict[str, Any], sent: dict[str, Any]) -> None:
    """Everything sent is in a record: as a column, as a time in its one form, or under `data`; and nothing else is."""
    data = record["data"]
    for name, value in sent.items():
        if name in data:
            assert data[name] == value
        else:
            assert name not in OURS
            assert record[name] == value or record[name] == rfc3339(value if isinstance(value, str) else _whole(value))
    assert {*record, *data} - OURS == {*sent} - OURS


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, Decimal) and value == int(value) else value


@given(objects, st.randoms(use_true_random=False))
@example({"email": "a", "x": Number("0.12345678901234567890"), "y": {"b": [Number("9" * 30)]}}, random.Random(1))
@settings(max_examples=120)
def test_a_user_is_kept_whole_however_it_is_written(fields: dict[str, Any], draw: random.Random) -> None:
    sent = loads(json_of(fields))
    must_hold(record_of(USERS, json_of(fields)), sent)
    must_hold(record_of(USERS, json_of(fields, draw)), sent)


@pytest.mark.parametrize("name", EVENTS)
@given(fields=objects, draw=st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_an_event_is_kept_whole_and_has_one_id_however_it_is_written(
    name: str, fields: dict[str, Any], draw: random.Random
) -> None:
    plain, other = record_of(EVENTS[name], json_of(fields)), record_of(EVENTS[name], json_of(fields, draw))
    must_hold(plain, loads(json_of(fields)))
    assert plain == other
    assert len(plain["_event_id"]) == 32


@given(st.lists(objects, min_size=1, max_size=4), st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_a_record_does_not_depend_on_those_around_it(all_fields: list[dict[str, Any]], draw: random.Random) -> None:
    lines = [json_of(fields, draw) for fields in all_fields]
    parser = EVENTS["purchase"]
    parsed = parser.parse("\n".join(lines).encode() + b"\n")
    together = [loads(line) for line in parsed.batch.lines.split(b"\n") if line]
    assert together == [record_of(parser, line) for line in lines]


@given(values, st.randoms(use_true_random=False), st.sampled_from(["", "\n", "\r\n"]))
@example(Number("9" * 30), random.Random(1), "\n")
@settings(max_examples=120)
def test_items_of_a_list_are_kept_whole(value: Any, draw: random.Random, line_end: str) -> None:
    for written_so in (json_of([value]), json_of([value], draw)):
        text = f"[{line_end}{written_so[1:]}"
        item = exact_json.loads(text.encode())
        assert loads(exact_json.dumps(item)) == loads(text)
        batch = batch_of("lists", [STREAMS["lists"].to_record({"id": 1, "value": item})])
        assert loads(batch.lines) == {"id": 1, "data": {"value": loads(text)}}

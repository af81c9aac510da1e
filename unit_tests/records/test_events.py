"""From line to record: nothing is lost, everything is typed, and the id depends on the content alone."""

import json
import random
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from source_iterable.records.schemas import load_schema
from source_iterable.records.timestamps import rfc3339
from unit_tests.contexts import events_of

SCHEMA = load_schema("email_click", required=["_event_id", "createdAt"])
RECORDS = events_of("email_click")
VALIDATOR = Draft7Validator(SCHEMA)
TIMES = st.sampled_from(["2021-04-14 16:52:42 +00:00", "2021-04-14 16:52:43 +0000", 1618419162007])

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
known = st.sampled_from(sorted(SCHEMA["properties"]) + ["itblInternal.documentCreatedAt", "itblInternal.x", "_type"])
bodies = st.dictionaries(known | st.text(min_size=1, max_size=6), values, max_size=8)
events = st.builds(lambda body, time: {**body, "createdAt": time}, bodies, TIMES | values)


def parse(*lines: bytes) -> list[dict[str, Any]]:
    parsed = RECORDS.parse(b"\n".join(lines) + b"\n")
    assert parsed.bad == []
    assert parsed.batch.count == len(lines)
    assert parsed.batch.stream_name == "email_click"
    return [json.loads(line) for line in parsed.batch.lines.split(b"\n") if line]


def one(event: dict[str, Any]) -> dict[str, Any]:
    return parse(json.dumps(event).encode())[0]


@given(events)
@example({"createdAt": 1, "itblInternal": {"documentCreatedAt": 1}, "itblInternal.documentCreatedAt": 2})
@example(
    {"createdAt": "2021-04-14 16:52:42 +00:00", "itblInternal": "odd", "itblInternal.x": 1, "data": 5, "_event_id": 7}
)
@example({"createdAt": "2021-04-14 16:52:42 +00:00", "big": 2**80, "deep": [{"n": -(2**70)}], "campaignId": 2**65})
def test_a_record_preserves_everything_sent(event: dict[str, Any]) -> None:
    record = one(event)
    sent = json.loads(json.dumps(event))
    for name, value in sent.items():
        if name in record["data"]:
            assert record["data"][name] == value
        elif name.startswith("itblInternal."):
            assert record["itblInternal"][name.removeprefix("itblInternal.")] == value
        elif name == "itblInternal":
            assert all(record["itblInternal"][key] == item for key, item in value.items())
        elif name == "createdAt":
            assert record[name] == rfc3339(value)
        elif name == "transactionalData" and isinstance(value, str):
            assert record[name] == json.loads(value)
        else:
            assert record[name] in (value, rfc3339(value))
    names = {*record, *record["data"], *(f"itblInternal.{key}" for key in record["itblInternal"])}
    made = {"_event_id", "itblInternal", "data"}
    nested = (
        {f"itblInternal.{key}" for key in sent["itblInternal"]} if isinstance(sent.get("itblInternal"), dict) else set()
    )
    assert names - made <= {*sent, *nested}, "nothing is invented"
    assert not list(VALIDATOR.iter_errors(record)), "every column has its declared type"


@given(events, st.randoms())
def test_the_id_does_not_depend_on_the_order_of_keys_or_on_the_transport(
    event: dict[str, Any], rng: random.Random
) -> None:
    event = {name: value for name, value in event.items() if not name.startswith("itblInternal") and name != "_type"}
    items = list(event.items())
    rng.shuffle(items)
    dotted = {**dict(items), "itblInternal.documentCreatedAt": "a", "itblInternal.documentUpdatedAt": "b"}
    nested = {"itblInternal": {"documentUpdatedAt": "later"}, **event, "_type": "emailClick"}
    ids = {one(each)["_event_id"] for each in (event, dict(items), dotted, nested)}
    assert len(ids) == 1
    assert len(ids.pop()) == 32


@given(events, known | st.sampled_from(["extra", "messageId"]), values, values)
def test_the_id_differs_when_a_field_differs(
    event: dict[str, Any], name: str, one_value: Any, other_value: Any
) -> None:
    if (
        name.startswith("itblInternal")
        or name in ("_type", "createdAt")
        or json.dumps(one_value) == json.dumps(other_value)
    ):
        return
    if name == "transactionalData" and isinstance(one_value, str) != isinstance(other_value, str):
        return  # an object and its JSON text are the same event
    first, second = one({**event, name: one_value}), one({**event, name: other_value})
    assert first["_event_id"] != second["_event_id"]


def test_one_instant_in_two_formats_is_one_event() -> None:
    shapes = ["2021-04-14 16:52:42 +00:00", "2021-04-14T16:52:42.000Z", "2021-04-14 16:52:42 +0000", 1618419162000]
    assert len({one({"createdAt": shape, "messageId": "m"})["_event_id"] for shape in shapes}) == 1


def test_the_column_order_of_a_record() -> None:
    record = one(
        {"zeta": 1, "url": "u", "itblInternal.a": 1, "createdAt": "2021-04-14 16:52:42 +00:00", "campaignId": 4}
    )
    assert list(record) == ["_event_id", "campaignId", "createdAt", "url", "data", "itblInternal"]


def test_transactional_data_is_parsed_if_it_holds_an_object() -> None:
    time = {"createdAt": "2021-04-14 16:52:42 +00:00"}
    assert one({**time, "transactionalData": '{"a": [1, {"b": null}]}'})["transactionalData"] == {"a": [1, {"b": None}]}
    for blanks in (" ", "\r\n\t", "\ufeff", "\ufeff \xa0"):
        assert one({**time, "transactionalData": blanks + '{"a":1}'})["transactionalData"] == {"a": 1}
    for text in ("[1]", "{broken", "", "null", "plain", " {broken", "\ufeff"):
        assert one({**time, "transactionalData": text})["data"] == {"transactionalData": text}
    assert one({**time, "transactionalData": '{"n": 123456789012345678901234567890}'})["transactionalData"] == {
        "n": 123456789012345678901234567890
    }


@pytest.mark.parametrize("more", [b"", b',"x":1'])
def test_the_type_that_user_events_name_is_no_part_of_the_id(more: bytes) -> None:
    plain, typed = parse(
        b'{"createdAt":"2021-04-14 16:52:42 +00:00","email":"a@b.c"%b}' % more,
        b'{"createdAt":"2021-04-14 16:52:42 +00:00","email":"a@b.c"%b,"_type":"emailClick"}' % more,
    )
    assert plain["_event_id"] == typed["_event_id"]


def test_odd_characters_and_numbers() -> None:
    lines = [
        '{"createdAt":"2021-04-14 16:52:42 +00:00","x":"line\u2028separator, Ünï 💌","n":18446744073709551616}'.encode(),
        b'{"createdAt":"2021-04-14 16:52:42 +00:00","x":"half \\ud83d emoji","n":[-9223372036854775809, 1e22]}\r',
    ]
    first, second = parse(*lines)
    assert first["data"] == {"x": "line\u2028separator, Ünï 💌", "n": 18446744073709551616}
    assert second["data"] == {"x": "half \ufffd emoji", "n": [-9223372036854775809, 1e22]}


@pytest.mark.parametrize(
    "line", [b"{", b"[]", b'"text"', b"null", b"7", b"\xff\xfe{}", b'{"a":NaN}', b'{"code":"E","msg":"m"}']
)
def test_lines_that_are_not_records_are_reported_by_position(line: bytes) -> None:
    parsed = RECORDS.parse(b'{"createdAt":1}\n\n' + line + b'\n{"createdAt":2}\n')
    assert parsed.bad == [2]
    assert parsed.lines == 4
    assert parsed.batch.count == 2


@pytest.mark.parametrize(
    "number",
    ["0.12345678901234567890123", "-1234567890.123456789012345", "1e999", "-1e999", "18446744073709551616", "9" * 5000]
    + ["1.2345678901234567890123e-7", "0.1", "1e+22", "1e-9", "123456789012345678"],
)
def test_numbers_keep_their_digits(number: str) -> None:
    line = b'{"createdAt":"2021-04-14 16:52:42 +00:00","x":[%b],"total":%b,"transactionalData":"{\\"n\\":%b}"}' % (
        (number.encode(),) * 3
    )
    parsed = RECORDS.parse(line + b"\n")
    assert parsed.bad == []
    assert parsed.batch.lines.count(number.encode()) == 3
    nested = line.replace(b'"{\\"', b'{"').replace(b'\\":', b'":').replace(b'}"}', b"}}")
    as_object = RECORDS.parse(nested + b"\n")
    assert as_object.batch.lines.split(b'"emitted_at"')[0] == parsed.batch.lines.split(b'"emitted_at"')[0]


@pytest.mark.parametrize("depth", [253, 254, 255, 300, 900])
def test_deep_objects_are_kept(depth: int) -> None:
    value = b'{"b":' * depth + b"1" + b"}" * depth
    first = RECORDS.parse(b'{"createdAt":"2021-04-14 16:52:42 +00:00","x":%b,"y":1e-9}\n' % value)
    again = RECORDS.parse(b'{"y":1e-9,"x":%b,"createdAt":"2021-04-14T16:52:42Z"}\n' % value)
    assert first.bad == again.bad == []
    assert value in first.batch.lines
    assert first.batch.lines.split(b",")[2] == again.batch.lines.split(b",")[2]


def test_nesting_too_deep_for_any_parser_does_not_end_the_sync() -> None:
    assert RECORDS.parse(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n").bad == [0]


def test_the_id_does_not_depend_on_the_other_lines_of_the_chunk() -> None:
    event = b'{"createdAt":"2021-04-14 16:52:42 +00:00","n":3071521090497878825,"ratio":1e-09,"b":1e16}'
    (alone,) = parse(event)
    with_big, _ = parse(event, b'{"createdAt":1,"n":99999999999999999999999}')
    assert alone == with_big


def test_an_empty_chunk_is_an_empty_batch() -> None:
    parsed = RECORDS.parse(b"")
    assert (parsed.batch.count, parsed.batch.lines, parsed.bad) == (0, b"", [])


@pytest.mark.parametrize("before", ["", " ", "\n", "\r\n", "\t", "-", "\n-"])
@pytest.mark.parametrize("number", ["0.12345678901234567890123", "12345678901234567890123", "1234567890123456789.5"])
def test_a_long_number_in_transactional_data_keeps_its_digits_however_it_is_indented(before: str, number: str) -> None:
    text = f'{{"n":[{before}{number}]}}'
    created = b'"createdAt":"2021-04-14 16:52:42 +00:00"'
    as_text = RECORDS.parse(b'{%b,"transactionalData":%b}\n' % (created, orjson.dumps(text))).batch.lines
    as_object = RECORDS.parse(b'{%b,"transactionalData":{"n":[%b]}}\n' % (created, (before.strip() + number).encode()))
    assert as_text.count(number.encode()) == 1
    assert as_text == as_object.batch.lines

"""Records read at once, as structs, are the same as those read one by one with care."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from source_iterable.records.columns import Columns
from source_iterable.records.lines import ShapedRecords
from source_iterable.records.schemas import load_schema
from source_iterable.records.shape import Shape
from source_iterable.streams.users import UserRecords
from unit_tests.contexts import events_of

EVENTS = load_schema("in_app_click", required=["_event_id", "createdAt"])
USERS = load_schema("users", required=["profileUpdatedAt"])
TIME = "2024-05-01 10:20:30 +00:00"
NUMBERS = st.sampled_from(
    [0, -1, 2**53 + 1, 2**64 - 1, 0.5, -0.0, 1e15, 1e16, -1e16, 1.5e300, 5e-324, 1e-7, 123456789.25]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | NUMBERS
    | st.sampled_from(["", "a", TIME, "é😀\u2028", '"\\\n', "{", '{"b":1,"a":[1.0]}']),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["b", "a", "é", '"', "z.z"]), inner),
    max_leaves=8,
)
NAMES = st.sampled_from(
    [
        "campaignId",
        "email",
        "sentAt",
        "deviceInfo",
        "messageContext",
        "transactionalData",
        "_type",
        "devices",
        "signupDate",
        "profileUpdatedAt",
        "itblInternal",
        "itblInternal.documentCreatedAt",
        "itblInternal.x",
        "itblInternal.itblInternal",
        "itblInternal.emailDomain",
        "itblInternal.",
        "data",
        "_event_id",
        "own",
        "Own",
        "é",
        "cut",
        "f0",
        "class",
        'qu"ote',
        "documentCreatedAt",
        "code",
    ]
    + [""]
)
RECORDS = st.lists(st.dictionaries(NAMES, VALUES, max_size=6), min_size=1, max_size=6)


def parsed(records: ShapedRecords, lines: list[bytes]) -> list[Any]:
    result = records.parse(b"".join(lines))
    assert (result.bad, result.lines, result.batch.count) == ([], len(lines), len(lines))
    return list(result.batch.records())


@settings(max_examples=300)
@given(RECORDS, st.booleans())
@example([{"own": 1}, {"own": 1.5}, {"own": 2}], True)
@example([{"own": 1.5}, {"own": 2}], True)
@example([{"transactionalData": {"a": 1}}, {"transactionalData": None}, {"transactionalData": "null"}], True)
@example([{"own": {"a": 1}}, {"own": {"a": 1, "b": []}}, {"own": []}], True)
def test_events_read_at_once_are_those_read_one_by_one(records: list[dict[str, Any]], with_time: bool) -> None:
    lines = [orjson.dumps({**({"createdAt": TIME} if with_time else {}), **record}) + b"\n" for record in records]
    alone = [parsed(events_of("in_app_click"), [line])[0] for line in lines]
    warm = events_of("in_app_click")
    assert [parsed(warm, [line])[0] for line in lines] == alone
    assert parsed(warm, lines) == alone
    assert parsed(warm, lines[::-1]) == alone[::-1]
    # Ids depend on the bytes, which == does not compare.
    assert [json.dumps(each, sort_keys=True) for each in parsed(warm, lines)] == [
        json.dumps(each, sort_keys=True) for each in alone
    ]


@settings(max_examples=200)
@given(RECORDS)
def test_users_read_at_once_are_those_read_one_by_one(records: list[dict[str, Any]]) -> None:
    lines = [orjson.dumps(record) + b"\n" for record in records]
    alone = [parsed(UserRecords("s", USERS, "email"), [line])[0] for line in lines]
    warm = UserRecords("s", USERS, "email")
    for _ in range(2):
        assert [json.dumps(each, sort_keys=True) for each in parsed(warm, lines)] == [
            json.dumps(each, sort_keys=True) for each in alone
        ]


def shape_of(*records: dict[str, Any]) -> Shape:
    shape = Shape(Columns(EVENTS), of_events=True)
    for record in records:
        shape = shape.learned(record) or shape
    return shape


def test_a_field_or_a_type_that_is_new_is_learned_from_its_first_record() -> None:
    record: dict[str, Any] = {"createdAt": TIME, "own": 1, "nested": {"a": [{"b": 1}]}}
    line = orjson.dumps(record)
    assert shape_of().parse(line) is None
    shape = shape_of(record)
    assert shape.parse(line) is not None
    assert shape.learned(record) is None
    for other in ({**record, "own": "text"}, {**record, "more": 1}, {**record, "nested": {"a": [{"c": 1}]}}):
        assert shape.parse(orjson.dumps(other)) is None
        assert shape_of(record, other).parse(orjson.dumps(other)) is not None


def test_what_a_project_never_stops_inventing_is_not_learned_for_ever() -> None:
    fields = shape_of(*({f"field{number}": 1} for number in range(2_000)))
    assert fields.parse(b'{"field299":1}') is not None
    assert fields.parse(b'{"field1999":1}') is None
    keys = shape_of(*({"by_id": {f"{number}": 1}} for number in range(2_000)))
    assert keys.parse(b'{"by_id":{"5000":1}}') is not None


@pytest.mark.parametrize("text", ['{"code":"E","msg":"m"}', '{"code":"E","msg":"m","params":null}'])
def test_an_error_among_records_is_no_record_whatever_fields_they_have(text: str) -> None:
    users = UserRecords("s", USERS, "email")
    good = b'{"email":"a@example.com","code":"E","msg":"m"}\n'
    for _ in range(2):
        result = users.parse(good * 3 + text.encode() + b"\n" + good)
        assert (result.batch.count, result.bad, result.lines) == (4, [3], 5)


@pytest.mark.parametrize(
    ("chunk", "bad"),
    [
        (b'{"email":"a"}{"email":"b"}\n{"email":"c"}\n', [0]),
        (b'{"email":\n"a"}\n{"email":"c"}\n', [0, 1]),
        (b'{"email":"a"}\n\n \n{"email":"c"}\nx\n', [4]),
        (b'{"email":"c"}', []),
    ],
)
def test_a_record_is_a_line(chunk: bytes, bad: list[int]) -> None:
    users = UserRecords("s", USERS, "email")
    users.parse(b'{"email":"a"}\n')
    result = users.parse(chunk)
    assert result.bad == bad
    assert [record["email"] for record in result.batch.records()][-1] == "c"


def test_records_that_no_struct_fits_are_read_all_the_same_chunk_after_chunk() -> None:
    odd = [
        [orjson.dumps({"createdAt": TIME, f"field{n}": n, f"other{m}": m}) + b"\n" for m in range(9)] for n in range(99)
    ]
    usual = [orjson.dumps({"createdAt": TIME, "email": "a@example.com", "own": n}) + b"\n" for n in range(3)]
    warm = events_of("in_app_click")
    for lines in (usual, *odd, usual, usual):
        assert parsed(warm, lines) == [parsed(events_of("in_app_click"), [line])[0] for line in lines]


LONG_DECIMAL, LONG_INTEGER = b"0.123456789012345678901", b"123456789012345678901234567890"


@pytest.mark.parametrize(
    "usual",
    [
        b'{"createdAt":"%(time)b","own":%(number)b}\n',
        b'{"createdAt":"%(time)b","own":{"list":[%(number)b]}}\n',
        b'{"createdAt":"%(time)b","transactionalData":"{\\"a\\":%(number)b}"}\n',
        b'{"createdAt":"%(time)b","transactionalData":"{\\n\\t\\"a\\":[\\n%(number)b\\n]}"}\n',
        b'{"createdAt":"%(time)b","transactionalData":{"a":%(number)b}}\n',
        b'{"createdAt":"%(time)b","itblInternal.x":%(number)b}\n',
        b'{"createdAt":"%(time)b","itblInternal":{"x":%(number)b}}\n',
    ],
)
@pytest.mark.parametrize(("short", "long"), [(b"1.5", LONG_DECIMAL), (b"1", LONG_INTEGER), (b"1.5", LONG_INTEGER)])
def test_a_long_number_keeps_its_digits_where_short_ones_are_usual(usual: bytes, short: bytes, long: bytes) -> None:
    line, odd = (usual % {b"time": TIME.encode(), b"number": number} for number in (short, long))
    warm = events_of("in_app_click")
    for _ in range(3):
        warm.parse(line * 3)
    written = warm.parse(line * 2 + odd + line).batch.lines
    assert written.count(long) == 1
    alone = events_of("in_app_click").parse(odd).batch.lines
    assert alone.split(b'"emitted_at"')[0] in written

"""Fingerprints: what a state holds of items and of hours of events."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_iterable.api import exact_json
from source_iterable.reading.fingerprints import (
    MOST,
    NO_BUCKET,
    Contents,
    events_in,
    fingerprint,
    sums_from_state,
    sums_state,
)
from source_iterable.records.batch import RecordBatch, batch_of

DAY, NOW = 86_400, 1_800_000_000


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat()


@pytest.mark.parametrize("count", [0, 1, MOST, MOST + 1, 60_000])
def test_a_state_stays_small(count: int) -> None:
    contents = Contents()
    for number in range(count):
        contents.add(fingerprint("all", number, {"id": number}))
    state = contents.state
    assert len(base64.b64decode(state["hashes"])) == 6 * min(count, MOST)
    assert len(json.dumps(state)) < 12_100
    # What one more of so many emits besides itself.
    contents.add(fingerprint("all", count, {"id": count}))
    is_new = contents.since(Contents.from_state(json.loads(json.dumps(state))))
    assert is_new(fingerprint("all", count, {"id": count}))
    assert sum(is_new(fingerprint("all", number, {"id": number})) for number in range(count)) < 80


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab\x00é\U0001f600", max_size=2), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.text("abc", max_size=2), values, max_size=4), st.randoms())
def test_a_hash_does_not_depend_on_how_the_page_was_parsed(item: dict[str, Any], dice: Any) -> None:
    item = {**item, "id": 1}
    shuffled = list(item.items())
    dice.shuffle(shuffled)
    text, other = (json.dumps(each, ensure_ascii=False).encode() for each in (item, dict(shuffled)))
    quick = exact_json.loads(b"[%b]" % text)
    # As a page with a number that is too long for orjson, and again as it comes back from the temporary file.
    careful = exact_json.careful_loads(b'[%b, {"n": 123456789012345678901234567890}]' % other)
    again = exact_json.loads(exact_json.dumps(careful))
    prints = {fingerprint("all", 1, parsed[0]) for parsed in (quick, careful, again)}
    assert len(prints) == 1


def test_long_numbers_count_digit_by_digit() -> None:
    texts = [b"0.12345678901234567890", b"0.12345678901234567891", b"12345678901234567890123", b"1e999", b"1e998"]
    items = [exact_json.loads(b'{"id": 1, "n": %b}' % text) for text in texts]
    assert len({fingerprint("all", 1, item) for item in items}) == len(texts)
    deep: Any = 1
    for _ in range(300):
        deep = [deep]
    assert fingerprint("all", 1, {"deep": deep}) == fingerprint("all", 1, {"deep": deep})


def test_kind_and_id_are_part_of_the_hash() -> None:
    prints = {fingerprint(kind, key, {"a": 1}).hash for kind in ("x", "y") for key in (1, 2, "1")}
    assert len(prints) == 6


def an_event(**data: Any) -> RecordBatch:
    return batch_of("email_open", [{"_event_id": "0" * 32, "createdAt": iso(NOW), "data": data}])


def buckets(batch: RecordBatch, start: int = 0, end: int = 2 * NOW) -> list[int]:
    return [event.bucket for event in events_in(batch, start, end)]


def test_the_time_of_an_event_is_that_of_its_column() -> None:
    odd = {"_event_id": "f" * 32, "attachment": {"createdAt": iso(NOW - DAY)}, "createdAt": iso(NOW + 7), "data": {}}
    batch = batch_of("email_open", [odd])
    (event,) = events_in(batch, NOW, NOW + DAY)
    assert (event.bucket, event.fingerprint) == (NOW // 3600 * 3600, 2**48 - 1)
    assert buckets(batch, NOW + 7) == [event.bucket]
    assert buckets(batch, NOW + 8) == buckets(batch, end=NOW + 7) == [NO_BUCKET]
    assert buckets(an_event(createdAt="x")) == [NOW // 3600 * 3600]
    # What orjson does not read.
    batch = an_event(createdAt="x", big=1)
    lines = batch.lines.replace(b'"big":1', b'"big":1e999')
    assert buckets(RecordBatch("email_open", 1, lines)) == [NOW // 3600 * 3600]


def test_sums_of_shorter_buckets_are_added_up() -> None:
    """As states of earlier versions have them."""
    packed = b"".join(number.to_bytes(6, "big") for number in range(10))
    state = {"start": iso(NOW // 3600 * 3600), "seconds": 900, "sums": base64.b64encode(packed).decode()}
    found = sums_from_state(state)
    first = NOW // 3600 * 3600
    assert found == {first: 0 + 1 + 2 + 3, first + 3600: 4 + 5 + 6 + 7, first + 7200: 8 + 9}


@pytest.mark.parametrize("seconds", [7200, 1000, 0, -900, True, "900", None])
def test_sums_of_other_buckets_tell_nothing(seconds: Any) -> None:
    sums = base64.b64encode(bytes(range(12))).decode()
    assert sums_from_state({"start": iso(0), "seconds": seconds, "sums": sums}) == {}


def test_a_state_of_a_long_time_holds_its_last_sixty_days() -> None:
    state = sums_state({hour * 3600: 2**48 + hour + 1 for hour in range(100 * 24)})
    assert sums_from_state(json.loads(json.dumps(state))) == {
        hour * 3600: hour + 1 for hour in range(40 * 24, 100 * 24)
    }
    assert len(json.dumps(state)) < 12_000

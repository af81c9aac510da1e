"""Ids that were given stay: users' tables hold them.

data/event_ids.jsonl has odd events, each with its ids as an event of several types; data/event_columns.json has the columns
that ids depend on, by data type, as they were when the ids were fixed.
"""

from __future__ import annotations

import json
import re
from hashlib import blake2b, sha256
from pathlib import Path
from typing import Any

import pytest
from xxhash import xxh3_64_digest, xxh3_64_intdigest, xxh3_128_hexdigest

from source_iterable.api import exact_json
from source_iterable.records.events import EventIds, EventRecords, mark_of_ids
from source_iterable.records.lines import RecordParser
from source_iterable.records.schemas import LATE, load_schema
from source_iterable.streams.table import EXPORTS
from source_iterable.streams.table import STREAMS as STREAMS_BY_NAME
from source_iterable.streams.user_events import TypedEvents, UserEvents
from unit_tests.contexts import a_config, events_of

DATA = Path(__file__).with_name("data")
STREAMS, *GIVEN = [json.loads(row) for row in DATA.joinpath("event_ids.jsonl").open(encoding="utf-8")]
LINES = [row[-1].encode() + b"\n" for row in GIVEN]
IDS = {stream: [row[place] for row in GIVEN] for place, stream in enumerate(STREAMS)}
TYPES = {stream.name: stream.data_type for stream in EXPORTS if stream.name != "users"}
COLUMNS = json.loads(DATA.joinpath("event_columns.json").read_text())
SALT = "pepper"


def ids(records: RecordParser, chunk: bytes) -> list[str]:
    parsed = records.parse(chunk)
    assert parsed.bad == []
    return re.findall(r'^\{"_event_id":"([0-9a-f]{32})"', parsed.batch.lines.decode(), re.MULTILINE)


@pytest.mark.parametrize("stream", STREAMS)
def test_an_event_keeps_its_id_whatever_was_read_before_it(stream: str) -> None:
    records = events_of(stream)
    assert [ids(records, line) for line in LINES] == [[event_id] for event_id in IDS[stream]]
    assert ids(records, b"".join(LINES)) == IDS[stream]
    assert ids(records, b"".join(reversed(LINES))) == IDS[stream][::-1]


@pytest.mark.parametrize("stream", STREAMS)
def test_an_event_of_a_user_has_the_id_that_it_has_in_its_export(stream: str) -> None:
    """userEvents names the type, nests itblInternal, and may send transactionalData as an object."""
    events = STREAMS_BY_NAME["events"]
    assert isinstance(events, UserEvents)
    of_users = TypedEvents(events.types, a_config())
    for event_id, line in zip(IDS[stream], LINES, strict=True):
        event = {
            name: value
            for name, value in exact_json.loads(line).items()
            if name != "itblInternal" and not name.startswith("itblInternal.")
        }
        text = event.get("transactionalData")
        try:
            opened = exact_json.loads(text.encode()) if isinstance(text, str) else None
        except ValueError:
            opened = None
        sent = [{**event, "_type": TYPES[stream], "itblInternal": {"documentUpdatedAt": "later", "x": 1}}]
        sent += [{**sent[0], "transactionalData": opened}] if isinstance(opened, dict) else []
        for each in sent:
            assert ids(of_users, exact_json.dumps(each) + b"\n") == [event_id]


def test_a_type_that_the_table_lacks_has_ids_of_its_own() -> None:
    events = STREAMS_BY_NAME["events"]
    assert isinstance(events, UserEvents)
    of_users = TypedEvents(events.types, a_config())
    event = {"createdAt": "2024-05-01 10:20:30 +00:00", "email": "a@example.com", "ip": "203.0.113.1"}
    types: list[Any] = ["emailOpen", "newThing", "otherThing", "", None, 5, {"a": 1}]
    found = [ids(of_users, json.dumps({**event, "_type": each}).encode())[0] for each in types]
    assert found[3] == found[4] == found[5] == found[6] == ids(of_users, json.dumps(event).encode())[0]
    assert len(set(found[:4])) == 4
    for each in ("emailUnSubscribe", "emailUnsubscribe"):
        (record,) = of_users.parse(json.dumps({**event, "_type": each}).encode()).batch.records()
        assert record["_event_id"] == ids(events_of("email_unsubscribe"), json.dumps(event).encode())[0]
        assert record["data"] == {"ip": "203.0.113.1"}
    (record,) = of_users.parse(json.dumps({**event, "_type": "newThing"}).encode()).batch.records()
    assert (record["_type"], record["data"]) == ("newThing", {"ip": "203.0.113.1"})
    (record,) = of_users.parse(json.dumps({**event, "_type": 5}).encode()).batch.records()
    assert record["data"] == {"_type": 5, "ip": "203.0.113.1"}


def test_events_of_different_types_have_different_ids() -> None:
    assert len({event_id for given in IDS.values() for event_id in given}) == sum(len(set(g)) for g in IDS.values())


def test_the_order_of_fields_does_not_change_an_id() -> None:
    records = events_of("email_send")
    for event_id, line in zip(IDS["email_send"], LINES, strict=True):
        fields = exact_json.loads(line)
        assert ids(records, exact_json.dumps(dict(reversed(fields.items())))) == [event_id]


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("salt", ["", SALT])
def test_an_id_is_made_of_the_text_of_columns_and_data(stream: str, salt: str) -> None:
    name = TYPES[stream].encode()
    for line in LINES:
        written = events_of(stream, hash_salt=salt).parse(line).batch.lines
        match = re.search(rb'\{"_event_id":"(\w{32})"(.*),"itblInternal":\{', written)
        assert match
        if b'"_type"' in match[2] or b'"itblInternal' in match[2]:  # no part of it
            continue
        if salt:
            key = sha256(salt.encode()).digest()
            expected = blake2b(match[2], digest_size=16, key=key, person=xxh3_64_digest(name)).hexdigest()
        else:
            expected = xxh3_128_hexdigest(match[2], seed=xxh3_64_intdigest(name))
        assert match[1].decode() == expected


def test_a_salt_gives_other_ids_and_each_salt_its_own() -> None:
    line = LINES[0]
    different = {tuple(ids(events_of("email_send", hash_salt=salt), line)) for salt in ("", "a", "b")}
    assert len(different) == 3
    assert ids(events_of("email_send", hash_salt="a"), line) == ids(events_of("email_send", hash_salt="a"), line)
    # Not by the options alone that hide fields: whoever adds one keeps the ids.
    assert ids(events_of("email_send", hashed_fields=["email"]), line) == ids(events_of("email_send"), line)


def test_the_mark_of_a_salt_does_not_tell_it() -> None:
    assert len({mark_of_ids(""), mark_of_ids("a"), mark_of_ids("b")}) == 3
    assert sha256(b"a").hexdigest()[:16] not in mark_of_ids("a")


def test_none_and_many_ids() -> None:
    assert EventIds("emailSend").digests([]) == []
    assert EventIds("emailSend", SALT).digests([b"a", b"b"]) == [
        *EventIds("emailSend", SALT).digests([b"a"]),
        *EventIds("emailSend", SALT).digests([b"b"]),
    ]


def _short(column: dict[str, Any]) -> str:
    types = column["type"] if isinstance(column["type"], list) else [column["type"]]
    text = "|".join(each for each in types if each != "null")
    text += f" {column['format']}" if "format" in column else ""
    return text + (f" of {'|'.join(column['items']['type'])}" if "items" in column else "")


def test_the_columns_that_ids_depend_on_are_as_they_were() -> None:
    """A column that is new, or takes more values than before, must be marked with `x-late` in its schema (CONTRIBUTING)."""
    for stream, data_type in TYPES.items():
        columns = load_schema(stream, ("_event_id", "createdAt"))["properties"]
        before = {name: column.get(LATE, column) for name, column in columns.items()}
        counted = {name: _short(column) for name, column in sorted(before.items()) if column is not True}
        counted = {name: text for name, text in counted.items() if name not in ("_event_id", "data", "itblInternal")}
        assert counted == COLUMNS.get(data_type, {}) or data_type not in COLUMNS, stream


TIME = {"type": ["null", "string"], "format": "date-time", LATE: True}


def test_the_type_is_the_first_column() -> None:
    for stream in TYPES:
        names = load_schema(stream)["properties"].keys() - {"_event_id", "_type"}
        assert min(names) > "_type", "EventRecords writes it in front of all others"


LATER: list[tuple[dict[str, Any], Any, Any]] = [
    ({"type": ["null", "integer"], LATE: True}, 3, 3),
    ({"type": ["null", "string"], LATE: True}, "text", "text"),
    (TIME, "2024-05-01 10:20:30 +00:00", "2024-05-01T10:20:30+00:00"),
    (TIME, 1714558830000, "2024-05-01T10:20:30+00:00"),
    (TIME, None, None),
    ({"type": ["null", "array"], "items": {"type": ["integer"]}, LATE: True}, [1, 2], [1, 2]),
    ({"type": ["null", "object"], LATE: True}, {"b": 1, "a": [0.5]}, {"a": [0.5], "b": 1}),
]


@pytest.mark.parametrize(("column", "sent", "shown"), LATER)
@pytest.mark.parametrize("own", [{}, {"a": 1, "zz": "z"}])
def test_a_column_added_later_changes_no_id(column: dict[str, Any], sent: Any, shown: Any, own: dict[str, Any]) -> None:
    event = {"createdAt": "2021-04-14 16:52:42 +00:00", "messageId": "m", "novelty": sent, **own}
    check_later(event, {"novelty": column})
    later = parser({"novelty": column})
    for _ in range(3):  # with care, then as structs
        (record,) = later.parse(json.dumps(event).encode()).batch.records()
        assert record["novelty"] == shown
        assert record["data"] == own


@pytest.mark.parametrize("sent", [7, "seven", None, [7], "2024-05-01 10:20:30 +00:00"])
@pytest.mark.parametrize("was", [{"type": ["null", "integer"]}, {"type": ["null", "string"]}])
@pytest.mark.parametrize("format_", [{}, {"format": "date-time"}])
def test_a_column_widened_later_changes_no_id(sent: Any, was: dict[str, Any], format_: dict[str, Any]) -> None:
    wider = {"type": ["null", "integer", "string"], **format_, LATE: was}
    event = {"createdAt": "2021-04-14 16:52:42 +00:00", "messageId": "m", "campaignId": sent, "own": 1}
    check_later(event, {"campaignId": wider}, {"campaignId": was})


def parser(changes: dict[str, Any]) -> EventRecords:
    columns = {**load_schema("email_click", ("_event_id", "createdAt"))["properties"], **changes}
    return EventRecords("email_click", {"properties": columns}, EventIds("emailClick"))


def check_later(event: dict[str, Any], later: dict[str, Any], before: dict[str, Any] | None = None) -> None:
    first, second = parser(before or {}), parser(later)
    line = json.dumps(event).encode() + b"\n"
    usual = json.dumps({name: event[name] for name in ("createdAt", "messageId")}).encode() + b"\n"
    expected = ids(first, line)
    for chunk in (line, line, usual + line + line):
        found = ids(second, chunk)
        assert found[-1:] == expected
        assert found == ids(first, chunk)

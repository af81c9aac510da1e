"""Ids that were given stay: users' tables hold them. unit_tests/data/event_ids.jsonl has odd events, each with its id."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from source_iterable import exact_json
from source_iterable.records.events import EventRecords
from source_iterable.schemas import load_schema

GIVEN = [json.loads(row) for row in Path(__file__).with_name("data").joinpath("event_ids.jsonl").open(encoding="utf-8")]
IDS = [event_id for event_id, _ in GIVEN]
LINES = [line.encode() + b"\n" for _, line in GIVEN]
REQUIRED = ("_event_id", "createdAt")


def ids(records: EventRecords, chunk: bytes) -> list[str]:
    parsed = records.parse(chunk)
    assert parsed.bad == []
    return re.findall(r'"data":\{"_event_id":"([0-9a-f]{32})"', parsed.batch.lines.decode())


@pytest.mark.parametrize("stream", ["email_send", "purchase", "custom_event"])
def test_an_event_keeps_its_id_whatever_was_read_before_it_and_whichever_columns_the_stream_has(stream: str) -> None:
    records = EventRecords(stream, load_schema(stream, required=REQUIRED))
    assert [ids(records, line) for line in LINES] == [[event_id] for event_id in IDS]
    assert ids(records, b"".join(LINES)) == IDS
    assert ids(records, b"".join(reversed(LINES))) == IDS[::-1]


def test_the_order_of_fields_does_not_change_an_id() -> None:
    records = EventRecords("email_send", load_schema("email_send", required=REQUIRED))
    for event_id, line in zip(IDS, LINES, strict=True):
        fields = exact_json.loads(line)
        assert ids(records, exact_json.dumps(dict(reversed(fields.items())))) == [event_id]

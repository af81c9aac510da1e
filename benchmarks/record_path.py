"""The record path alone: lines to RECORD messages in one thread, with and without everything added to a record.

`python -m benchmarks.record_path ROUNDS` prints, as JSON, CPU microseconds per record by kind of record, plain and whole,
medians of ROUNDS.
"""

from __future__ import annotations

import json
import sys
import time
from statistics import median

import orjson

from benchmarks.data import BLOCK_RECORDS, Dataset
from benchmarks.kinds import KINDS, Kind
from source_iterable.airbyte.entrypoint import record_messages
from source_iterable.api.spooled import CHUNK_BYTES
from source_iterable.records.events import EventIds, EventRecords
from source_iterable.records.lines import RecordParser
from source_iterable.records.schemas import load_schema
from source_iterable.streams.users import UserRecords

_HOUR = 472_222 * 3_600


def main() -> None:
    """Measure the kinds in turn."""
    rounds = int(sys.argv[1])
    print(json.dumps({kind.title: _measure(kind, rounds) for kind in KINDS}))


def _measure(kind: Kind, rounds: int) -> list[float]:
    """Microseconds a record: plain, whole."""
    chunks = _chunks(Dataset(BLOCK_RECORDS, _HOUR, kind).block(0))
    records = _parser(kind)
    times: list[list[float]] = [[], []]
    for round_number in range(rounds + 1):
        for work, took in zip((_plain, lambda chunk: record_messages(records.parse(chunk).batch)), times, strict=True):
            begun = time.process_time()
            for chunk in chunks:
                work(chunk)
            if round_number:  # the first round warms up
                took.append((time.process_time() - begun) / BLOCK_RECORDS * 1e6)
    return [median(each) for each in times]


def _parser(kind: Kind) -> RecordParser:
    if kind.stream == "users":
        return UserRecords(kind.stream, load_schema(kind.stream, required=("profileUpdatedAt",)), "itblUserId")
    return EventRecords(
        kind.stream, load_schema(kind.stream, required=("_event_id", "createdAt")), EventIds(kind.data_type)
    )


def _plain(chunk: bytes) -> bytes:
    """The minimum that turns a line into a message: parse it, and write it into the message's text."""
    loads, dumps = orjson.loads, orjson.dumps
    before = b'{"type":"RECORD","record":{"stream":"email_send","data":'
    after = b',"emitted_at":%d}}\n' % (time.time_ns() // 1_000_000)
    return b"".join([before + dumps(loads(line)) + after for line in chunk.split(b"\n") if line])


def _chunks(lines: bytes) -> list[bytes]:
    chunks = []
    while lines:
        end = lines.find(b"\n", CHUNK_BYTES) + 1 or len(lines)
        chunks.append(lines[:end])
        lines = lines[end:]
    return chunks


if __name__ == "__main__":
    main()

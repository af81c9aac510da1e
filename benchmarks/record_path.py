"""The record path alone: lines to RECORD messages in one thread, with and without everything added to a record.

`python -m benchmarks.record_path ROUNDS` prints, as JSON, CPU microseconds per record by variant, medians of ROUNDS.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from statistics import median

import orjson

from benchmarks.data import BLOCK_RECORDS, Dataset
from source_iterable.records.events import EventRecords
from source_iterable.schemas import load_schema

PLAIN, WHOLE, OTHER_FIELD = "plain", "whole", "whole, with a field that is no column"
_CHUNK_BYTES = 512 * 2**10
_HOUR = 472_222 * 3_600


def main() -> None:
    """Measure the variants in turn."""
    rounds = int(sys.argv[1])
    block = Dataset(BLOCK_RECORDS, _HOUR).block(0)
    chunks = _chunks(block)
    other = _chunks(block.replace(b'{"email"', b'{"brandNewField":1,"email"'))
    records = EventRecords("email_send", load_schema("email_send", required=("_event_id", "createdAt")))
    variants: dict[str, Callable[[], object]] = {
        PLAIN: lambda: [_plain(chunk) for chunk in chunks],
        WHOLE: lambda: [records.parse(chunk) for chunk in chunks],
        OTHER_FIELD: lambda: [records.parse(chunk) for chunk in other],
    }
    times: dict[str, list[float]] = {name: [] for name in variants}
    for round_number in range(rounds + 1):
        for name, work in variants.items():
            begun = time.process_time()
            work()
            if round_number:  # the first round warms up
                times[name].append((time.process_time() - begun) / BLOCK_RECORDS * 1e6)
    print(json.dumps({name: median(each) for name, each in times.items()}))


def _plain(chunk: bytes) -> bytes:
    """The minimum that turns a line into a message: parse it, and write it into the message's text."""
    loads, dumps = orjson.loads, orjson.dumps
    before = b'{"type":"RECORD","record":{"stream":"email_send","data":'
    after = b',"emitted_at":%d}}\n' % (time.time_ns() // 1_000_000)
    return b"".join([before + dumps(loads(line)) + after for line in chunk.split(b"\n") if line])


def _chunks(lines: bytes) -> list[bytes]:
    chunks = []
    while lines:
        end = lines.find(b"\n", _CHUNK_BYTES) + 1 or len(lines)
        chunks.append(lines[:end])
        lines = lines[end:]
    return chunks


if __name__ == "__main__":
    main()

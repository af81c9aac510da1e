"""Batches: many records of one stream as one value.

Why: what handles single records between the reader threads and stdout costs more than making them. The CDK's queue and
serializer take about 30 microseconds a record; a batch costs that once per thousand records.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from source_iterable.api import exact_json

# A batch has no more bytes than this, or one record: what takes batches can count on it, whatever a page holds.
BATCH_BYTES = 2 * 2**20


@dataclass(frozen=True)
class RecordBatch:
    """`count` records of one stream: the JSON of each on a line of its own, with its newline."""

    stream_name: str
    count: int
    lines: bytes

    def records(self) -> Iterator[dict[str, Any]]:
        """Each record, parsed."""
        return map(orjson.loads, self.lines.split(b"\n")[:-1])


def batches_of(stream_name: str, records: Iterable[Mapping[str, Any]]) -> Iterator[RecordBatch]:
    """Batches of finished records, each of at most BATCH_BYTES, or of one record that is longer."""
    lines: list[bytes] = []
    size = 0
    for record in records:
        line = exact_json.dumps(record) + b"\n"
        if lines and size + len(line) > BATCH_BYTES:
            yield RecordBatch(stream_name, len(lines), b"".join(lines))
            lines, size = [], 0
        lines.append(line)
        size += len(line)
    if lines:
        yield RecordBatch(stream_name, len(lines), b"".join(lines))


def batch_of(stream_name: str, records: Iterable[Mapping[str, Any]]) -> RecordBatch:
    """Finished records in one batch."""
    return joined([RecordBatch(stream_name, 0, b""), *batches_of(stream_name, records)])


def joined(batches: Iterable[RecordBatch]) -> RecordBatch:
    """Merge small batches of one stream; there must be at least one."""
    first, *more = batches
    lines = b"".join([first.lines, *(batch.lines for batch in more)])
    return RecordBatch(first.stream_name, first.count + sum(batch.count for batch in more), lines)

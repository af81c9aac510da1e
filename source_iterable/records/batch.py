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


@dataclass(frozen=True)
class RecordBatch:
    """`count` records of one stream: the JSON of each on a line of its own, with its newline."""

    stream_name: str
    count: int
    lines: bytes

    def records(self) -> Iterator[dict[str, Any]]:
        """Each record, parsed."""
        return map(orjson.loads, self.lines.split(b"\n")[:-1])


def batch_of(stream_name: str, records: Iterable[Mapping[str, Any]]) -> RecordBatch:
    """A batch of finished records."""
    lines = [exact_json.dumps(record) for record in records]
    return RecordBatch(stream_name, len(lines), b"".join(line + b"\n" for line in lines))


def joined(batches: Iterable[RecordBatch]) -> RecordBatch:
    """Merge small batches of one stream; there must be at least one."""
    first, *more = batches
    lines = b"".join([first.lines, *(batch.lines for batch in more)])
    return RecordBatch(first.stream_name, first.count + sum(batch.count for batch in more), lines)

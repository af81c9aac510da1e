"""Batches: many records of one stream as one value.

Why: what handles single records between the reader threads and stdout costs more than making them. The CDK's queue and
serializer take about 30 microseconds a record; a batch costs that once per thousand records.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from source_iterable.api import exact_json, spooled

# A batch has no more bytes than this, or one record: what takes batches can count on it, whatever a page holds.
BATCH_BYTES = 2 * 2**20


@dataclass(frozen=True)
class RecordBatch:
    """`count` records of one stream: the JSON of each on a line of its own, with its newline.

    None is longer than MAX_LINE (spooled.py): `left_out` has the bytes of those that were, and are not in the batch.
    """

    stream_name: str
    count: int
    lines: bytes
    left_out: tuple[int, ...] = ()

    def records(self) -> Iterator[dict[str, Any]]:
        """Each record, parsed."""
        return map(orjson.loads, self.lines.split(b"\n")[:-1])


def batches_of(
    stream_name: str, records: Iterable[Mapping[str, Any]], left_out: Iterable[int] = ()
) -> Iterator[RecordBatch]:
    """Batches of finished records, each of at most BATCH_BYTES, or of one record that is longer.

    `left_out` are the bytes of records that were left out before.
    """
    lines: list[bytes] = []
    too_long, size = [*left_out], 0
    for record in records:
        line = exact_json.dumps(record) + b"\n"
        if len(line) > spooled.MAX_LINE:
            too_long.append(len(line))
            continue
        if lines and size + len(line) > BATCH_BYTES:
            yield RecordBatch(stream_name, len(lines), b"".join(lines))
            lines, size = [], 0
        lines.append(line)
        size += len(line)
    if lines or too_long:
        yield RecordBatch(stream_name, len(lines), b"".join(lines), tuple(too_long))


def with_member(batch: RecordBatch, name: str, value: str) -> RecordBatch:
    """The batch, with one more member in each record, in front of the others, of which there must be one."""
    first = orjson.dumps({name: value})[:-1] + b","
    # A newline is the end of a record: in JSON they are escaped.
    lines = batch.lines.replace(b"\n{", b"\n" + first)
    return replace(batch, lines=first + lines[1:] if lines else lines)


def bounded(batch: RecordBatch) -> RecordBatch:
    """The batch without its records that are too long."""
    # Nearly always: then no record can be.
    if len(batch.lines) <= spooled.MAX_LINE:
        return batch
    lines = batch.lines.splitlines(keepends=True)
    kept = [line for line in lines if len(line) <= spooled.MAX_LINE]
    too_long = [len(line) for line in lines if len(line) > spooled.MAX_LINE]
    return RecordBatch(batch.stream_name, len(kept), b"".join(kept), (*batch.left_out, *too_long))


def batch_of(stream_name: str, records: Iterable[Mapping[str, Any]]) -> RecordBatch:
    """Finished records in one batch."""
    return joined([RecordBatch(stream_name, 0, b""), *batches_of(stream_name, records)])


def joined(batches: Iterable[RecordBatch]) -> RecordBatch:
    """Merge small batches of one stream; there must be at least one."""
    first, *more = batches
    lines = b"".join([first.lines, *(batch.lines for batch in more)])
    left_out = sum((batch.left_out for batch in more), first.left_out)
    return RecordBatch(first.stream_name, first.count + sum(batch.count for batch in more), lines, left_out)

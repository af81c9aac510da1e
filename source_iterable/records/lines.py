"""From lines to a batch: parse each line, make its message in the stream's format, and report bad lines.

This and what it calls runs for every record, so it is written for speed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, NamedTuple, Protocol

import orjson

from source_iterable.records import careful
from source_iterable.records.batch import LineFormat, RecordBatch
from source_iterable.records.careful import NotARecord
from source_iterable.records.columns import Fields

# orjson.dumps, or the careful path's.
Dumps = Callable[[Any, None, int], bytes]
# Makes one record's message from the bytes before it, the record (consumed), the bytes after it, and the serializer.
MakeMessage = Callable[[bytes, Fields, bytes, Dumps], bytes]


class Parsed(NamedTuple):
    """The result of a chunk: a batch, the number of lines, and the positions (from 0) of those that are not records."""

    batch: RecordBatch
    lines: int
    bad: list[int]


class RecordParser(Protocol):
    """Parses the records of one stream."""

    def parse(self, chunk: bytes) -> Parsed:
        """Parse a chunk of whole lines."""


def parse_lines(
    line_format: LineFormat,
    message: MakeMessage,
    chunk: bytes,
    long: Collection[bytes] = (),
) -> Parsed:
    """Parse a chunk of whole lines. Lines in `long` take the careful path, as do those that orjson rejects."""
    before, after = line_format.before, line_format.after()
    loads, fast = orjson.loads, orjson.dumps
    out: list[bytes] = []
    bad: list[int] = []
    append = out.append
    lines = chunk.split(b"\n")
    if not lines[-1]:
        lines.pop()
    for position, line in enumerate(lines):
        try:
            record = loads(line)
            dumps: Dumps = fast
            if type(record) is not dict or (long and line in long):
                raise NotARecord
        except ValueError:
            if not line.strip():
                continue
            try:
                record, dumps = careful.parse(line), careful.dumps
            except NotARecord:
                bad.append(position)
                continue
        append(message(before, record, after, dumps))
    output = b"".join(out)
    if not long and careful.may_hold_a_changed_integer(output):
        long = careful.lines_with_long_integers(chunk)
        if long:
            return parse_lines(line_format, message, chunk, long)
    return Parsed(RecordBatch(line_format.stream_name, len(out), output), len(lines), bad)

"""From lines to a batch: parse each line, let the stream's format make its message, and report the lines that are bad.

This and what it calls is done for every record, so it is written for speed.
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
# Makes the message of one record: what comes before it, the record (used up), what comes after it, and how to serialize.
MakeMessage = Callable[[bytes, Fields, bytes, Dumps], bytes]


class Parsed(NamedTuple):
    """The result of a chunk: a batch, the number of lines, and the positions (from 0) of those that are no records."""

    batch: RecordBatch
    lines: int
    bad: list[int]


class RecordParser(Protocol):
    """Makes the records of one stream."""

    def parse(self, chunk: bytes) -> Parsed:
        """The records of a chunk of whole lines."""


def parse_lines(
    line_format: LineFormat,
    message: MakeMessage,
    chunk: bytes,
    long: Collection[bytes] = (),
) -> Parsed:
    """The batch of a chunk of whole lines. The lines in `long` take the careful path, as do those that orjson refuses."""
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

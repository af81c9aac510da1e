"""From lines to a batch: parse each line, make its message in the stream's format, and report bad lines.

This and what it calls runs for every record, so it is written for speed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import orjson

from source_iterable import exact_json
from source_iterable.api.proof import is_error_object
from source_iterable.records.batch import LineFormat, RecordBatch
from source_iterable.records.columns import Fields

# orjson.dumps, or that of the careful path (exact_json.py).
Dumps = Callable[[Any, None, int], bytes]
# Makes one record's message from the bytes before it, the record (consumed), the bytes after it, and the serializer.
MakeMessage = Callable[[bytes, Fields, bytes, Dumps], bytes]


class NotARecord(ValueError):
    """A line that is not a JSON object, or is an error of Iterable's."""


class Parsed(NamedTuple):
    """The result of a chunk: a batch, the number of lines, and the positions (from 0) of those that are not records."""

    batch: RecordBatch
    lines: int
    bad: list[int]


class RecordParser(Protocol):
    """Parses the records of one stream."""

    def parse(self, chunk: bytes) -> Parsed:
        """Parse a chunk of whole lines."""


def parse_lines(line_format: LineFormat, message: MakeMessage, chunk: bytes) -> Parsed:
    """Parse a chunk of whole lines. Lines that orjson rejects or would change take the careful path."""
    before, after = line_format.before, line_format.after()
    loads, fast = orjson.loads, orjson.dumps
    out: list[bytes] = []
    bad: list[int] = []
    append = out.append
    careful = exact_json.lines_with_long_numbers(chunk)
    lines = chunk.split(b"\n")
    if not lines[-1]:
        lines.pop()
    for position, line in enumerate(lines):
        try:
            record = loads(line)
            if type(record) is not dict or (careful and line in careful):
                raise NotARecord
            if len(record) <= 3 and is_error_object(record):
                bad.append(position)
                continue
            append(message(before, record, after, fast))
        except (ValueError, orjson.JSONEncodeError):
            if not line.strip():
                continue
            try:
                append(message(before, _careful_record(line), after, exact_json.dumps))
            except ValueError:
                bad.append(position)
    return Parsed(RecordBatch(line_format.stream_name, len(out), b"".join(out)), len(lines), bad)


def _careful_record(line: bytes) -> Fields:
    record = exact_json.careful_loads(line)
    if type(record) is not dict or is_error_object(record):
        raise NotARecord
    return record

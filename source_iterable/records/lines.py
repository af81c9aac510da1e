"""From lines to a batch: parse each line, make its record, and report bad lines.

This and what it calls runs for every record, so it is written for speed.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

import orjson

from source_iterable.api import exact_json
from source_iterable.api.proof import bytes_too_long, is_error_object
from source_iterable.errors import BrokenResponse
from source_iterable.records.batch import RecordBatch, bounded, joined
from source_iterable.records.columns import Fields
from source_iterable.records.shape import Shape

# orjson.dumps, or that of the careful path (exact_json.py).
Dumps = Callable[[Any, None, int], bytes]
# A record that its struct does not fit costs more than one without: above this share of them, structs are not tried for
# twice as many chunks as the last time.
_MISSES, _LONGEST_REST = 0.25, 64


# A window, or a user's events, fails if its bad lines exceed both of these: a number, and a share.
BAD_LINES, BAD_SHARE = 10, 0.001


class Parsed(NamedTuple):
    """The result of a chunk: a batch, the number of lines, and the positions (from 0) of those that are not records.

    A line that is too long is none of these: the batch says that it was left out.
    """

    batch: RecordBatch
    lines: int
    bad: list[int]


class RecordParser(ABC):
    """Parses the records of one stream line by line, with a dict for each."""

    def __init__(self, stream_name: str) -> None:
        self._stream_name = stream_name

    @abstractmethod
    def json(self, record: Fields, dumps: Dumps) -> bytes:
        """The JSON of the record for any object of the input, which is consumed. Raises ValueError or TypeError."""

    def parse(self, chunk: bytes) -> Parsed:
        """Parse a chunk of whole lines."""
        return self._by_line(_lines_of(chunk), exact_json.lines_with_long_numbers(chunk), lambda record: None)

    def _by_line(self, lines: list[bytes], careful: set[bytes], learn: Callable[[Fields], None]) -> Parsed:
        """Parse lines, some of them with care; `learn` is called with each record that needs none."""
        out: list[bytes] = []
        bad: list[int] = []
        too_long: list[int] = []
        for position, line in enumerate(lines):
            if line.strip():
                try:
                    out += self._with_care(line, line in careful, learn), b"\n"
                except ValueError:
                    if size := bytes_too_long(line):
                        too_long.append(size)
                    else:
                        bad.append(position)
        batch = RecordBatch(self._stream_name, len(out) // 2, b"".join(out), tuple(too_long))
        return Parsed(bounded(batch), len(lines), bad)

    def _with_care(self, line: bytes, careful: bool, learn: Callable[[Fields], None]) -> bytes:
        """The JSON of the record on any line. Raises ValueError if there is none."""
        if not careful:
            try:
                record = _record(orjson.loads(line))
                learn(record)
                return self.json(record, orjson.dumps)
            # orjson refuses more than JSON does (exact_json.py), with a ValueError or a TypeError.
            except (ValueError, TypeError):
                pass
        return self.json(_record(exact_json.careful_loads(line)), exact_json.dumps)


class ShapedRecords(RecordParser):
    """A RecordParser that parses a chunk of records that all have the stream's shape at once, any other line by line."""

    def __init__(self, stream_name: str, shape: Shape) -> None:
        super().__init__(stream_name)
        self._shape = shape
        # Chunks to read without structs, and how many those were the last time.
        self._rest = self._rested = 0

    @abstractmethod
    def lines(self, shape: Shape, records: list[Any]) -> bytes:
        """The JSON of records of a shape, which are consumed: each on a line of its own."""

    def parse(self, chunk: bytes) -> Parsed:
        if self._rest:
            self._rest -= 1
            return super().parse(chunk)
        # Five times as fast as count().
        lines = len(chunk) - len(chunk.replace(b"\n", b"")) + (not chunk.endswith(b"\n"))
        records = self._shape.parse(chunk)
        # Blank lines and lines of two objects are parsed line by line.
        if records is None or len(records) != lines:
            return self._structs_by_line(_lines_of(chunk), exact_json.lines_with_long_numbers(chunk))
        return Parsed(self._batch(records), lines, [])

    def _structs_by_line(self, lines: list[bytes], careful: set[bytes]) -> Parsed:
        """Parse lines: as structs what fits one, and learn from what does not."""
        # By turns structs that come one after another, and a line that is none.
        batches: list[RecordBatch] = []
        bad: list[int] = []
        in_a_row: list[Any] = []
        shape = self._shape
        for position, line in enumerate(lines):
            found = None if line in careful else self._shape.parse(line, searched=True)
            if found and len(found) == 1:
                in_a_row += found
                continue
            # Before the shape changes.
            batches.append(self._batch(in_a_row))
            in_a_row = []
            one = self._by_line([line], careful, self._learn)
            batches.append(one.batch)
            bad += [position] * len(one.bad)
        batches.append(self._batch(in_a_row))
        in_vain = len(batches) // 2 > _MISSES * len(lines) and self._shape is shape
        self._rest = self._rested = min(2 * self._rested or 1, _LONGEST_REST) if in_vain else 0
        return Parsed(joined(batches), len(lines), bad)

    def _batch(self, records: list[Any]) -> RecordBatch:
        return bounded(RecordBatch(self._stream_name, len(records), self.lines(self._shape, records)))

    def _learn(self, record: Fields) -> None:
        self._shape = self._shape.learned(record) or self._shape


class LineCount:
    """Counts the lines of a window or of a user's events (`what`, for messages), and logs the bad ones."""

    def __init__(self, what: str, logger: logging.Logger) -> None:
        self._what = what
        self._logger = logger
        self._lines = 0
        self._bad = 0

    def add(self, lines: int, bad: list[int]) -> None:
        """Add `lines`, of which those at the positions `bad` (from 0) are no records."""
        for position in bad[: max(BAD_LINES + 1 - self._bad, 0)]:
            # Never log the line itself: it is personal data.
            self._logger.warning(f"{self._what}: line {self._lines + position + 1} is not a JSON object; skipped.")
        self._bad += len(bad)
        self._lines += lines

    def check(self) -> None:
        """Raise BrokenResponse if too many lines were bad."""
        if self._bad > BAD_LINES and self._bad > BAD_SHARE * self._lines:
            raise BrokenResponse(f"{self._what}: {self._bad} of {self._lines} lines are not JSON objects.")


def _lines_of(chunk: bytes) -> list[bytes]:
    return chunk.removesuffix(b"\n").split(b"\n")


def _record(value: Any) -> Fields:
    if type(value) is not dict or is_error_object(value):
        raise ValueError("not a record")
    return value

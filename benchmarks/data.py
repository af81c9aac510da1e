"""Data: records of a kind, any number of them, the same on every run.

A block is BLOCK_RECORDS records within one hour, 7.6 MB of email sends: as much as a file of a real export job. Every
block is the same text with its own hour and message ids, so that 10 million events (7.6 GB) need neither memory nor disk.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterable
from datetime import datetime, timezone
from typing import BinaryIO, NamedTuple

from benchmarks.kinds import BLOCK, HOURS, PLAIN, Kind

BLOCK_RECORDS = 10_000
BLOCK_SECONDS = 3_600
_RECORD = re.compile(rb'^\{"type": ?"RECORD"', re.MULTILINE)


class Checked(NamedTuple):
    """Records counted, and the sum of their identifiers: a lost, duplicated or garbled record changes it."""

    records: int
    checksum: int

    def __add__(self, other: Checked) -> Checked:  # type: ignore[override]
        return Checked(self.records + other.records, (self.checksum + other.checksum) % 2**128)


NOTHING = Checked(0, 0)


class Dataset:
    """`records` records (rounded up to whole blocks) from `start` on, a full hour in seconds since the epoch."""

    def __init__(self, records: int, start: int, kind: Kind = PLAIN) -> None:
        self.kind = kind
        self.blocks = -(-records // BLOCK_RECORDS)
        self.records = self.blocks * BLOCK_RECORDS
        self.start = start
        self.end = start + self.blocks * BLOCK_SECONDS
        self._template = _template(kind)
        self.block_bytes = len(self._template)

    def block(self, number: int) -> bytes:
        """The lines of one block."""
        time = datetime.fromtimestamp(self.start + number * BLOCK_SECONDS, timezone.utc)
        lines = self._template.replace(BLOCK.encode(), b"%08x" % number)
        for years, hour in zip((0, 4, 8), HOURS, strict=True):
            lines = lines.replace(hour.encode(), f"{time.year - years}{time:-%m-%d %H}".encode())
        return lines

    def between(self, start: int, end: int) -> range:
        """The blocks whose hour begins in [start, end), so that any set of windows gets each event once."""
        first = -(-(max(start, self.start) - self.start) // BLOCK_SECONDS)
        beyond = -(-(min(end, self.end) - self.start) // BLOCK_SECONDS)
        return range(first, max(first, beyond))

    def write(self, file: BinaryIO) -> None:
        """Write all blocks in order."""
        for number in range(self.blocks):
            file.write(self.block(number))

    def expected(self) -> Checked:
        """The expected output of a program that reads everything once."""
        one = sum(int(identifier, 16) for identifier in _identifiers(self.kind.identifier, self.block(0)))
        blocks = sum(range(self.blocks)) << 96
        return Checked(self.records, (self.blocks * one + BLOCK_RECORDS * blocks) % 2**128)


def check(chunks: Iterable[bytes], identifier: str) -> Checked:
    """Count and sum the RECORD messages of a program's output, given in chunks of any size."""
    total = NOTHING
    rest = b""
    for chunk in chunks:
        lines, newline, rest_of_chunk = chunk.rpartition(b"\n")
        if not newline:
            rest += chunk
            continue
        total += _check(rest + lines, identifier)
        rest = rest_of_chunk
    return total + _check(rest, identifier)


def _check(lines: bytes, identifier: str) -> Checked:
    return Checked(len(_RECORD.findall(lines)), sum(int(found, 16) for found in _identifiers(identifier, lines)))


def _identifiers(name: str, lines: bytes) -> list[bytes]:
    return re.findall(rb'"%b": ?"([0-9a-f]{32})"' % name.encode(), lines)


def _template(kind: Kind) -> bytes:
    draw = random.Random(20_240_501)
    return b"".join(_record(kind, draw, number) for number in range(BLOCK_RECORDS))


def _record(kind: Kind, draw: random.Random, number: int) -> bytes:
    if kind.has_own_times:
        # An hour has fewer seconds than a block has records.
        second, year = divmod(number, len(HOURS))
    else:
        second, year = number * 60 // BLOCK_RECORDS * 60 + draw.randrange(60), 0
    time = f"{HOURS[year]}:{second // 60:02d}:{second % 60:02d} +00:00"
    record = kind.draw(draw, time, f"{BLOCK}{draw.getrandbits(96):024x}")
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"

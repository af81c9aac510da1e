"""Data: realistic emailSend events, any number of them, the same on every run.

A block is BLOCK_RECORDS events within one hour, about 7.6 MB: as much as a file of a real export job. Every block is the
same text with its own hour and message ids, so that 10 million events (7.6 GB) need neither memory nor disk.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterable
from datetime import datetime, timezone
from typing import BinaryIO, NamedTuple

BLOCK_RECORDS = 10_000
BLOCK_SECONDS = 3_600
_HOUR = "@@@@-@@-@@ @@"
_BLOCK = "########"
_MESSAGE_ID = re.compile(rb'"messageId": ?"([0-9a-f]{32})"')
_RECORD = re.compile(rb'^\{"type": ?"RECORD"', re.MULTILINE)
# Half the events are of triggered campaigns, which include the data that they were rendered with.
_TRIGGERED_SHARE = 0.5
_WORDS = ("order", "welcome", "señor", "café", "reminder", "weekly offer", "übersicht", "delivery", "東京", "account")


class Checked(NamedTuple):
    """Records counted, and the sum of their message ids: a lost, duplicated or garbled record changes it."""

    records: int
    checksum: int

    def __add__(self, other: Checked) -> Checked:  # type: ignore[override]
        return Checked(self.records + other.records, (self.checksum + other.checksum) % 2**128)


NOTHING = Checked(0, 0)


class Dataset:
    """`records` events (rounded up to whole blocks) from `start` on, a full hour in seconds since the epoch."""

    def __init__(self, records: int, start: int) -> None:
        self.blocks = -(-records // BLOCK_RECORDS)
        self.records = self.blocks * BLOCK_RECORDS
        self.start = start
        self.end = start + self.blocks * BLOCK_SECONDS
        self._template = _template()
        self.block_bytes = len(self._template)

    def block(self, number: int) -> bytes:
        """The lines of one block."""
        hour = datetime.fromtimestamp(self.start + number * BLOCK_SECONDS, timezone.utc).strftime("%Y-%m-%d %H")
        lines = self._template.replace(_HOUR.encode(), hour.encode())
        return lines.replace(_BLOCK.encode(), b"%08x" % number)

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
        one = sum(int(identifier, 16) for identifier in _MESSAGE_ID.findall(self.block(0)))
        blocks = sum(range(self.blocks)) << 96
        return Checked(self.records, (self.blocks * one + BLOCK_RECORDS * blocks) % 2**128)


def check(chunks: Iterable[bytes]) -> Checked:
    """Count and sum the RECORD messages in a program's output, given in chunks of any size."""
    total = NOTHING
    rest = b""
    for chunk in chunks:
        lines, newline, rest_of_chunk = chunk.rpartition(b"\n")
        if not newline:
            rest += chunk
            continue
        total += _check(rest + lines)
        rest = rest_of_chunk
    return total + _check(rest)


def _check(lines: bytes) -> Checked:
    ids = [int(identifier, 16) for identifier in _MESSAGE_ID.findall(lines)]
    return Checked(len(_RECORD.findall(lines)), sum(ids))


def _template() -> bytes:
    draw = random.Random(20_240_501)
    return "".join(_event(draw, number) for number in range(BLOCK_RECORDS)).encode()


def _event(draw: random.Random, number: int) -> str:
    time = f"{_HOUR}:{number * 60 // BLOCK_RECORDS:02d}:{draw.randrange(60):02d} +00:00"
    campaign = draw.randrange(400)
    event: dict[str, object] = {
        "email": f"{draw.choice(('anna', 'li.wei', 'o.brien', 'jose.garcia'))}.{draw.randrange(10**7)}@example.com",
        "createdAt": time,
        "campaignId": 1_000_000 + campaign,
        "templateId": 2_000_000 + campaign * 7,
        "messageId": f"{_BLOCK}{draw.getrandbits(96):024x}",
        "messageTypeId": 10_000 + campaign % 6,
        "channelId": 20_000 + campaign % 3,
        "contentId": 3_000_000 + campaign * 7,
        "messageBusId": f"{draw.getrandbits(128):032x}",
        "userId": f"{draw.getrandbits(64):016x}",
        "itblUserId": f"{draw.getrandbits(128):032x}",
        "catalogCollectionCount": 0,
        "catalogLookupCount": draw.randrange(3),
        "productRecommendationCount": 0,
        "itblInternal.documentCreatedAt": time,
        "itblInternal.documentUpdatedAt": time,
    }
    if draw.random() < _TRIGGERED_SHARE:
        event["transactionalData"] = json.dumps(_transaction(draw), ensure_ascii=False)
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")) + "\n"


def _transaction(draw: random.Random) -> dict[str, object]:
    items = [
        {"sku": f"SKU-{draw.randrange(10**6):06d}", "price": draw.randrange(100, 9_999) / 100, "quantity": 1}
        for _ in range(draw.randrange(1, 6))
    ]
    return {
        "eventName": draw.choice(_WORDS),
        "orderId": draw.randrange(10**9),
        "subject": " ".join(draw.choices(_WORDS, k=8)),
        "firstName": draw.choice(("Anna", "José", "Li")),
        "items": items,
        "gift": draw.random() < 0.1,
        "coupon": None,
    }

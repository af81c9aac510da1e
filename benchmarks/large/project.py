"""A project of any size: its things are made when they are asked for, the same ones each time."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from functools import lru_cache
from hashlib import shake_128
from typing import Any

from benchmarks.kinds import KINDS
from integration_tests.sandbox.settings import NOW

VARIANTS = 6
# The server's time stands still. Records are spread over the days before.
NOW_SECONDS = int(NOW.timestamp())
SPAN = 14 * 24 * 3_600
START = NOW_SECONDS - SPAN - 3_600
_TILE_BYTES = 5_000
# Stand for what differs from user to user; a token is not compressed to nothing.
_MARK, _TIME, _TOKEN = "########", "@@@@", "~~~~"
# Sizes that are of one thing, whatever the scale.
_OF_ONE = ("bytes", "longest", "fields")


@dataclass(frozen=True)
class Project:
    """How many things there are; `..._bytes` is the size of one.

    Args:
        users: profiles. `user_fields` are their own fields; None for those of a usual profile.
        longest: bytes of one more profile; 0 for none.
        members: users in each list.
        late_list: whether Iterable answers for the first list only after it has for all others.
        custom_events: of so many `custom_names`, each with so many `custom_fields`.
    """

    campaigns: int = 0
    templates: int = 0
    template_bytes: int = 0
    experiments: int = 0
    variant_bytes: int = 0
    journeys: int = 0
    journey_bytes: int = 0
    snippets: int = 0
    snippet_bytes: int = 0
    forgotten: int = 0
    lists: int = 0
    members: int = 0
    late_list: bool = False
    users: int = 0
    user_fields: int | None = None
    longest: int = 0
    custom_events: int = 0
    custom_names: int = 1
    custom_fields: int = 4

    def smaller(self, divisor: int) -> Project:
        """With fewer things of the same sizes."""
        counts: dict[str, Any] = {
            each.name: max(value // divisor, min(value, 1))
            for each in fields(self)
            if type(value := getattr(self, each.name)) is int and not each.name.endswith(_OF_ONE)
        }
        return replace(self, **counts)

    def expected(self) -> dict[str, int]:
        """Records by stream. A profile over the limit of a line is left out."""
        return {
            "campaigns": self.campaigns,
            "template_contents": self.templates,
            "experiments": self.experiments,
            "experiment_variants": self.experiments * VARIANTS,
            "journeys": self.journeys,
            "snippets": self.snippets,
            "forgotten_users": self.forgotten,
            "lists": self.lists,
            "list_sizes": self.lists,
            "list_users": self.lists * self.members,
            "users": self.users,
            "custom_event": self.custom_events,
        }

    def campaign(self, number: int) -> bytes:
        """A campaign that has finished."""
        name = f"Campaign {number}, {_words(number, 4)}"
        times = {"createdAt": _ms(number), "updatedAt": _ms(number), "startAt": _ms(number), "endedAt": _ms(number)}
        kind = {"campaignState": "Finished", "messageMedium": "Email", "type": "Blast", "sendSize": 100 * number}
        return _dumped({"id": number, "name": name, "templateId": number, "listIds": [number % 7 + 1], **kind, **times})

    def template(self, number: int) -> bytes:
        """A template as in the list of them."""
        return _dumped({"templateId": number, "name": f"Template {number}", "createdAt": _ms(1), "updatedAt": _ms(2)})

    def content(self, number: int) -> bytes:
        """The content of a template."""
        head = _dumped({"templateId": number, "name": f"Template {number}", "subject": _words(number, 8)})
        return b'%b,"html":"%b"}' % (head[:-1], text(number, self.template_bytes))

    def experiment(self, number: int) -> bytes:
        """An experiment, in the list and by itself."""
        return _dumped({"id": number, "name": f"Experiment {number}", "status": "running", "variants": []})

    def variants(self, number: int) -> Iterator[bytes]:
        """The variants of an experiment, with their contents."""
        for variant in range(VARIANTS):
            head = _dumped({"variantId": number * VARIANTS + variant, "name": f"Variant {variant}"})
            body = text(number * VARIANTS + variant, self.variant_bytes)
            yield b'%b,"content":{"subject":"Variant","htmlSource":"%b"}}' % (head[:-1], body)

    def journey(self, number: int) -> bytes:
        """A journey, most of it the tiles of its draft."""
        head = _dumped({"id": number, "name": f"Journey {number}", "enabled": True, "updatedAt": _ms(number)})
        tiles = range(self.journey_bytes // _TILE_BYTES)
        texts = (b'{"id":%d,"text":"%b"}' % (tile, text(number + tile, _TILE_BYTES)) for tile in tiles)
        return b'%b,"draft":{"tiles":[%b]}}' % (head[:-1], b",".join(texts))

    def snippet(self, number: int) -> bytes:
        """A snippet."""
        head = _dumped({"id": number, "name": f"snippet-{number}", "updatedBy": "anna@example.com"})
        return b'%b,"content":"%b"}' % (head[:-1], text(number, self.snippet_bytes))

    @staticmethod
    def forgotten_user(number: int) -> bytes:
        """A hash."""
        return b'"%064x"' % (number * 0x9E3779B97F4A7C15_F39CC0605CEDC835 % 2**256)

    @staticmethod
    def list(number: int) -> bytes:
        """A list of users."""
        return _dumped({"id": number, "name": f"List {number}", "listType": "Standard", "createdAt": _ms(number)})

    @staticmethod
    def member(list_id: int, number: int) -> bytes:
        """A user of a list."""
        return b"user%d@%d.example.com\n" % (number, list_id)

    def records(self, data_type: str, start: int, end: int) -> Iterator[bytes]:
        """The lines of an export, of [start, end) in seconds since the epoch."""
        counts = {"user": self.users + bool(self.longest), "customEvent": self.custom_events}
        count = counts.get(data_type, 0)
        make: Callable[[int, str], bytes] = self._user if data_type == "user" else self._custom_event
        for number in range(*(max(0, min(count, -(-(edge - START) * count // SPAN))) for edge in (start, end))):
            yield make(number, _time(number * SPAN // count))

    def user_types(self) -> dict[str, str]:
        """The profile fields and their types, as in `users/getFields`."""
        types = ("long", "double", "string", "boolean")
        return {"email": "string", **{f"own{each}": types[each % 4] for each in range(self.user_fields or 0)}}

    def _user(self, number: int, time: str) -> bytes:
        if self.user_fields is None:
            own = (b"%08x" % number, time.encode(), shake_128(b"%d" % number).hexdigest(256).encode())
            line = _usual_users()[number % len(_usual_users())]
            for mark, value in zip((_MARK, _TIME, _TOKEN), own, strict=True):
                line = line.replace(mark.encode(), value)
        else:
            own = _own(self.user_fields, number)
            line = _dumped({"email": f"{number:08x}@example.com", "profileUpdatedAt": time, **own})
        if self.longest and number == self.users // 2:
            line = b'%b,"biography":"%b"}' % (line[:-1], text(number, self.longest))
        return line + b"\n"

    def _custom_event(self, number: int, time: str) -> bytes:
        name = f"event {number % self.custom_names:05d}"
        event = {"email": f"{number:08x}@example.com", "createdAt": time, "eventName": name}
        return _dumped({**event, **_own(self.custom_fields, number)}) + b"\n"


def text(number: int, size: int) -> bytes:
    """So many bytes of HTML without a character that JSON escapes, another one for each number."""
    pool = _pool()
    start = number * 7_919 % len(pool)
    found = pool[start : start + size]
    return found if len(found) == size else (found + pool * (size // len(pool) + 1))[:size]


@lru_cache(1)
def _pool() -> bytes:
    draw = random.Random(1)
    words = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randrange(3, 12))) for _ in range(4_000)]
    words += ["<td id='a1'>", "</td></tr>", "<a href='/b'>"] * 300
    return " ".join(draw.choices(words, k=250_000)).encode()


@lru_cache(1)
def _usual_users() -> Sequence[bytes]:
    """Profiles with marks in place of what differs."""
    (kind,) = (each for each in KINDS if each.stream == "users")
    draw = random.Random(2)
    own = {"email": f"{_MARK}@example.com", "token": _TOKEN}
    return [_dumped({**kind.draw(draw, _TIME, _MARK), **own}) for _ in range(1_000)]


def _own(count: int, number: int) -> dict[str, Any]:
    """Fields of four types."""
    values = (number, number / 8, f"value {number}", number % 2 == 0)
    return {f"own{each}": values[each % 4] for each in range(count)}


def _words(number: int, count: int) -> str:
    return text(number, 10 * count).decode()


def _ms(number: int) -> int:
    return (START - number) * 1_000


def _time(second: int) -> str:
    day, rest = divmod(START + second, 86_400)
    return f"{_day(day)} {rest // 3_600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d} +00:00"


@lru_cache
def _day(day: int) -> str:
    return date.fromordinal(date(1970, 1, 1).toordinal() + day).isoformat()


def _dumped(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()

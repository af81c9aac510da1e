"""Chance that is the same every time: numbers drawn from a seed and a name."""

from __future__ import annotations

import random
from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from .users import User

T = TypeVar("T")


def seeded(seed: int, *name: object, size: int = 16) -> int:
    """A number that belongs to this seed and name: any two names are independent."""
    return int.from_bytes(blake2b(repr((seed, *name)).encode(), digest_size=size).digest(), "big")


def shuffled(items: list[T], seed: int) -> list[T]:
    """The items in another order."""
    return random.Random(seed).sample(items, len(items))


class Draw:
    """A large random number, spent piece by piece, and what else decides the values of a fixture.

    Seeding a generator costs microseconds, and every event needs its own chance to be the same in any window. One large
    number an event, divided down, is several times cheaper.
    """

    __slots__ = ("bits", "created_ms", "ms", "n", "updated_ms", "user")

    def __init__(self, bits: int, ms: int = 0, user: User | None = None) -> None:
        self.bits = bits
        self.ms = ms  # of an event
        self.user = user  # whose it is
        self.n = self.created_ms = self.updated_ms = 0  # of a thing: its place in the list, and its times

    def below(self, bound: int) -> int:
        """A number from 0 up to, not including, bound."""
        self.bits, value = divmod(self.bits, bound)
        return value

    def one_in(self, count: int) -> bool:
        """True once in `count` times."""
        return self.below(count) == 0

    def pick(self, choices: Sequence[T]) -> T:
        """One of the choices."""
        self.bits, value = divmod(self.bits, len(choices))
        return choices[value]

    def hex(self, digits: int) -> str:
        """So many hexadecimal digits."""
        self.bits, value = divmod(self.bits, 16**digits)
        return f"{value:0{digits}x}"

"""Chance that is the same every time: numbers drawn from a seed and a name."""

from __future__ import annotations

import random
from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")


def seeded(seed: int, *name: object) -> random.Random:
    """A generator that belongs to this seed and name: any two names are independent."""
    digest = blake2b(repr((seed, *name)).encode(), digest_size=16).digest()
    return random.Random(int.from_bytes(digest, "big"))


class Draw:
    """A large random number, spent piece by piece.

    Seeding a generator costs microseconds, and every event needs its own chance to be the same in any window. One
    512-bit number an event, divided down, is several times cheaper.
    """

    __slots__ = ("bits",)

    def __init__(self, bits: int) -> None:
        self.bits = bits

    @classmethod
    def named(cls, seed: int, *name: object) -> Draw:
        """The draw that belongs to this seed and name."""
        digest = blake2b(repr((seed, *name)).encode(), digest_size=64).digest()
        return cls(int.from_bytes(digest, "big"))

    def below(self, bound: int) -> int:
        """A number from 0 up to, not including, bound."""
        self.bits, value = divmod(self.bits, bound)
        return value

    def one_in(self, count: int) -> bool:
        """True once in `count` times."""
        self.bits, value = divmod(self.bits, count)
        return value == 0

    def pick(self, choices: Sequence[T]) -> T:
        """One of the choices."""
        self.bits, value = divmod(self.bits, len(choices))
        return choices[value]

    def hex(self, digits: int = 16) -> str:
        """So many hexadecimal digits."""
        self.bits, value = divmod(self.bits, 16**digits)
        return f"{value:0{digits}x}"

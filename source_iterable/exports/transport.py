"""What the two transports have in common: how they say that a window was not read. Nothing of it was handed out then."""

from __future__ import annotations


class Split(Exception):
    """The window could not be read whole: read its halves. str() says why; `at_least` bytes have been seen of it."""

    def __init__(self, why: str, at_least: int = 0) -> None:
        super().__init__(why)
        self.at_least = at_least


class TryAgain(Split):
    """The window could not be read: try it once more, then read its halves."""

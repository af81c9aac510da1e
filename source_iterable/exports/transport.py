"""What the two transports have in common: how they say that a window was not read. Nothing of it was handed out then."""

from __future__ import annotations


class Split(Exception):
    """The window could not be read whole: read its halves. str() says why."""


class TryAgain(Split):
    """The window could not be read: try it once more, then read its halves."""

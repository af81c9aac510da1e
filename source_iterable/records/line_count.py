"""Bad lines: reported, and only a few of them tolerated."""

from __future__ import annotations

import logging

from source_iterable.errors import BrokenResponse

# A window, or a user's events, fails if its bad lines exceed both of these: a number, and a share.
BAD_LINES, BAD_SHARE = 10, 0.001


class LineCount:
    """Counts the lines of a window or of a user's events (`what`, for messages), and logs the bad ones."""

    def __init__(self, what: str, logger: logging.Logger) -> None:
        self._what = what
        self._logger = logger
        self._lines = 0
        self._bad = 0

    def add(self, lines: int, bad: list[int]) -> None:
        """Add `lines`, of which those at the positions `bad` (from 0) are no records."""
        for position in bad:
            self._bad += 1
            if self._bad <= BAD_LINES + 1:
                # Never log the line itself: it is personal data.
                self._logger.warning(f"{self._what}: line {self._lines + position + 1} is not a JSON object; skipped.")
        self._lines += lines

    def check(self) -> None:
        """Raise BrokenResponse if too many lines were bad."""
        if self._bad > BAD_LINES and self._bad > BAD_SHARE * self._lines:
            raise BrokenResponse(f"{self._what}: {self._bad} of {self._lines} lines are not JSON objects.")

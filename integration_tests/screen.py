"""A terminal's screen: what is seen of the bytes that a program has written."""

from __future__ import annotations

import pyte


class Screen:
    """A window of this size, and the lines that have left it at the top."""

    def __init__(self, height: int, width: int) -> None:
        self._screen = pyte.HistoryScreen(width, height, history=1000, ratio=1.0)
        # As a terminal that gets a newline from a program.
        self._screen.set_mode(pyte.modes.LNM)
        self._stream = pyte.ByteStream(self._screen)

    def show(self, written: bytes) -> list[str]:
        """Write to it, and return all lines, those above the window first, without what is blank at the end."""
        self._stream.feed(written)
        above = [[line[column].data for column in range(self._screen.columns)] for line in self._screen.history.top]
        lines = [line.rstrip() for line in [*map("".join, above), *self._screen.display]]
        while lines and not lines[-1]:
            lines.pop()
        return lines

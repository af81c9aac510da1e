"""A live progress display on stderr, only if that is a terminal and stdout is not."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from source_iterable.process.progress import Progress

if TYPE_CHECKING:
    from rich.console import Group

_REFRESHES_A_SECOND = 4


@contextmanager
def progress_display(progress: Progress, alone: bool = False) -> Iterator[None]:
    """Show the streams and what they wait for while the block runs. No-op without a terminal.

    `alone`: nothing is written to stdout meanwhile, so that may be the terminal, too; and a report follows, for which the
    display makes room.
    """
    terminals = [stream is not None and stream.isatty() for stream in (sys.__stderr__, sys.__stdout__)]
    if not terminals[0] or (terminals[1] and not alone):
        yield
        return
    # Imported here: containers have no terminal, and do not need it.
    from rich.console import Console
    from rich.live import Live

    view = _View(progress)
    with Live(view, console=Console(file=sys.__stderr__), refresh_per_second=_REFRESHES_A_SECOND, transient=alone):
        yield


class _View:
    """What rich renders at every refresh."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def __rich__(self) -> Group:
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        table = Table("stream", "records", "MB", "done", "window", title="source-iterable", title_justify="left")
        for column in table.columns[1:4]:
            column.justify = "right"
        for name, stream in sorted(self._progress.snapshot().items()):
            done = "" if stream.share is None else f"{stream.share:.0%}"
            table.add_row(name, f"{stream.records:,}", f"{stream.bytes / 1e6:,.1f}", done, stream.window)
        return Group(table, *(Text(line, style="dim") for line in self._progress.waiting_lines()))

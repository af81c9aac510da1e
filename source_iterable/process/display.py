"""Shows progress: as lines in the log, or live on a terminal."""

from __future__ import annotations

import logging
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from source_iterable.process.progress import Progress

if TYPE_CHECKING:
    from rich.console import Group

# Seconds between log lines: Airbyte kills a source that is silent for long, and people want to know sooner.
LOG_INTERVAL = 20.0
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


@contextmanager
def heartbeat(progress: Progress, logger: logging.Logger) -> Iterator[None]:
    """Log `lines` every LOG_INTERVAL seconds while the block runs."""
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(LOG_INTERVAL):
            for line in lines(progress) or ["Working"]:
                logger.info(line)

    threading.Thread(target=beat, name="heartbeat", daemon=True).start()
    try:
        yield
    finally:
        stop.set()


def lines(progress: Progress) -> list[str]:
    """One line per stream being read, and one per thing waited for."""
    streams = []
    for name, stream in progress.snapshot().items():
        share = "" if stream.share is None else f", {stream.share:.0%} of its time range"
        window = f", window {stream.window}" if stream.window else ""
        if stream.share != 1.0:
            streams.append(f"{name}: {stream.records:,} records, {stream.bytes / 1e6:,.1f} MB{share}{window}")
    return [*streams, *_waiting_lines(progress)]


def _waiting_lines(progress: Progress) -> Iterator[str]:
    for what, ages in progress.waits().items():
        times = f", {len(ages)} times" if len(ages) > 1 else ""
        yield f"Waiting for {what} ({max(ages):.0f} s{times})"


@contextmanager
def progress_display(progress: Progress, alone: bool = False) -> Iterator[None]:
    """Show the streams and what they wait for on stderr while the block runs, if stderr is a terminal and stdout is not.

    `alone`: nothing is written to stdout meanwhile, so stdout may be a terminal, too, and the display disappears at the end
    to make room for a report.
    """
    has_terminal, has_other = (bool(each and each.isatty()) for each in (sys.__stderr__, sys.__stdout__))
    if not has_terminal or (has_other and not alone):
        yield
        return
    # Imported here: containers have no terminal, and do not need it.
    from rich.console import Console
    from rich.live import Live

    with Live(get_renderable=partial(_view, progress), console=Console(file=sys.__stderr__), transient=alone):
        yield


def _view(progress: Progress) -> Group:
    """What rich renders at every refresh."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table("stream", "records", "MB", "done", "window", title="source-iterable", title_justify="left")
    for column in table.columns[1:4]:
        column.justify = "right"
    for name, stream in sorted(progress.snapshot().items()):
        done = "" if stream.share is None else f"{stream.share:.0%}"
        cells = (name, f"{stream.records:,}", f"{stream.bytes / 1e6:,.1f}", done, stream.window)
        # As Text: rich takes [/b] in a string for markup.
        table.add_row(*(Text(one_line(cell)) for cell in cells))
    return Group(table, *(Text(one_line(line), style="dim") for line in _waiting_lines(progress)))


def visible(text: str) -> str:
    """A text for a terminal: control characters, those that reverse the direction, and odd line ends as escapes (\\x1b).

    So that no name can change what else is on the terminal. A newline stays: see `one_line`.
    """
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape", "surrogatepass").decode(), text)


def one_line(text: str) -> str:
    """The same, with newlines as \\n: a text that quotes others and is a line, so that none of them begins another one."""
    return visible(text).replace("\n", "\\n")

"""The live display of a terminal: what runs and what waits, one line for all that is done, never taller than the window."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from source_iterable.process.display import one_line
from source_iterable.process.progress import Progress, StreamProgress, Waiting

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

# Seconds of a wait that is worth a word: a stream that keeps to a limit waits again and again.
_LONG = 1.0
# The progress that is on the terminal, if one is.
_shown: list[Progress] = []


def is_live(alone: bool = False) -> bool:
    """Whether `progress_display` shows anything: stderr is a terminal that can move its cursor, and stdout is none.

    `alone`: nothing is written to stdout meanwhile, so stdout may be a terminal, too.
    """
    has_terminal, has_other = (bool(each and each.isatty()) for each in (sys.__stderr__, sys.__stdout__))
    return has_terminal and (alone or not has_other) and os.environ.get("TERM") not in ("dumb", "unknown")


@contextmanager
def progress_display(progress: Progress, alone: bool = False) -> Iterator[None]:
    """Show what a sync does on stderr while the block runs, if `is_live`.

    `alone`: the display disappears at the end, to make room for a report. Otherwise its last lines stay.
    """
    if not is_live(alone):
        yield
        return
    # Imported here: containers have no terminal, and do not need it.
    from rich.console import Console
    from rich.live import Live

    with Live(get_renderable=partial(View, progress), console=Console(file=sys.__stderr__), transient=alone):
        _shown.append(progress)
        try:
            yield
        finally:
            _shown.remove(progress)


def tell(notice: str) -> None:
    """Tell the user a line, from the handler of a signal: within the display if there is one, otherwise on stderr."""
    for progress in _shown:
        progress.notice = notice
        return
    # Not print: the signal may have come within one, whose lock is held.
    with suppress(OSError):
        os.write(2, f"{notice}\n".encode())


@dataclass
class View:
    """What rich renders at every refresh: one frame."""

    progress: Progress

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.text import Text

        for line in frame(self.progress, console.height):
            # As Text: rich takes [/b] in a string for markup.
            yield Text(one_line(line), no_wrap=True, overflow="ellipsis")


def frame(progress: Progress, height: int) -> list[str]:
    """The lines of a frame for a window of this height, one of which stays free for the cursor."""
    streams, waits = progress.snapshot(), progress.waits()
    running = {name for name, each in streams.items() if not each.ended}
    begun = {name for name in running if streams[name].records}

    def is_apart(wait: Waiting) -> bool:
        # For a limit, which many have in common, or of no stream.
        is_long = wait.seconds >= _LONG or (wait.is_limit and wait.stream not in begun)
        return is_long and (wait.is_limit or wait.stream is None)

    limits = {what: each for what, waiting in waits.items() if (each := [*filter(is_apart, waiting)])}
    limited = {each.stream for waiting in limits.values() for each in waiting}
    last = [*([_done(progress, streams)] if streams else []), *filter(None, [progress.notice])]
    most = sorted(limits, key=lambda what: -len(limits[what]))[: max((height - 1 - len(last)) // 3, 1)]
    last = [*(_waiting(what, limits[what]) for what in most), *last]
    rows = _table({name: streams[name] for name in sorted(running - limited)}, _longest(waits))
    more = len(rows) - (height - 1 - len(last))
    if more > 0:
        rows = [*rows[: -more - 1], f"and {more + 1} more"]
    return [*rows, *last][1 - height :]


def _waiting(what: str, waiting: Collection[Waiting]) -> str:
    """The line for all that wait for one thing."""
    names = sorted({each.stream for each in waiting if each.stream})
    since = duration(max(each.seconds for each in waiting))
    if not names:
        return f"Waiting {since} for {what}"
    streams = "1 stream waits" if len(names) == 1 else f"{len(names)} streams wait"
    return f"{streams} {since} for {what}: {', '.join(names)}"


def _table(streams: Mapping[str, StreamProgress], waits: Mapping[str, tuple[float, str]]) -> list[str]:
    """A line for each stream, below one for all."""
    if not streams:
        return []
    cells = [("stream", "records", "MB", "done", "now")]
    for name, stream in streams.items():
        done = "" if stream.share is None else f"{stream.share:.0%}"
        seconds, what = waits.get(name, (0.0, ""))
        now = f"{duration(seconds)}: {what}" if seconds >= _LONG else short(stream.window) or what
        cells.append((name, f"{stream.records:,}", f"{stream.bytes / 1e6:,.1f}", done, now))
    first, *widths = (max(len(row[column]) for row in cells) for column in range(4))
    return [
        "  ".join([f"{name:<{first}}", *(f"{cell:>{width}}" for cell, width in zip(numbers, widths, strict=True)), now])
        for name, *numbers, now in cells
    ]


def _longest(waits: Mapping[str, list[Waiting]]) -> dict[str, tuple[float, str]]:
    """By stream, its longest wait: seconds, and for what."""
    found: dict[str, tuple[float, str]] = {}
    for what, waiting in waits.items():
        for stream, seconds, _ in waiting:
            if stream is not None:
                found[stream] = max((seconds, what), found.get(stream, (0.0, "")))
    return found


def _done(progress: Progress, streams: Mapping[str, StreamProgress]) -> str:
    """The line for all that is done."""
    done = [each for each in streams.values() if each.ended]
    failed = sum(each.share != 1.0 for each in done)
    records, size = sum(each.records for each in done), sum(each.bytes for each in done)
    line = f"{len(done)} of {len(streams)} streams done: {records:,} records, {size / 1e6:,.1f} MB"
    committed = sum(progress.committed.values())
    return line + f", {failed} failed" * bool(failed) + f"; {committed:,} rows committed" * bool(committed)


def short(window: str) -> str:
    """A window for people: its days, or the minutes of its day."""
    start, to, end = window.partition(" to ")
    if start[:10] == end[:10]:
        return f"{start[:10]} {start[11:16]}{to}{end[11:16]}".strip()
    return f"{start[:10]}{to}{end[:10]}"


def duration(seconds: float) -> str:
    """Seconds for people."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min" if minutes else f"{rest} s"

"""Text for the log and for terminals: the progress in lines, and names that cannot change what is on the screen."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from source_iterable.process.progress import Progress, Waiting

# Seconds between log lines: Airbyte kills a source that is silent for long, and people want to know sooner.
LOG_INTERVAL = 20.0
_EMOJI = (
    "[\xa9\xae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u2460-\u24ff\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff\u3030"
    "\u303d\u3297\u3299\U0001f000-\U0001faff][\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]?"
)
# The flags of England, Scotland and Wales: a black flag with letters that are not seen.
_FLAGS = "|".join(
    "\U0001f3f4" + "".join(chr(0xE0000 + ord(letter)) for letter in region) + "\U000e007f"
    for region in ("gbeng", "gbsct", "gbwls")
)
# Arabic, Persian, Syriac, the scripts of India, Burmese, Khmer: joiners between their letters change how these look.
_JOINED = "[\u0620-\u07ff\u08a0-\u0dff\u1000-\u109f\u1780-\u17ff\ufb50-\ufdff]"
# Where invisible characters are needed: in flags, families and keycaps, and between such letters.
_NEEDED = rf"{_FLAGS}|{_EMOJI}(?:\u200d{_EMOJI})*|[0-9#*]\ufe0f\u20e3|(?<={_JOINED})[\u200c\u200d](?={_JOINED})"
# Controls; what reverses the direction of text, ends lines or has no width; fillers; tags; half surrogate pairs.
_UNSEEN = re.compile(
    f"(?P<needed>{_NEEDED})|"
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164"
    "\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]"
)


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
        has_begun = stream.records or stream.window or stream.share is not None
        share = "" if stream.share is None else f", {stream.share:.0%} of its time range"
        window = f", window {stream.window}" if stream.window else ""
        if has_begun and not stream.ended:
            streams.append(f"{name}: {stream.records:,} records, {stream.bytes / 1e6:,.1f} MB{share}{window}")
    return [*streams, *(waiting_line(what, waiting) for what, waiting in progress.waits().items())]


def waiting_line(what: str, waiting: Collection[Waiting]) -> str:
    """What is waited for, since when, and by which streams."""
    times = f", {len(waiting)} times" if len(waiting) > 1 else ""
    streams = ", ".join(sorted({each.stream for each in waiting if each.stream is not None}))
    return f"Waiting for {what} ({max(each.seconds for each in waiting):.0f} s{times})" + f": {streams}" * bool(streams)


def visible(text: str) -> str:
    """A text for a terminal: control characters, odd line ends and what is invisible as escapes (\\x1b).

    So that no name can change what else is on the terminal, or look like another one. Invisible characters within emoji, and
    joiners between letters that need them, stay. So does a newline: see `one_line`.
    """

    def shown(found: re.Match[str]) -> str:
        return found[0] if found["needed"] else found[0].encode("unicode_escape", "surrogatepass").decode()

    return _UNSEEN.sub(shown, text)


def one_line(text: str) -> str:
    """The same, with newlines as \\n: a text that quotes others and is a line, so that none of them begins another one."""
    return visible(text).replace("\n", "\\n")

"""What the log says of a sync's progress."""

from __future__ import annotations

import logging
import re
import threading

import pytest

from source_iterable.process import display
from source_iterable.process.display import heartbeat, lines, visible
from source_iterable.process.progress import Progress


def test_lines_show_streams_and_waits() -> None:
    progress = Progress()
    progress.advance("email_send", records=1200, size=3_500_000, window="a to b", share=0.25)
    progress.advance("email_send", records=300, size=500_000)
    progress.advance("lists", records=3, share=1.0)
    with (
        progress.waiting("the export rate limit"),
        progress.waiting("the export rate limit"),
        progress.waiting("the response"),
    ):
        shown = lines(progress)
    assert shown[0] == "email_send: 1,500 records, 4.0 MB, 25% of its time range, window a to b"
    assert re.match(r"Waiting for the export rate limit \(\d+ s, 2 times", shown[1])
    assert re.match(r"Waiting for the response \(\d+ s\)", shown[2])
    assert len(shown) == 3, "finished streams are not logged again"


@pytest.mark.parametrize("waits", [True, False])
def test_the_heartbeat_is_never_silent(monkeypatch: pytest.MonkeyPatch, waits: bool) -> None:
    assert display.LOG_INTERVAL <= 30
    monkeypatch.setattr(display, "LOG_INTERVAL", 0.01)
    logged = threading.Event()

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.getMessage().startswith("Waiting for a window" if waits else "Working"):
                logged.set()

    logger = logging.Logger("test")
    logger.addHandler(Handler())
    progress = Progress()
    with heartbeat(progress, logger):
        if not waits:
            assert logged.wait(10)
        else:
            with progress.waiting("a window"):
                assert logged.wait(10)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Sale [/b] ünïcödé 日本 🎉\tnow\n", "Sale [/b] ünïcödé 日本 🎉\tnow\n"),
        ("\x1b[2K\rforged \x07\x9b\x00", r"\x1b[2K\rforged \x07\x9b\x00"),
        ("a\u202eb\u2066c\u200f\u061c\ufeff", r"a\u202eb\u2066c\u200f\u061c\ufeff"),
        ("VIP\u2028Berlin\ud800", r"VIP\u2028Berlin\ud800"),
    ],
)
def test_foreign_text_cannot_change_the_terminal(text: str, shown: str) -> None:
    assert visible(text) == shown

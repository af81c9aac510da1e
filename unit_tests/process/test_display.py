"""What the log says of a sync's progress."""

from __future__ import annotations

import logging
import re
import threading

import pytest

from source_iterable.process import display
from source_iterable.process.display import heartbeat, lines, one_line, visible, waiting_line
from source_iterable.process.progress import Progress, Waiting


def test_lines_show_streams_and_waits() -> None:
    progress = Progress()
    progress.advance("email_send", records=1200, size=3_500_000, window="a to b", share=0.25)
    progress.advance("email_send", records=300, size=500_000)
    progress.begin(["lists", "users"])
    progress.advance("lists", records=3, share=1.0)
    progress.end("lists")
    with (
        progress.waiting("the export rate limit"),
        progress.waiting("the export rate limit"),
        progress.waiting("the response"),
    ):
        shown = lines(progress)
    assert shown[0] == "email_send: 1,500 records, 4.0 MB, 25% of its time range, window a to b"
    assert re.match(r"Waiting for the export rate limit \(\d+ s, 2 times", shown[1])
    assert re.match(r"Waiting for the response \(\d+ s\)", shown[2])
    assert len(shown) == 3, "neither finished streams nor those that have nothing yet"


def test_a_wait_names_its_streams() -> None:
    waiting = [Waiting("users", 20.4, True), Waiting("email_open", 3.0, True), Waiting("users", 1.0)]
    assert waiting_line("the limit", waiting) == "Waiting for the limit (20 s, 3 times): email_open, users"


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
        # What makes two names look the same.
        ("V\xadI\u200bP\u200c\u200d\u2060\u2063\ufff9", r"V\xadI\u200bP\u200c\u200d\u2060\u2063\ufff9"),
        ("VIP\U000e0041\U000e007f\ufe0f\u3164\U000e0100", r"VIP\U000e0041\U000e007f\ufe0f\u3164\U000e0100"),
        ("🎉\u200d 🎉\ufe0f\ufe0f🎉\u200b", "🎉\\u200d 🎉\ufe0f\\ufe0f🎉\\u200b"),
        ("🏴\U000e0075\U000e007f", "🏴\\U000e0075\\U000e007f"),
        ("می\u200c\u200cخ\u200c", "می\\u200c\\u200cخ\\u200c"),
        # Emoji, and scripts that need joiners.
        (
            "👩\u200d👩\u200d👧 👩🏽\u200d💻 ❤\ufe0f\u200d🔥 🏳\ufe0f\u200d🌈",
            "👩\u200d👩\u200d👧 👩🏽\u200d💻 ❤\ufe0f\u200d🔥 🏳\ufe0f\u200d🌈",
        ),
        ("1\ufe0f\u20e3 ©\ufe0f می\u200cخواهم क्\u200dष", "1\ufe0f\u20e3 ©\ufe0f می\u200cخواهم क्\u200dष"),
        (2 * ("🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",)),
    ],
)
def test_foreign_text_cannot_change_the_terminal(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_a_newline_begins_no_line_of_its_own() -> None:
    assert one_line("a\nforged\r\n\x1b[2K") == r"a\nforged\r\n\x1b[2K"

"""The live display, as a terminal shows it: a screen emulator replays what is written."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from rich.console import Console
from rich.live import Live

from integration_tests.screen import Screen
from source_iterable.process import live
from source_iterable.process.live import View, duration, frame, is_live, short, tell
from source_iterable.process.progress import STREAM, Progress

SIZES = [(24, 80), (40, 100), (10, 80), (4, 40)]
WINDOW = "2025-06-15T12:34:56+00:00 to 2025-06-18T12:34:56+00:00"
NAMES = [f"stream_{number:02}" for number in range(70)]


class Terminal:
    """A terminal with a display that is refreshed on demand."""

    def __init__(self, progress: Progress, height: int, width: int) -> None:
        self.written = io.StringIO()
        self._screen = Screen(height, width)
        self.console = Console(file=self.written, force_terminal=True, width=width, height=height, _environ={})
        self._live = Live(
            get_renderable=lambda: View(progress), console=self.console, transient=True, auto_refresh=False
        )

    def __enter__(self) -> Terminal:
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.stop()

    def show(self) -> list[str]:
        """The next frame, as it is seen: the lines of the window and those above it."""
        self._live.refresh()
        return self.seen()

    def seen(self) -> list[str]:
        written = self.written.getvalue()
        self.written.seek(0)
        self.written.truncate()
        return self._screen.show(written.encode())


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [500.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


@contextmanager
def waits_for(progress: Progress, what: str, *names: str, limit: bool = True) -> Iterator[None]:
    with ExitStack() as waits:
        for name in names:
            STREAM.set(name)
            waits.enter_context(progress.waiting(what, (lambda: 900.0) if limit else None))
        STREAM.set(None)
        yield


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_a_load_of_seventy_streams_leaves_nothing_behind(height: int, width: int, clock: list[float]) -> None:
    progress = Progress()
    progress.begin(NAMES)
    with Terminal(progress, height, width) as terminal:
        for number, name in enumerate(NAMES):
            for each in NAMES[number:]:
                progress.advance(each, records=1, size=1000, window=WINDOW, share=0.5)
            clock[0] += 7
            with waits_for(progress, "the export rate limit", *NAMES[number + 1 : -5]):
                clock[0] += 100
                shown = terminal.show()
            assert shown[: number > 30] == ["a warning"][: number > 30]
            assert len(shown) - (number > 30) < height, "no line of a frame is above the window"
            assert all(len(line) <= width for line in shown)
            assert shown[-1].startswith(f"{number} of 70 streams done: "[:width])
            progress.advance(name, share=1.0)
            progress.end(name)
            if number == 30:
                terminal.console.print("a warning")
        progress.notice = "Stopping."
        assert terminal.show()[-1] == "Stopping."
    assert terminal.seen() == ["a warning"]


def test_what_runs_what_waits_and_what_is_done(clock: list[float]) -> None:
    progress = Progress()
    progress.begin(["email_open", "email_send", "events", "lists", "purchase", "sms_send", "users"])
    progress.advance("lists", records=1200, size=2_500_000, share=1.0)
    progress.end("lists")
    progress.advance("purchase", share=0.5)
    progress.end("purchase")
    progress.committed["lists"] = 1200
    progress.advance("email_send", records=871_000, size=612_300_000, window=WINDOW, share=0.45)
    progress.advance("sms_send", share=0.25, window=WINDOW)
    with (
        waits_for(progress, "the export rate limit", "email_open", "sms_send"),
        waits_for(progress, "a response to GET export/userEvents", "events", limit=False),
    ):
        clock[0] += 75
        with waits_for(progress, "a response to GET export/data.json", "users", limit=False):
            assert frame(progress, 24) == [
                "stream      records     MB  done  now",
                "email_send  871,000  612.3   45%  2025-06-15 to 2025-06-18",
                "events            0    0.0        1 min: a response to GET export/userEvents",
                "users             0    0.0        a response to GET export/data.json",
                "2 streams wait 1 min for the export rate limit: email_open, sms_send",
                "2 of 7 streams done: 1,200 records, 2.5 MB, 1 failed; 1,200 rows committed",
            ]
            assert frame(progress, 6) == [
                "stream      records     MB  done  now",
                "email_send  871,000  612.3   45%  2025-06-15 to 2025-06-18",
                "and 2 more",
                "2 streams wait 1 min for the export rate limit: email_open, sms_send",
                "2 of 7 streams done: 1,200 records, 2.5 MB, 1 failed; 1,200 rows committed",
            ]


def test_a_stream_that_keeps_to_a_limit_stays_where_it_is(clock: list[float]) -> None:
    progress = Progress()
    progress.begin(["catalog_items", "email_open"])
    progress.advance("catalog_items", records=10)
    for seconds in (0.0, 0.9):
        clock[0] += seconds
        with (
            waits_for(progress, "the rate limit of GET catalogs/a/items", "catalog_items"),
            waits_for(progress, "the export rate limit", "email_open"),
        ):
            assert frame(progress, 24)[1:] == [
                "catalog_items       10  0.0        the rate limit of GET catalogs/a/items",
                "1 stream waits 0 s for the export rate limit: email_open",
                "0 of 2 streams done: 0 records, 0.0 MB",
            ]


def test_before_the_first_stream_it_says_what_is_waited_for(clock: list[float]) -> None:
    progress = Progress()
    with progress.waiting("a response to GET lists"):
        assert frame(progress, 24) == []
        clock[0] += 30
        assert frame(progress, 24) == ["Waiting 30 s for a response to GET lists"]


def test_names_cannot_change_the_display(clock: list[float]) -> None:
    progress = Progress()
    progress.advance("lists [/b]", window="\x1b[2K[red]")
    with Terminal(progress, 24, 120) as terminal, progress.waiting("a retry of [/b]\n\x1b[2K\rforged\u202e"):
        clock[0] += 5
        shown = "\n".join(terminal.show())
    assert "lists [/b]" in shown
    assert r"\x1b[2K[red]" in shown
    assert r"Waiting 5 s for a retry of [/b]\n\x1b[2K\rforged\u202e" in shown


@pytest.mark.parametrize(
    ("window", "shown"),
    [
        (WINDOW, "2025-06-15 to 2025-06-18"),
        ("2025-06-15T12:34:56+00:00 to 2025-06-15T13:00:00+00:00", "2025-06-15 12:34 to 13:00"),
        ("", ""),
    ],
)
def test_a_window_is_short(window: str, shown: str) -> None:
    assert short(window) == shown


def test_durations() -> None:
    assert [duration(seconds) for seconds in (0.9, 59, 60, 3599, 3600, 7261)] == [
        *("0 s", "59 s", "1 min", "59 min", "1 h 0 min", "2 h 1 min"),
    ]


def test_a_terminal_without_a_cursor_that_moves_has_no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal, other = os.openpty()
    with open(other, "w") as file, open(os.devnull, "w") as no_terminal:
        monkeypatch.setattr("sys.__stderr__", file)
        monkeypatch.setattr("sys.__stdout__", no_terminal)
        monkeypatch.setenv("TERM", "xterm")
        assert is_live()
        monkeypatch.setenv("TERM", "dumb")
        assert not is_live()
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setattr("sys.__stdout__", file)
        assert not is_live(), "records are on it"
        assert is_live(alone=True)
        monkeypatch.setattr("sys.__stderr__", no_terminal)
        assert not is_live(alone=True)
    os.close(terminal)


def test_a_handler_of_a_signal_writes_where_no_display_is(capfd: pytest.CaptureFixture[str]) -> None:
    tell("Stopping.")
    assert capfd.readouterr().err == "Stopping.\n"
    progress = Progress()
    live._shown.append(progress)
    tell("Stopping.")
    live._shown.remove(progress)
    assert (capfd.readouterr().err, progress.notice) == ("", "Stopping.")

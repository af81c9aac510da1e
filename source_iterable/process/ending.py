"""How a command ends: with its output written, through its clean-up if a signal stops it, without waiting for threads."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import NoReturn

from source_iterable.process.live import tell

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopSignals:
    """Ctrl-C and SIGTERM from now on: the first raises SystemExit in the main thread.

    That leaves through `finally` blocks, which cancel export jobs. It takes seconds, and further signals are ignored.
    The user is told `notice` at once.
    """

    def __init__(self, notice: str = "") -> None:
        # The signal that has come, also where something turned the SystemExit into an error of its own.
        self.number: int | None = None
        self._notice = notice
        signal.signal(signal.SIGTERM, self._stop)
        # A shell lets its background jobs ignore Ctrl-C, which is for the one in front.
        if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
            signal.signal(signal.SIGINT, self._stop)

    def ignore(self) -> None:
        """Ignore both: nothing is left to interrupt."""
        for each in _STOP_SIGNALS:
            signal.signal(each, signal.SIG_IGN)

    def _stop(self, number: int, frame: FrameType | None) -> NoReturn:
        self.ignore()
        self.number = number
        if self._notice:
            tell(self._notice)
        raise SystemExit(128 + number)


def end(code: int) -> NoReturn:
    """End the process without waiting for its threads, which may wait an hour for a response that is no longer needed.

    Nor for the interpreter to shut down: PyAirbyte sends SIGTERM once it has read the last line, and during shutdown nothing
    catches what a handler raises. 128 plus a signal's number ends it by that signal, so that shells and platforms know.
    """
    number = code - 128
    if number in _STOP_SIGNALS and os.getpid() != 1:  # process 1 cannot be ended by a signal of its own
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)
    os._exit(code)


def print_and_end(text: str) -> NoReturn:
    """Print all that a command has to say, and end the process: with 1 if it cannot be written, with 141 if nobody reads."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        end(128 + signal.SIGPIPE)
    except OSError as error:
        print(f"The output cannot be written: {error.strerror}.", file=sys.stderr, flush=True)
        end(1)
    end(0)

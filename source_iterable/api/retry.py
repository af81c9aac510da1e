"""The retry policy: what is retried, how often, and after which errors. No other module decides it.

Errors fall into two groups. Some are the response's fault, and the same request may succeed: no connection, a body that
breaks off, 5xx. Others are the fault of what was requested, and only a smaller request helps: a window that times out,
breaks off or is too large is halved, not retried.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from source_iterable.errors import (
    BrokenResponse,
    IterableError,
    JobFailed,
    ServerError,
    TimedOut,
    Unreachable,
    WindowFailed,
)

T = TypeVar("T")
# The longest pause between two attempts, in seconds.
LONGEST_PAUSE = 60.0


@dataclass(frozen=True)
class RetryPolicy:
    """At most `attempts`, further ones only after these errors."""

    attempts: int
    after: tuple[type[IterableError], ...] = ()


NO_RESPONSE = (Unreachable, ServerError)
NO_WHOLE_RESPONSE = (*NO_RESPONSE, TimedOut, BrokenResponse)

# A response that is read in one go. Then: the stream ends.
RESPONSE = RetryPolicy(5, NO_WHOLE_RESPONSE)
# Requests that must not be repeated: a job that is started twice runs twice.
ONCE = RetryPolicy(1)
# A window as one streamed response. Then, and at once where the body failed: the window's halves.
STREAMED_WINDOW = RetryPolicy(3, NO_RESPONSE)
# A file of a completed export job, each time with a fresh link. Then: the stream ends.
FILE = RetryPolicy(5, NO_WHOLE_RESPONSE)
# One list's users, or one user's events. Then: skipped with a warning, or the stream ends (reading/slices.py).
SLICE = RetryPolicy(3, NO_WHOLE_RESPONSE)
# A window whose export job failed. Then: its halves.
WINDOW = RetryPolicy(2, (JobFailed,))
# A window of one second, which has no halves. Then: the stream ends.
SHORTEST_WINDOW = RetryPolicy(3, (WindowFailed,))
# Consecutive responses of 429 to one attempt of any of these, waited out for about twenty minutes. Then: the stream ends.
MAX_RATE_LIMITED = 25


def pause_before(attempt: int) -> float:
    """Seconds before the attempt after this one (from 1): random, up to 1, 2, 4 ... LONGEST_PAUSE."""
    return random.uniform(0.5, 1.0) * min(2.0 ** (attempt - 1), LONGEST_PAUSE)


def retry(policy: RetryPolicy, operation: Callable[[], T], pause: Callable[[int, IterableError], None]) -> T:
    """Run `operation` as often as `policy` allows, with `pause(attempt, error)` in between.

    Raises the error of the last attempt, which says how many there were.
    """
    attempt = 1
    while True:
        try:
            return operation()
        except policy.after as error:
            if attempt == policy.attempts:
                error.attempts = attempt
                raise
            pause(attempt, error)
        attempt += 1

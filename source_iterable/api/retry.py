"""The retry policies: what is retried, how often, and after which errors. No other module decides this.

Errors fall into two groups. Some are the response's fault, and a retry may succeed: no connection, a body that breaks off,
5xx. Others are the request's fault, and only a smaller one helps: a window that times out, breaks off or is too large is
halved, not retried.
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
    """At most `attempts`, retrying only after these errors."""

    attempts: int
    after: tuple[type[IterableError], ...] = ()


NO_RESPONSE = (Unreachable, ServerError)
NO_WHOLE_RESPONSE = (*NO_RESPONSE, TimedOut, BrokenResponse)

# A response read in one go. Once exhausted: the stream fails.
RESPONSE = RetryPolicy(5, NO_WHOLE_RESPONSE)
# Requests that may have worked although they failed: a job started twice runs twice.
ONCE = RetryPolicy(1)
# A window as one streamed response. Once exhausted, or at once if the body fails: the window is halved.
STREAMED_WINDOW = RetryPolicy(3, NO_RESPONSE)
# A file of a completed export job, with a fresh link for every retry. Once exhausted: the stream fails.
FILE = RetryPolicy(5, NO_WHOLE_RESPONSE)
# The list of a completed job's files, where its pages contradict each other. Once exhausted: the job counts as failed.
LISTING = RetryPolicy(2, (JobFailed,))
# One list's users, or one user's events. Once exhausted: skipped with a warning, or the stream fails (reading/slices.py).
SLICE = RetryPolicy(3, NO_WHOLE_RESPONSE)
# A window whose export job failed. Once exhausted: the window is halved.
WINDOW = RetryPolicy(2, (JobFailed,))
# A window of one second, which cannot be halved. Once exhausted: the stream fails.
SHORTEST_WINDOW = RetryPolicy(3, (WindowFailed,))
# Consecutive 429s waited out in one attempt of any of these: about twenty minutes. Once exhausted: the stream fails.
MAX_RATE_LIMITED = 25


def pause_after(attempt: int) -> float:
    """Seconds to wait after this attempt (from 1): random, up to 1, 2, 4 ... LONGEST_PAUSE."""
    return random.uniform(0.5, 1.0) * min(2.0 ** (attempt - 1), LONGEST_PAUSE)


def retry(policy: RetryPolicy, operation: Callable[[], T], pause: Callable[[int, IterableError], None]) -> T:
    """Run `operation`, retried according to `policy`, with `pause(attempt, error)` in between.

    Raises the last attempt's error, which says how many there were.
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

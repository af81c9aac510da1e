"""The retry policies: what is retried, how often, and after which errors. No other module decides this.

Errors fall into two groups. Some are the response's fault, and a retry may succeed: no connection, a body that breaks off,
5xx. Others are the request's fault, and only a smaller one helps: a window that times out, breaks off or is too large is
read in parts, not retried. A response without a proof of its end is neither: it is retried, then its stream fails.
"""

from __future__ import annotations

import math
import random
from typing import NamedTuple

from source_iterable.api.clock import http_date
from source_iterable.errors import (
    BrokenResponse,
    EndUnknown,
    IterableError,
    JobFailed,
    ServerError,
    TimedOut,
    Unreachable,
    WindowFailed,
)


class RetryPolicy(NamedTuple):
    """At most `attempts`, retrying only after these errors."""

    attempts: int
    after: tuple[type[IterableError], ...] = ()

    def ends(self, attempt: int, error: IterableError) -> bool:
        """Whether this attempt (from 1), which ended with one of these errors, is the last."""
        return attempt >= (MOST_OF_END_UNKNOWN if isinstance(error, EndUnknown) else self.attempts)


NO_RESPONSE = (Unreachable, ServerError)
NO_WHOLE_RESPONSE = (*NO_RESPONSE, TimedOut, BrokenResponse, EndUnknown)

# A response read in one go, or a file of a completed export job with a fresh link for every retry. Once exhausted: the
# stream fails.
RESPONSE = RetryPolicy(5, NO_WHOLE_RESPONSE)
# Requests that may have worked although they failed: a job started twice runs twice.
ONCE = RetryPolicy(1)
# A window as one streamed response. Once exhausted, or at once if the body breaks off: the window is read in parts.
STREAMED_WINDOW = RetryPolicy(3, (*NO_RESPONSE, EndUnknown))
# The list of a completed job's files, if its pages contradict each other. Once exhausted: the job counts as failed.
LISTING = RetryPolicy(2, (JobFailed,))
# One list's users, or one user's events. Once exhausted: skipped with a warning, or the stream fails (reading/slices.py).
SLICE = RetryPolicy(3, NO_WHOLE_RESPONSE)
# A window whose export job failed. Once exhausted: the window is read in parts.
WINDOW = RetryPolicy(2, (JobFailed,))
# A window of one second, which has no parts. Once exhausted: the stream fails.
SHORTEST_WINDOW = RetryPolicy(3, (WindowFailed,))
# For each policy: attempts at a response without a proof of its end. Something on the way probably strips it from all.
MOST_OF_END_UNKNOWN = 3
# For each policy: seconds to wait out 429s in a row, in one attempt. Once exhausted: the stream fails.
RATE_LIMITED = 20 * 60.0
# From this many 429s in a row on, a Retry-After shorter than the usual pause is not enough.
NOT_ENOUGH = 3
# The longest pause between two attempts, in seconds.
LONGEST_PAUSE = 60.0
# A Retry-After of so many seconds or more is ignored.
_YEAR = 366 * 24 * 3600.0


def pause_after(attempt: int) -> float:
    """Seconds to wait after this attempt (from 1): random, up to 1, 2, 4 ... LONGEST_PAUSE."""
    return random.uniform(0.5, 1.0) * min(2.0 ** (attempt - 1), LONGEST_PAUSE)


def pause_after_429(times: int, retry_after: float) -> float:
    """Seconds to wait after so many 429s in a row: `retry_after` if the last one has it, or else a growing pause."""
    if retry_after > 0 and times < NOT_ENOUGH:
        return retry_after
    return max(retry_after, pause_after(times))


def retry_after_in(header: str, now: float) -> float:
    """The seconds of a Retry-After header, or to its date (RFC 9110) from `now`. 0 if it makes no sense."""
    try:
        seconds = float(header)
    except ValueError:
        seconds = (http_date(header) or math.inf) - now
    return seconds if seconds < _YEAR else 0.0

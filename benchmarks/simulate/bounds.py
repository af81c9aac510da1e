"""How long a sync takes at least: what an all-knowing scheduler needs under Iterable's limits, on a grid of one second.

It knows the size of all data and when each job completes, and wastes no request. It reads windows of one size through both
transports: four streamed in any minute, four jobs at once, one start or page of files a second. What has arrived is parsed
in order on one core.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from functools import partial
from itertools import count
from typing import NamedTuple

from benchmarks.simulate.iterable import FILE_BYTES, FILES_A_PAGE, JOBS_AT_ONCE

STREAMS_A_MINUTE = 4
# From so many windows on, each takes as long as those before.
_MANY = 1_000
LISTS_A_MINUTE = 5
USERS_A_SECOND = 10
# Seconds that a sync of campaigns_metrics_daily spends on old days, if there are enough: they are read hour by hour.
METRICS = 1_800.0


class Windows(NamedTuple):
    """What is read: windows of `size` bytes each, the seconds that a job and a streamed response need for one."""

    number: int
    size: int
    job_seconds: float
    stream_seconds: float = 0.0

    @property
    def requests(self) -> int:
        """Those of a job: its start, the pages of its files, and the empty one that proves that these are all."""
        return 2 + math.ceil(self.size / FILE_BYTES / FILES_A_PAGE)


def exports(windows: Windows, parsing_rate: float) -> float:
    """Seconds until all windows are read and parsed."""
    if windows.number <= _MANY:
        return _exactly(windows, parsing_rate)
    half, whole = (_exactly(windows._replace(number=number), parsing_rate) for number in (_MANY // 2, _MANY))
    return whole + (whole - half) / (_MANY - _MANY // 2) * (windows.number - _MANY)


def _exactly(windows: Windows, parsing_rate: float) -> float:
    def is_enough(seconds: int) -> bool:
        return len(_streamed(windows, seconds)) + len(_by_jobs(windows, seconds)) >= windows.number

    longest = next(seconds for seconds in map(partial(pow, 2), count()) if is_enough(seconds))
    end = bisect_left(range(longest), True, key=is_enough)
    arrivals = [*_streamed(windows, end), *_by_jobs(windows, end)]
    core = 0.0
    for arrival in sorted(arrivals)[: windows.number]:
        core = max(core, arrival) + windows.size / parsing_rate
    return core


def list_users(lists: int) -> float:
    """Seconds for one request for each list: five at once, then one by one."""
    return max(lists - LISTS_A_MINUTE, 0) * 60 / LISTS_A_MINUTE


def events(users: int, lists: int) -> float:
    """Seconds for one request for each user, while the lists are read."""
    return max(users / USERS_A_SECOND, list_users(lists))


def _streamed(windows: Windows, end: int) -> list[float]:
    """When streamed windows have arrived by `end`: four at the start of each minute."""
    arrivals = [
        minute * 60 + windows.stream_seconds
        for minute in range(math.floor(max(end - windows.stream_seconds, -60.0) / 60) + 1)
    ]
    return arrivals * STREAMS_A_MINUTE


def _by_jobs(windows: Windows, end: int) -> list[float]:
    """When the windows of jobs have arrived by `end`.

    In each second there is one request: the start of a job if it can still be read, or else a page of one that completed.
    """
    arrivals: list[float] = []
    # When each running job completes; the pages to be read of each that has completed.
    running: list[float] = []
    pages: list[int] = []
    pages_of_a_job = windows.requests - 1
    second = 0
    while second <= end:
        for completes in [each for each in running if each <= second]:
            running.remove(completes)
            pages.append(pages_of_a_job)
        left = end - second
        owed = sum(pages) + pages_of_a_job * len(running)
        if (
            len(running) < JOBS_AT_ONCE
            and windows.job_seconds + pages_of_a_job <= left
            and owed + pages_of_a_job <= left
        ):
            running.append(second + windows.job_seconds)
        elif pages:
            pages[0] -= 1
            if not pages[0]:
                pages.pop(0)
                arrivals.append(float(second))
        elif running:
            # Nothing happens until one completes.
            second = max(second, math.ceil(min(running)) - 1)
        second += 1
    return arrivals

"""The syncs that are simulated: each a project, the streams that are read, and how long it takes at least."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from benchmarks.simulate import bounds
from benchmarks.simulate.campaigns import DAILY
from benchmarks.simulate.iterable import Project
from benchmarks.simulate.sync import PARSING_RATE
from source_iterable.exports.windows import DAY
from source_iterable.streams.table import EXPORTS

YEAR = 365 * DAY
HOUR = 3_600
# Bytes of the windows that bounds are for.
WINDOW, LARGE_WINDOW = 128 * 2**20, 256 * 2**20
# Bytes a second that a job takes besides its own seconds, in the cases that have `by_size`.
JOB_RATE = 5e6
# As on the sandbox on the same machine, where idle syncs were also measured in real time.
_NEAR = Project(latency=0.02, search=1.0)
_EXPORTS = tuple(stream.name for stream in EXPORTS)
_LISTS = ("lists", "channels", "message_types", "snippets")
# Of 300 million events, percent by type.
_SHARES = {
    "emailSend": 35,
    "emailOpen": 25,
    "pushSend": 12,
    "customEvent": 10,
    "inAppSend": 4,
    "inAppDelivery": 3,
    "emailClick": 3,
    "inAppOpen": 2,
    "pushOpen": 1,
    "purchase": 1,
    "emailSendSkip": 1,
    "emailBounce": 0.5,
    "emailUnSubscribe": 0.3,
    "emailSubscribe": 0.4,
    "smsSend": 0.8,
    "smsUsageInfo": 0.2,
    "smsClick": 0.1,
    "webPushSend": 0.4,
    "inboxSession": 0.2,
    "emailComplaint": 0.1,
}
_EVENT_BYTES = 800
_OF_EVENTS = 300_000_000 * _EVENT_BYTES / sum(_SHARES.values())
_FIRST_SYNC = {name: int(share * _OF_EVENTS) for name, share in _SHARES.items()} | {"user": 4_000_000_000}
_DAILY = {"user": 120_000_000, "emailSend": 950_000_000, "emailOpen": 500_000_000, "emailClick": 60_000_000}


@dataclass(frozen=True)
class Case:
    """A sync.

    Args:
        group: what it is an instance of; with `project.job_seconds`, `by_size` and `note` it is unique.
        since: the age of the streams' states in seconds; None for none.
        window: bytes of the windows that the bound is for.
        is_small: whether it is part of `--check`.
        by_method: whether the option export_method matters.
        is_second: whether a sync like this one came before.
        syncs: how many, hour by hour, of which the longest counts (campaigns.py); 0 for one.
    """

    group: str
    project: Project
    streams: Sequence[str]
    since: int | None = None
    window: int = WINDOW
    is_small: bool = True
    by_method: bool = True
    is_second: bool = False
    syncs: int = 0
    note: str = ""

    @property
    def by_size(self) -> bool:
        """Whether large jobs take longer."""
        return self.project.job_bytes_a_second < math.inf

    @property
    def name(self) -> str:
        """What tells it from all others."""
        job = f", D = {self.project.job_seconds:g}" + (" + 1 s for each 5 MB" if self.by_size else "")
        return f"{self.group}{self.note}{job if self.by_method else ''}"

    @cached_property
    def bound(self) -> float:
        """Seconds that it takes at least, by bounds.py."""
        project = self.project
        if self.syncs:
            return bounds.METRICS
        if not self.by_method:
            users = project.lists * project.users_a_list if "events" in self.streams else 0
            return bounds.events(users, project.lists)
        sizes = [project.data.get(stream.data_type, 0) for stream in EXPORTS if stream.name in self.streams]
        number = sum(max(math.ceil(size / self.window), 1) for size in sizes)
        size = min(self.window, sum(sizes) // number)
        seconds = project.job_seconds + size / project.job_bytes_a_second
        return bounds.exports(bounds.Windows(number, size, seconds, size / project.stream_rate), PARSING_RATE)


def cases() -> Iterator[Case]:
    """All cases, small ones first."""
    for job_seconds in (2.0, 30.0, 120.0):
        yield Case("idle, 53 exports and lists", replace(_NEAR, job_seconds=job_seconds), _EXPORTS + _LISTS, HOUR)
    far = Project(job_seconds=2.0, latency=0.3)
    yield Case("idle, 53 exports and lists", far, _EXPORTS + _LISTS, HOUR, note=", 0.3 s of latency")
    shaky = replace(_NEAR, job_seconds=30.0, jitter=2.0)
    yield Case("idle, 53 exports and lists", shaky, _EXPORTS + _LISTS, HOUR, note=", 0 to 2 s of jitter each way")
    for job_seconds in (10.0, 30.0, 120.0):
        yield Case("idle, 12 exports", replace(_NEAR, job_seconds=job_seconds), _EXPORTS[:12], HOUR)
    names = ("users", "email_send", "email_open", "email_click")
    daily = Project(_DAILY, DAY, job_seconds=30.0)
    case = Case("users, email_send, _open, _click daily", daily, names, DAY, LARGE_WINDOW)
    yield from _also_by_size(replace(case, is_second=True))
    yield from _also_by_size(replace(case, note=", sizes unknown"))
    for job_seconds in (30.0, 120.0):
        project = Project({"emailSend": 3_800_000_000}, 180 * DAY, job_seconds=job_seconds)
        yield from _also_by_size(Case("one stream, 3.8 GB in 180 days", project, ("email_send",)))
    lists = Project(lists=100, users_a_list=50)
    yield Case("list_sizes and list_users, 100 lists", lists, ("list_sizes", "list_users"), by_method=False)
    users = Project(lists=40, users_a_list=125)
    yield Case("events, 40 lists and 5,000 users", users, ("events",), by_method=False)
    days = Project(campaigns=60_000, span=730 * DAY)
    group = "campaigns_metrics_daily, 60,000 campaigns on 730 days, the longest of 24 hourly syncs"
    yield Case(group, days, (DAILY,), is_small=False, by_method=False, syncs=24)
    for job_seconds in (2.0, 30.0, 120.0):
        project = Project(_FIRST_SYNC, 3 * YEAR, job_seconds=job_seconds)
        case = Case("first sync, 300 M events of 20 types and 2 M users, 3 years", project, _EXPORTS, is_small=False)
        yield from _also_by_size(case)
    for job_seconds in (2.0, 30.0, 120.0):
        project = Project({"emailSend": 1_000_000_000 * _EVENT_BYTES}, YEAR, job_seconds=job_seconds)
        yield from _also_by_size(Case("email_send, 1 billion in a year", project, ("email_send",), is_small=False))


def _also_by_size(case: Case) -> Iterator[Case]:
    yield case
    yield replace(case, project=replace(case.project, job_bytes_a_second=JOB_RATE))

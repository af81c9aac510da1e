"""Faults on demand: what goes wrong, where, and how often."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .log import RequestLogEntry

# What an answer can suffer (see responses.py), and what can happen to an export job (see jobs.py).
ANSWER_KINDS = (
    "status",  # this status and body instead of the answer
    "cut",  # the connection closes in the middle: a chunked body without its end, a short body with Content-Length
    "clean_cut",  # the body ends properly, in the middle of a line
    "slow",  # pieces of the body with a pause of `delay` seconds before each
    "hang",  # headers never come; the connection closes after `delay` seconds
    "stall",  # the body begins and then nothing more comes for `delay` seconds
    "drop",  # the connection closes without an answer
    "garbage",  # a line that is not JSON in the body; for whole JSON answers a page of HTML with status 200
    "redirect",  # 302 to `location`; by default to another host
    "next_elsewhere",  # nextPageUrl leads to another host
    "expired",  # for file downloads: the link has expired
)
JOB_KINDS = (
    "job_failed",  # for export/start: the job fails, after `after_files` files have appeared
    "job_cancelled",  # the same with state Cancelled
    "job_truncated",  # exportTruncated, with `after_files` files
    "job_requeue",  # running, then enqueued again, then running to its end
    "job_stuck",  # enqueued for ever
    "job_endless",  # running for ever
)


@dataclass
class Fault:
    """One fault: it strikes the first `times` matching requests after letting `after` of them pass."""

    endpoint: str | None  # the template; "files" is the file host; None = any
    kind: str
    times: int | None = 1  # None = always
    status: int = 500
    body: Any = None  # dict -> JSON, str or bytes as they are
    headers: dict[str, str] = field(default_factory=dict)
    after: int = 0
    when: Callable[[RequestLogEntry], bool] | None = None
    at_bytes: int | None = None  # where a body is cut; None = in the middle of its first piece
    delay: float | None = None  # seconds; None = 0.02 for "slow", for ever otherwise
    after_files: int = 0
    location: str | None = None  # of a redirect
    struck: int = 0  # how often it has struck so far

    def __post_init__(self) -> None:
        if self.kind not in ANSWER_KINDS + JOB_KINDS:
            raise ValueError(f"no fault of kind {self.kind!r}; there are {ANSWER_KINDS + JOB_KINDS}")
        if self.delay is None:
            self.delay = 0.02 if self.kind == "slow" else 3600.0
        if isinstance(self.body, str):
            self.body = self.body.encode()


class Faults(list[Fault]):
    """The faults that wait for their request."""

    def strike(self, entry: RequestLogEntry) -> Fault | None:
        """The fault that this request meets, if any; the first that matches wins."""
        for fault in list(self):
            if fault.endpoint not in (None, entry.endpoint) or (fault.when is not None and not fault.when(entry)):
                continue
            if fault.after > 0:
                fault.after -= 1
            elif fault.times is None or fault.struck < fault.times:
                fault.struck += 1
                return fault
        return None

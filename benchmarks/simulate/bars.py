"""What is wanted of each case, and what it takes today where that is more."""

from __future__ import annotations

from benchmarks.simulate.cases import Case
from benchmarks.simulate.sync import Run

# Wanted: at most so many times the bound.
RATIOS = {
    "idle, 53 exports and lists, D = 2": 1.1,
    "idle, 53 exports and lists, D = 30": 1.15,
    "idle, 53 exports and lists, D = 120": 1.1,
    "idle, 53 exports and lists, 0.3 s of latency, D = 2": 1.25,
    "idle, 12 exports, D = 10": 1.25,
    "idle, 12 exports, D = 30": 1.25,
    "idle, 12 exports, D = 120": 1.25,
    "users, email_send, _open, _click daily, D = 30": 1.4,
    "list_sizes and list_users, 100 lists": 1.1,
    "events, 40 lists and 5,000 users": 1.2,
}
# Wanted: at most so many seconds.
SECONDS = {
    "campaigns_metrics_daily, 60,000 campaigns on 730 days, the longest of 24 hourly syncs": 2_400.0,
    "one stream, 3.8 GB in 180 days, D = 30": 270.0,
    "one stream, 3.8 GB in 180 days, D = 120": 660.0,
    "first sync, 300 M events of 20 types and 2 M users, 3 years, D = 2": 5_300.0,
    "first sync, 300 M events of 20 types and 2 M users, 3 years, D = 30": 7_200.0,
    "first sync, 300 M events of 20 types and 2 M users, 3 years, D = 120": 15_300.0,
}
# Wanted of all with jobs that take longer the larger they are: at most so many times the faster of the two options.
OF_OPTIONS = 1.05
# Bytes of temporary files.
DISK = 10**9
# Seconds that a case takes today, where that is more than is wanted, or nothing is: it may not take longer. A line goes when
# its case takes as long as wanted.
NOW: dict[str, float] = {
    "idle, 53 exports and lists, D = 2": 124.7,
    "idle, 53 exports and lists, D = 30": 344.6,
    "idle, 53 exports and lists, D = 120": 652.1,
    "idle, 53 exports and lists, 0.3 s of latency, D = 2": 159.4,
    "idle, 53 exports and lists, 0 to 2 s of jitter each way, D = 30": 390.7,
    "idle, 12 exports, D = 10": 40.3,
    "idle, 12 exports, D = 30": 104.6,
    "users, email_send, _open, _click daily, D = 30": 128.3,
    "users, email_send, _open, _click daily, D = 30 + 1 s for each 5 MB": 290.7,
    "one stream, 3.8 GB in 180 days, D = 30": 345.0,
    "one stream, 3.8 GB in 180 days, D = 30 + 1 s for each 5 MB": 718.3,
    "one stream, 3.8 GB in 180 days, D = 120": 1_019.9,
    "one stream, 3.8 GB in 180 days, D = 120 + 1 s for each 5 MB": 1_342.1,
    "list_sizes and list_users, 100 lists": 2_346.2,
    "events, 40 lists and 5,000 users": 996.2,
    "first sync, 300 M events of 20 types and 2 M users, 3 years, D = 2": 10_654.3,
    "first sync, 300 M events of 20 types and 2 M users, 3 years, D = 30": 17_850.0,
    "first sync, 300 M events of 20 types and 2 M users, 3 years, D = 30 + 1 s for each 5 MB": 36_499.8,
    "first sync, 300 M events of 20 types and 2 M users, 3 years, D = 120": 66_270.3,
    "first sync, 300 M events of 20 types and 2 M users, 3 years, D = 120 + 1 s for each 5 MB": 79_948.7,
    "email_send, 1 billion in a year, D = 2": 32_922.2,
    "email_send, 1 billion in a year, D = 30": 60_659.5,
    "email_send, 1 billion in a year, D = 30 + 1 s for each 5 MB": 120_106.7,
    "email_send, 1 billion in a year, D = 120": 182_146.5,
    "email_send, 1 billion in a year, D = 120 + 1 s for each 5 MB": 236_333.2,
}
# Of floating-point numbers.
_ROUNDING = 1e-6


def wanted(case: Case, runs: dict[str, Run]) -> float | None:
    """Seconds that a case is wanted to take at most, given its runs by method; None if nothing is."""
    if case.name in SECONDS:
        return SECONDS[case.name]
    if case.name in RATIOS:
        return RATIOS[case.name] * case.bound
    options = [runs[method].seconds for method in ("streaming", "jobs") if method in runs]
    return OF_OPTIONS * min(options) if case.by_size and options else None


def faults(case: Case, runs: dict[str, Run]) -> list[str]:
    """What is wrong with a case, in sentences."""
    run, most = runs["auto"], wanted(case, runs)
    found = []
    limit = max(most or 0.0, NOW.get(case.name, 0.0)) or None
    if limit and run.seconds > limit * (1 + _ROUNDING):
        found.append(f"{case.name} takes {run.seconds:,.1f} s; it may take {limit:,.1f}.")
    if most and case.name in NOW and run.seconds <= most:
        found.append(f"{case.name} takes {run.seconds:,.1f} s, as wanted: remove its line from NOW in bars.py.")
    if refused := run.refused.total():
        found.append(f"In {case.name} Iterable would have answered 429 {refused} times.")
    if run.peak_disk > DISK:
        found.append(
            f"{case.name} takes {run.peak_disk / 1e6:,.0f} MB of temporary files; it may take {DISK / 1e6:,.0f}."
        )
    return found

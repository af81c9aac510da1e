"""What is wanted of each case."""

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
    # What they took when they were last changed, and a little more.
    "idle, 53 exports and lists, 0 to 2 s of jitter each way, D = 30": 325.0,
    "users, email_send, _open, _click daily, sizes unknown, D = 30": 95.0,
    "email_send, 1 billion in a year, D = 2": 19_000.0,
    "email_send, 1 billion in a year, D = 30": 19_500.0,
    "email_send, 1 billion in a year, D = 120": 28_500.0,
}
# Wanted of all with jobs that take longer the larger they are: at most so many times the faster of the two options.
OF_OPTIONS = 1.05
# Bytes of temporary files.
DISK = 10**9
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
    if most and run.seconds > most * (1 + _ROUNDING):
        found.append(f"{case.name} takes {run.seconds:,.1f} s; it may take {most:,.1f}.")
    if refused := run.refused.total():
        found.append(f"In {case.name} Iterable would have answered 429 {refused} times.")
    if run.peak_disk > DISK:
        found.append(
            f"{case.name} takes {run.peak_disk / 1e6:,.0f} MB of temporary files; it may take {DISK / 1e6:,.0f}."
        )
    return found

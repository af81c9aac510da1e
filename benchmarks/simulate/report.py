"""The results as Markdown tables."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.simulate.bars import wanted
from benchmarks.simulate.cases import Case
from benchmarks.simulate.permits import Hour
from benchmarks.simulate.sync import Run

# The tables go between these lines of README.md.
START, END = "<!-- made by make simulate -->", "<!-- end of what make simulate made -->"
_HEADS = ["case", "bound, s", "auto, s", "times the bound", "wanted, s", "streaming, s", "jobs, s", "native, s"]
_HEADS += ["published, s", "at its own speed, s", "429s (leaky, sliding)", "disk, MB"]
_OTHERS = ("streaming", "jobs", "native", "published", "published, slow")

Results = Sequence[tuple[Case, dict[str, Run]]]


def tables(results: Results, hours: Sequence[Hour]) -> str:
    """All results."""
    parts = ["Virtual seconds; D is the seconds that an export job takes:", _cases(results)]
    if hours:
        parts += [
            "How much of a limit is used in one virtual hour, and 429s (leaky, sliding), by response time:",
            _hours(hours),
        ]
    return "\n\n".join(parts) + "\n"


def with_tables(page: str, text: str) -> str:
    """The page with its tables replaced."""
    before, _, rest = page.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n\n{text}\n{END}{after}"


def _cases(results: Results) -> str:
    lines = []
    for case, runs in results:
        auto, most = runs["auto"], wanted(case, runs)
        methods = [_seconds(runs[name].seconds if name in runs else None) for name in _OTHERS]
        line = [case.name, _seconds(case.bound), _seconds(auto.seconds), f"{auto.seconds / case.bound:.2f}"]
        line += [_seconds(most), *methods]
        line += [f"{auto.refused['leaky']}, {auto.refused['sliding']}", f"{auto.peak_disk / 1e6:,.0f}"]
        lines.append(line)
    return _table(_HEADS, lines)


def _hours(hours: Sequence[Hour]) -> str:
    limits = {hour.limit: f"{hour.limit.name}: {hour.limit.most} in {hour.limit.seconds:g} s" for hour in hours}
    lines: dict[str, list[str]] = {}
    for hour in hours:
        line = lines.setdefault(hour.regime.name, [hour.regime.name])
        line.append(f"{hour.share:.0%}; {hour.leaky}, {hour.sliding}")
    return _table(["response time", *limits.values()], list(lines.values()))


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"


def _table(heads: list[str], lines: list[list[str]]) -> str:
    rows = [heads, ["---"] * len(heads), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)

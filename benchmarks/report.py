"""Report: the results as Markdown tables."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from benchmarks.rows import Row

# The tables go between these lines of README.md.
START, END = "<!-- made by make bench -->", "<!-- end -->"
_CELL_HEADS = ["records a second", "lowest to highest", "without start-up", "CPU s a million records", "peak memory"]


@dataclass
class Results:
    """All measurements; seconds unless a name says otherwise."""

    machine: str
    rounds: int
    comparison: list[Row]
    kinds: dict[str, list[Row]]
    methods: list[Row]
    first_record: dict[str, float | None]
    record_path: dict[str, list[float]]
    commands: dict[str, dict[str, float]]
    memory: list[Row]
    loads: list[Row]


def machine() -> str:
    """This machine, its Python, the date and the load, in one line."""
    now = datetime.now(timezone.utc).strftime("%Y-%m-%d")
    load = f", load before the run {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    system = f"{platform.system()} {platform.machine()}"
    return f"{_processor()}, {os.cpu_count()} cores, {system}, Python {platform.python_version()}, {now}{load}"


def with_tables(page: str, text: str, start: str = START, end: str = END) -> str:
    """The page with its tables replaced: what is between these lines."""
    before, _, rest = page.partition(start)
    _, _, after = rest.partition(end)
    return f"{before}{start}\n\n{text}\n{end}{after}"


def tables(results: Results) -> str:
    """All results as Markdown."""
    parts = [
        f"{results.machine}; {results.rounds} rounds.",
        _comparison(results.comparison),
        "Records with fields of their own, records a second:\n\n" + _kinds(results.kinds),
        "By export method:\n\n" + _rates(results.methods),
        "Into a warehouse:\n\n" + _rates(results.loads),
        "Memory:\n\n" + _rates(results.memory),
        "First record, after the last byte of the first complete part has left the server:\n\n"
        + table(
            ["export method", "seconds"],
            [[name, "failed" if each is None else f"{each:.3f}"] for name, each in results.first_record.items()],
        ),
        "The record path alone:\n\n" + _record_path(results.record_path),
        "Start-up, wall seconds:\n\n" + _commands(results),
    ]
    return "\n\n".join(parts) + "\n"


def _comparison(rows: list[Row]) -> str:
    _, ours, *_ = rows
    heads = ["program", *_CELL_HEADS, "source-iterable is", "records read", "all of them, once"]
    lines = []
    for row in rows:
        if not _ran(row):
            lines.append([row.name, f"did not run: {_one_line(row.problem)}", *[""] * 7])
            continue
        ratio = "" if row is ours or not ours.runs else _ratio(ours, row)
        lines.append([row.name, *_cells(row), ratio, f"{row.data.records:,}", "yes" if row.complete else "**no**"])
    return table(heads, lines)


def _kinds(kinds: dict[str, list[Row]]) -> str:
    rows = list(kinds.values())[0]
    heads = [
        "records",
        *(row.name for row in rows),
        *(f"{row.name.split()[0]}: times" for row in rows if row is not rows[1]),
    ]
    lines = []
    for title, (floor, ours, *peers) in kinds.items():
        others = [floor, *peers]
        rates = [
            f"{row.rate:,.0f}{'' if row.complete else ' (**not all**)'}" if _ran(row) else ""
            for row in (floor, ours, *peers)
        ]
        ratios = [
            _times(ours.rate / row.rate) if _ran(row) and _ran(ours) else _one_line(row.problem) for row in others
        ]
        lines.append([title, *rates, *ratios])
    return table(heads, lines)


def _ran(row: Row) -> bool:
    return bool(row.runs) and not row.problem


def _ratio(ours: Row, other: Row) -> str:
    whole, after_start = ours.rate / other.rate, ours.rate_after_start / other.rate_after_start
    return f"{_times(whole)} times as fast ({_times(after_start)} without start-up)"


def _times(ratio: float) -> str:
    return f"{ratio:.1f}" if ratio >= 1 else f"{ratio:.2f}"


def _rates(rows: list[Row]) -> str:
    lines = []
    for row in rows:
        if not _ran(row):
            lines.append([row.name, f"{row.data.records:,}", f"did not run: {_one_line(row.problem)}", *[""] * 5])
        else:
            lines.append([row.name, f"{row.data.records:,}", *_cells(row), "yes" if row.complete else "**no**"])
    return table(["program", "records", *_CELL_HEADS, "all of them, once"], lines)


def _cells(row: Row) -> list[str]:
    return [
        f"{row.rate:,.0f}",
        f"{min(row.rates):,.0f} to {max(row.rates):,.0f}",
        f"{row.rate_after_start:,.0f}",
        f"{row.cpu_seconds_a_million:.1f}",
        f"{row.peak_bytes / 1e6:.0f} MB",
    ]


def _record_path(times: dict[str, list[float]]) -> str:
    lines = [
        [title, f"{plain:.2f}", f"{whole:.2f}", f"{1e6 / whole:,.0f}", f"{plain / whole:.2f}"]
        for title, (plain, whole) in times.items()
    ]
    heads = ["records", "parsed and written, µs", "with everything, µs", "records a second", "share of the plain rate"]
    return table(heads, lines)


def _commands(results: Results) -> str:
    names = [row.name for row in results.comparison if any(row.name in each for each in results.commands.values())]
    lines = [
        [command, *(f"{each[name]:.2f}" if name in each else "" for name in names)]
        for command, each in results.commands.items()
    ]
    return table(["command", *names], lines)


def table(heads: list[str], lines: list[list[str]]) -> str:
    """A Markdown table."""
    rows = [heads, ["---"] * len(heads), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _one_line(text: str) -> str:
    return " ".join(text.split())[:120].replace("|", "/")


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown processor"

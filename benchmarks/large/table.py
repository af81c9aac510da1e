"""The results as a Markdown table, in which what is worse than it may be is bold."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benchmarks.large import bars
from benchmarks.large.syncs import Row, Sync
from benchmarks.report import table

# The table goes between these lines of README.md.
START, END = "<!-- made by make bench-large -->", "<!-- end of what make bench-large made -->"
_HEADS = [
    "project",
    "how",
    "seconds",
    "CPU s",
    "memory, MB",
    "temporary files, MB",
    "states, kB",
    "records",
    "exit code",
]

# The first sync, and the one after it.
_BETWEEN = " / "


def results(rows: Sequence[Row]) -> str:
    """All rows; how syncs failed is told below."""
    failed = [f"- {row.case.name}, {row.way}: {problem}" for row in rows for problem in _problems(row)]
    return table(_HEADS, [cells(row) for row in rows]) + "\n" + "".join(f"\n{each}" for each in failed)


def missed(row: Row) -> list[str]:
    """The columns in which a row is worse than it may be."""
    return [head for head, cell in zip(_HEADS, cells(row), strict=True) if "**" in cell]


def cells(row: Row) -> list[str]:
    """A row of the table."""
    name, way = row.case.name, row.way
    memory = bars.memory(name, way)
    return [
        name,
        way,
        _cell(row.syncs, lambda sync: _known(sync, f"{sync.seconds:,.1f}")),
        _cell(row.syncs, lambda sync: _known(sync, f"{sync.cpu:,.1f}")),
        _cell(row.syncs, lambda sync: _known(sync, _bytes(sync.peak_bytes, 1e6, memory))),
        _cell(row.syncs, lambda sync: _bytes(sync.temporary_bytes, 1e6, bars.temporary(way))),
        _cell(row.syncs, lambda sync: "" if sync.state_bytes is None else _bytes(sync.state_bytes, 1e3, bars.STATES)),
        _BETWEEN.join(_records(row, sync, sync is row.syncs[0]) for sync in row.syncs),
        _cell(row.syncs, lambda sync: "0" if sync.exit_code == 0 else _bold(_known(sync, f"{sync.exit_code}"))),
    ]


def _cell(syncs: Sequence[Sync], text: Callable[[Sync], str]) -> str:
    """The first sync and the one after it."""
    return _BETWEEN.join(filter(None, map(text, syncs)))


def _known(sync: Sync, text: str) -> str:
    """A sync that did not end was not measured."""
    return "?" if sync.exit_code is None else text


def _bytes(size: int, unit: float, most: float) -> str:
    text = f"{size / unit:,.0f}"
    return text if size <= most else f"{_bold(text)} (of {most / unit:,.0f})"


def _records(row: Row, sync: Sync, is_first: bool) -> str:
    expected = row.case.expected(row.way, is_first)
    came = {name: sync.records.get(name, 0) for name in expected}
    if came == expected:
        return f"{sum(came.values()):,}"
    if not any(came.values()):
        return f"{_bold(0)} of {sum(expected.values()):,}"
    wrong = (f"{_bold(f'{came[name]:,}')} of {most:,} {name}" for name, most in expected.items() if came[name] != most)
    return " and ".join(wrong)


def _problems(row: Row) -> list[str]:
    return list(dict.fromkeys(" ".join(sync.problem.split())[:300] for sync in row.syncs if sync.problem))


def _bold(value: object) -> str:
    return f"**{value}**"

"""The chart: records per second of each program, as an SVG bar chart."""

from __future__ import annotations

from html import escape

from benchmarks.rows import Row

_WIDTH, _BAR, _GAP, _LEFT, _TOP, _RIGHT = 860, 34, 16, 270, 56, 170
_OURS, _OTHER = "#2563eb", "#94a3b8"
_MARK = "(this one)"


def chart(rows: list[Row]) -> str:
    """Draw the rows that have runs, on one linear scale from zero."""
    rows = [row for row in rows if row.runs and not row.problem]
    height = _TOP + len(rows) * (_BAR + _GAP) + 8
    most = max((row.rate for row in rows), default=1.0)
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" '  # ignore-https-check
        f'width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}" '
        'font-family="system-ui, sans-serif" font-size="15" role="img" aria-label="Records a second by program">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        '<text x="16" y="32" font-size="18" font-weight="600" fill="#0f172a">Records a second (more is better)</text>',
    ]
    for position, row in enumerate(rows):
        ours = _MARK in row.name
        top = _TOP + position * (_BAR + _GAP)
        length = max(row.rate / most * (_WIDTH - _LEFT - _RIGHT), 1.0)
        middle = top + _BAR / 2 + 5
        weight = ' font-weight="600"' if ours else ""
        parts += [
            f'<text x="{_LEFT - 12}" y="{middle}" text-anchor="end" fill="#0f172a"{weight}>{escape(row.name)}</text>',
            f'<rect x="{_LEFT}" y="{top}" width="{length:.1f}" height="{_BAR}" fill="{_OURS if ours else _OTHER}"/>',
            f'<text x="{_LEFT + length + 10:.1f}" y="{middle}" fill="#0f172a"{weight}>{row.rate:,.0f}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])

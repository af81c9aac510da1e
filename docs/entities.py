"""Draws docs/entities.svg and docs/entities.mmd, the streams and the columns that join them: `make docs`.

Everything is derived: boxes from the table of streams, joins from the schemas, positions from the layout.
"""

from __future__ import annotations

from html import escape
from itertools import groupby
from os.path import commonprefix
from pathlib import Path
from typing import NamedTuple

from layered import Edge, Node, layout
from packing import LINE, Picture, Rectangle, Wire

from source_iterable.config import Config
from source_iterable.records.schemas import references
from source_iterable.streams.table import STREAMS

DOCS = Path(__file__).parent
# Pixels. Character widths of a wide font, to be safe.
MARGIN, PADDING, CHARACTER, BOLD = 24, 10, 7.0, 8.6
# A box lists up to this many streams by name.
NAMED = 3
PLAIN = "#54657a"
# For streams that others refer to, in this order; dark enough for white text.
COLORS = [
    *("#1f6fb4", "#b3541e", "#2e7d43", "#7a4fa3", "#a8326a"),
    *("#0f7c80", "#7d6608", "#4d4dbf", "#8c3b3b", "#446b1f"),
]
CONFIG = Config.parse({"api_key": "key", "start_date": "2024-01-01T00:00:00Z"})


class Entity(NamedTuple):
    """A box: its streams, their key, and the references of their columns."""

    name: str
    title: str
    streams: tuple[str, ...]
    key: str
    joins: tuple[tuple[str, str, str], ...]  # column, stream, column there

    @property
    def lines(self) -> list[str]:
        """The text below the title."""
        names = [] if len(self.streams) == 1 else _wrapped(_names(self.streams))
        return [f"key: {self.key}", *names]

    @property
    def node(self) -> Node:
        widths = [BOLD * len(self.title), *(CHARACTER * len(line) for line in self.lines)]
        widths += [CHARACTER * (len(column) + len(parent) + 3) for column, parent, _ in self.joins]
        return Node(self.name, round(max(widths)) + 2 * PADDING, 2 + len(self.lines) + len(self.joins))


def entities() -> dict[str, Entity]:
    """All boxes: one per stream, but one for all event streams with equal references."""
    joins = {
        name: tuple(sorted(((c, *to) for c, to in references(name).items()), key=lambda join: (join[1], join[0])))
        for name in STREAMS
    }
    referred = {parent for each in joins.values() for _, parent, _ in each}
    groups: dict[object, list[str]] = {}
    for name, stream in STREAMS.items():
        is_event = stream.cursor_field == "createdAt" and name not in referred
        groups.setdefault(joins[name] if is_event else name, []).append(name)
    boxes = []
    for names in groups.values():
        first = names[0]
        title = first if len(names) == 1 else f"{len(names)} streams of events"
        name = first if len(names) == 1 else f"{first}_and_others"
        boxes.append(Entity(name, title, tuple(names), _key(first), joins[first]))
    return {box.name: box for box in boxes}


def _key(stream: str) -> str:
    keys = dict.fromkeys(
        ", ".join(STREAMS[stream].key(CONFIG.model_copy(update={"project_type": kind}))) or "none"
        for kind in ("Email-based", "UserID-based")
    )
    return " or ".join(keys)


def _names(streams: tuple[str, ...]) -> list[str]:
    """The names of streams, abbreviated to their common prefix where several start with the same word."""
    if len(streams) <= NAMED:
        return list(streams)
    names = []
    for _, same in groupby(sorted(streams), key=lambda name: name.split("_")[0]):
        found = list(same)
        names.append(found[0] if len(found) == 1 else commonprefix(found).rpartition("_")[0] + "_…")
    return names


def _wrapped(words: list[str], width: int = 30) -> list[str]:
    lines = [""]
    for word in words:
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def picture() -> Picture:
    """The layout."""
    boxes = entities()
    edges = [Edge(box.name, _row_y(box, column), parent) for box in boxes.values() for column, parent, _ in box.joins]
    return layout([box.node for box in boxes.values()], edges)


def _row_y(box: Entity, column: str) -> float:
    """The middle of a column's row, in pixels below the top of its box."""
    return LINE * (2 + len(box.lines) + [join[0] for join in box.joins].index(column))


def svg() -> str:
    """The picture."""
    boxes, drawn = entities(), picture()
    width, height = drawn.width + 2 * MARGIN, drawn.height + 2 * MARGIN
    referred = dict.fromkeys(parent for box in boxes.values() for _, parent, _ in box.joins)
    colors = {parent: COLORS[place % len(COLORS)] for place, parent in enumerate(referred)}
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg"'  # ignore-https-check
        f' viewBox="0 0 {width:.0f} {height:.0f}" role="img"'
        ' font-family="ui-sans-serif, system-ui, Helvetica, Arial, sans-serif" font-size="12">',
        "<title>The streams of source-iterable and the columns that join them</title>",
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#ffffff"/>',
        f'<g transform="translate({MARGIN} {MARGIN})">',
        '<g fill="none" stroke-width="1.4">',
        *(f'<path d="{_path(wire)}" stroke="{colors[wire.parent]}"/>' for wire in drawn.wires),
        "</g>",
    ]
    parts += [_box(box, drawn.boxes[name], colors) for name, box in boxes.items()]
    heads = {
        (wire.right if wire.arrow > 0 else wire.left, wire.arrow, wire.parent) for wire in drawn.wires if wire.arrow
    }
    parts += [_head(x, y, arrow, colors[parent]) for (x, y), arrow, parent in sorted(heads)]
    return "\n".join([*parts, "</g>", "</svg>", ""])


def _path(wire: Wire) -> str:
    (x1, y1), (x2, y2) = wire.left, wire.right
    if y1 == y2:
        return f"M{x1:g} {y1:g}H{x2:g}"
    down = 1 if y2 > y1 else -1
    r = min(5.0, abs(y2 - y1) / 2)
    first = f"q{r:g} 0 {r:g} {down * r:g}"
    second = f"q0 {down * r:g} {r:g} {down * r:g}"
    return f"M{x1:g} {y1:g}H{wire.x - r:g}{first}V{y2 - down * r:g}{second}H{x2:g}"


def _head(x: float, y: float, direction: int, color: str) -> str:
    return f'<path d="M{x:g} {y:g}l{-8 * direction} -4.5v9z" fill="{color}"/>'


def _box(box: Entity, place: Rectangle, colors: dict[str, str]) -> str:
    x, y, width, height = place
    color, head = colors.get(box.name, PLAIN), LINE * 1.5
    left, right = f'x="{x + PADDING:g}"', f'x="{x + width - PADDING:g}" text-anchor="end"'
    texts = [f'<text {left} y="{y + 18:g}" fill="#ffffff" font-weight="600" font-size="13">{escape(box.title)}</text>']
    for number, line in enumerate(box.lines):
        texts.append(f'<text {left} y="{y + LINE * (2 + number) + 4:g}" fill="#5b6b7f">{escape(line)}</text>')
    for column, parent, _ in box.joins:
        at = f'y="{y + _row_y(box, column) + 4:g}"'
        texts.append(f'<text {left} {at} fill="#1f2d3d">{escape(column)}</text>')
        texts.append(f'<text {right} {at} fill="{colors[parent]}">{escape(parent)}</text>')
    title = f"M{x:g} {y + head:g}v-{head - 6:g}a6 6 0 0 1 6-6h{width - 12:g}a6 6 0 0 1 6 6v{head - 6:g}z"
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="6" fill="#f7f9fb" stroke="{color}"/>'
        f'<path d="{title}" fill="{color}"/>' + "".join(texts)
    )


def mermaid() -> str:
    """The same as a Mermaid diagram."""
    boxes = entities()
    lines = ["erDiagram"]
    for box in boxes.values():
        lines.append(f'    {box.name}["{box.title}"]' if len(box.streams) > 1 else f"    {box.name}")
    for box in boxes.values():
        lines += [f'    {box.name} }}o--|| {parent} : "{column} = {there}"' for column, parent, there in box.joins]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    (DOCS / "entities.svg").write_text(svg(), encoding="utf-8")
    (DOCS / "entities.mmd").write_text(mermaid(), encoding="utf-8")

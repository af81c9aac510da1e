"""A layered layout for boxes that refer to each other: a box stands left of the boxes it refers to.

All lines to one box share a bus, which has its own vertical track in each gap between columns, and a lane where it
passes through a column. The layout is deterministic.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise
from typing import NamedTuple

from packing import LINE, Picture, Rectangle, Wire, packed, row

# Distance between tracks, and beside them, in pixels.
TRACK, MARGIN = 11, 18
# Heights at which lines enter a box from the left and from the right, and run in lanes. They differ from each other and
# from the grid, on which lines leave boxes, so that lines do not overlap.
HEADER_Y, BACK_Y, LANE_YS = 13.5, 9.0, (5.0, 7.0, 3.0, 11.0, 16.0)
SWEEPS = 12
# Penalty for two overlapping lines, in crossings.
OVERLAP = 100


class Node(NamedTuple):
    """A box; `width` in pixels, `height` in lines."""

    name: str
    width: int
    height: int


class Edge(NamedTuple):
    """A line from a box, `y` pixels below its top, to the box it refers to."""

    child: str
    y: float
    parent: str


class _Bus(NamedTuple):
    """All lines to one box from its left side or, for references that close a cycle (`back`), from its right."""

    parent: str
    back: bool


class _Lane(NamedTuple):
    """The passage of a bus through a column, `y` pixels below the top of the lane."""

    bus: _Bus
    depth: int
    y: float


_Item = str | _Lane


class _Link(NamedTuple):
    """A line across a gap, and how far below the tops of its two items it starts and ends."""

    bus: _Bus
    left: _Item
    left_y: float
    right: _Item
    right_y: float


def layout(nodes: list[Node], edges: list[Edge]) -> Picture:
    """Lay out each group of connected boxes, and put the smaller groups and single boxes where the largest leaves room."""
    groups = sorted(_groups(nodes, edges), key=len, reverse=True)
    first, *others = [
        _Layers(group, [edge for edge in edges if edge.child in {node.name for node in group}]).picture()
        for group in groups
    ]
    singles = [picture for picture in others if len(picture.boxes) == 1]
    rest = [picture for picture in others if len(picture.boxes) > 1]
    return packed(first, [*([row(singles, first.width)] if singles else []), *rest])


def _groups(nodes: list[Node], edges: list[Edge]) -> Iterator[list[Node]]:
    group_of = {node.name: node.name for node in nodes}
    for edge in edges:
        old, new = group_of[edge.child], group_of[edge.parent]
        group_of = {name: new if group == old else group for name, group in group_of.items()}
    for group in dict.fromkeys(group_of.values()):
        yield [node for node in nodes if group_of[node.name] == group]


class _Layers:
    """Connected boxes in columns; column 0 is the rightmost."""

    def __init__(self, nodes: list[Node], edges: list[Edge]) -> None:
        self._nodes = {node.name: node for node in nodes}
        edges = [edge for edge in edges if edge.child != edge.parent]
        self._depths = _depths(list(self._nodes), edges)
        self._columns: list[list[_Item]] = [[] for _ in range(1 + max(self._depths.values()))]
        for name, depth in self._depths.items():
            self._columns[depth].append(name)
        # The lines between columns i and i + 1.
        self._gaps: list[list[_Link]] = [[] for _ in self._columns[1:]]
        buses: dict[_Bus, list[Edge]] = {}
        for edge in edges:
            back = self._depths[edge.child] < self._depths[edge.parent]
            buses.setdefault(_Bus(edge.parent, back), []).append(edge)
        for number, (bus, ends) in enumerate(buses.items()):
            self._connect(bus, ends, LANE_YS[number % len(LANE_YS)])
        self._order()
        self._tops = self._settled()

    def _connect(self, bus: _Bus, edges: list[Edge], lane_y: float) -> None:
        """Link children to their parent, through lanes in the columns between them."""
        target, step = self._depths[bus.parent], -1 if bus.back else 1
        farthest = max((self._depths[edge.child] for edge in edges), key=lambda depth: step * depth)
        for depth in range(target + step, farthest + step, step):
            ahead = depth - step
            entry: tuple[_Item, float] = (bus.parent, BACK_Y if bus.back else HEADER_Y)
            end = entry if ahead == target else (_Lane(bus, ahead, lane_y), lane_y)
            starts: list[tuple[_Item, float]] = [(e.child, e.y) for e in edges if self._depths[e.child] == depth]
            if depth != farthest:
                self._columns[depth].append(_Lane(bus, depth, lane_y))
                starts.append((_Lane(bus, depth, lane_y), lane_y))
            for start in starts:
                left, right = (end, start) if bus.back else (start, end)
                self._gaps[min(depth, ahead)].append(_Link(bus, *left, *right))

    def _height(self, item: _Item) -> int:
        return self._nodes[item].height if isinstance(item, str) else 1

    def _order(self) -> None:
        """Order the columns to minimize crossings: by the mean of their neighbors, then by swapping pairs."""
        best, fewest = [list(column) for column in self._columns], self._crossings()
        for depth in self._sweeps():
            means = self._wanted(depth, self._stacked())
            self._columns[depth].sort(key=lambda item: means[item][0])
            if (crossings := self._crossings()) < fewest:
                best, fewest = [list(column) for column in self._columns], crossings
        self._columns = best
        improved = True
        while improved:
            improved = False
            for column in self._columns:
                for a, b in combinations(range(len(column)), 2):
                    column[a], column[b] = column[b], column[a]
                    if (crossings := self._crossings()) < fewest:
                        fewest, improved = crossings, True
                    else:
                        column[a], column[b] = column[b], column[a]

    def _sweeps(self) -> Iterator[int]:
        depths = range(len(self._columns))
        for sweep in range(SWEEPS):
            yield from depths if sweep % 2 else reversed(depths)

    def _stacked(self) -> dict[_Item, int]:
        """The top of each item, in lines, with columns packed and centered."""
        tops = {}
        for column in self._columns:
            offsets = self._offsets(column)
            middle = (offsets[-1] + self._height(column[-1])) // 2
            tops.update({item: offset - middle for item, offset in zip(column, offsets, strict=True)})
        return tops

    def _offsets(self, column: list[_Item]) -> list[int]:
        """The minimum distance of each item of a column from the first, in lines."""
        offsets = [0]
        for upper, lower in pairwise(column):
            space = int(isinstance(upper, str) and isinstance(lower, str))
            offsets.append(offsets[-1] + self._height(upper) + space)
        return offsets

    def _crossings(self) -> float:
        """The number of crossings, plus a little for the length of the lines."""
        tops = self._stacked()
        total = 0.0
        for links in self._gaps:
            ends = [(bus, LINE * tops[a] + a_y, LINE * tops[b] + b_y) for bus, a, a_y, b, b_y in links]
            total += sum(abs(left - right) for _, left, right in ends) / 20_000
            total += sum(
                one[0] != two[0] and (one[1] - two[1]) * (one[2] - two[2]) < 0 for one, two in combinations(ends, 2)
            )
        return total

    def _wanted(self, depth: int, tops: dict[_Item, int]) -> dict[_Item, tuple[float, int]]:
        """The mean top at which each item's lines would be straight, and the number of its lines."""
        found: dict[_Item, list[float]] = {item: [] for item in self._columns[depth]}
        for link in self._gaps[depth] if depth < len(self._gaps) else []:
            found[link.right].append(tops[link.left] + (link.left_y - link.right_y) / LINE)
        for link in self._gaps[depth - 1] if depth else []:
            found[link.left].append(tops[link.right] + (link.right_y - link.left_y) / LINE)
        return {item: (sum(ys) / len(ys), len(ys)) if ys else (tops[item], 1) for item, ys in found.items()}

    def _settled(self) -> dict[_Item, int]:
        """The top of each item, in lines: near its neighbors, in order, without overlap."""
        tops = self._stacked()
        for depth in self._sweeps():
            column, wanted = self._columns[depth], self._wanted(depth, tops)
            offsets = self._offsets(column)
            places = _ascending(
                [(wanted[item][0] - offset, wanted[item][1]) for item, offset in zip(column, offsets, strict=True)]
            )
            tops.update(
                {item: round(place) + offset for item, place, offset in zip(column, places, offsets, strict=True)}
            )
        highest = min(tops.values())
        return {item: top - highest for item, top in tops.items()}

    def picture(self) -> Picture:
        boxes: dict[str, Rectangle] = {}
        wires: list[Wire] = []
        x = 0
        for depth, column in reversed(list(enumerate(self._columns))):
            width = max(self._nodes[item].width for item in column if isinstance(item, str))
            for item in column:
                y = LINE * self._tops[item]
                if isinstance(item, str):
                    boxes[item] = Rectangle(x, y, width, LINE * self._nodes[item].height)
                else:
                    wires.append(Wire(item.bus.parent, (x, y + item.y), x, (x + width, y + item.y), 0))
            x += width
            if depth:
                tracks = self._tracks(depth - 1)
                room = 2 * MARGIN + TRACK * (len(tracks) - 1)
                for link in self._gaps[depth - 1]:
                    left, right = self._ends(link)
                    arrives = isinstance(link.left if link.bus.back else link.right, str)
                    arrow = (-1 if link.bus.back else 1) if arrives else 0
                    track = x + MARGIN + TRACK * tracks.index(link.bus)
                    wires.append(Wire(link.bus.parent, (x, left), track, (x + room, right), arrow))
                x += room
        bottoms = [LINE * (top + self._height(item)) for item, top in self._tops.items()]
        return Picture(boxes, wires, x, max(bottoms))

    def _ends(self, link: _Link) -> tuple[float, float]:
        return LINE * self._tops[link.left] + link.left_y, LINE * self._tops[link.right] + link.right_y

    def _tracks(self, gap: int) -> list[_Bus]:
        """The buses of a gap from left to right, with few crossings and no overlapping lines."""
        lefts: dict[_Bus, set[float]] = {}
        rights: dict[_Bus, set[float]] = {}
        for link in self._gaps[gap]:
            left, right = self._ends(link)
            lefts.setdefault(link.bus, set()).add(left)
            rights.setdefault(link.bus, set()).add(right)

        def cost(first: _Bus, second: _Bus) -> int:
            """Crossings with `first` left of `second`."""
            one, two = lefts[first] | rights[first], lefts[second] | rights[second]
            crossings = sum(min(one) < y < max(one) for y in lefts[second])
            crossings += sum(min(two) < y < max(two) for y in rights[first])
            return crossings + OVERLAP * len(rights[first] & lefts[second])

        order = sorted(lefts, key=lambda bus: (min(rights[bus]), bus))
        return _improved(order, {(a, b): cost(a, b) for a in order for b in order if a != b})


def _depths(names: list[str], edges: list[Edge]) -> dict[str, int]:
    """The column of each box: left of its parents, except where references form a cycle."""
    parents = {name: list(dict.fromkeys(edge.parent for edge in edges if edge.child == name)) for name in names}
    children: dict[str, list[str]] = {name: [] for name in names}
    depths: dict[str, int] = {}

    def visit(name: str, path: tuple[str, ...]) -> int:
        if name not in depths:
            below = [parent for parent in parents[name] if parent not in path]  # the others close a cycle
            for parent in below:
                children[parent].append(name)
            depths[name] = 1 + max((visit(parent, (*path, parent)) for parent in below), default=-1)
        return depths[name]

    for name in names:
        visit(name, (name,))
    # Move parents as close to their children as possible.
    for name in sorted(names, key=lambda name: -depths[name]):
        if children[name]:
            depths[name] = min(depths[child] for child in children[name]) - 1
    return depths


def _ascending(wanted: list[tuple[float, int]]) -> list[float]:
    """The closest non-decreasing numbers, by weighted least squares (pool adjacent violators)."""
    blocks: list[tuple[float, int, int]] = []  # mean, weight, how many numbers
    for place, weight in wanted:
        blocks.append((place, weight, 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (a, a_weight, a_count), (b, b_weight, b_count) = blocks[-2:]
            mean = (a * a_weight + b * b_weight) / (a_weight + b_weight)
            blocks[-2:] = [(mean, a_weight + b_weight, a_count + b_count)]
    return [mean for mean, _, count in blocks for _ in range(count)]


def _improved(order: list[_Bus], costs: dict[tuple[_Bus, _Bus], int]) -> list[_Bus]:
    """The order after swapping pairs for as long as that makes it cheaper."""

    def total(order: list[_Bus]) -> int:
        return sum(costs[pair] for pair in combinations(order, 2))

    while True:
        choices = [order]
        for a, b in combinations(range(len(order)), 2):
            choices.append(order[:])
            choices[-1][a], choices[-1][b] = order[b], order[a]
        best = min(choices, key=total)
        if best == order:
            return order
        order = best

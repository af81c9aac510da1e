"""Pictures of boxes and lines, and how to combine several into one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

# The grid that boxes stand on, and the height of a line of text, in pixels.
LINE = 18
# Minimum space between two pictures.
SPACE = 2 * LINE


class Rectangle(NamedTuple):
    x: float
    y: float
    width: float
    height: float

    def overlaps(self, other: Rectangle, space: float = 0) -> bool:
        """Whether the two are closer than `space`."""
        return (
            self.x < other.x + other.width + space
            and other.x < self.x + self.width + space
            and self.y < other.y + other.height + space
            and other.y < self.y + self.height + space
        )


class Wire(NamedTuple):
    """A line from its left end along a vertical track at `x` to its right end.

    `arrow` is 1 if the right end points at the parent, -1 if the left end does, else 0.
    """

    parent: str
    left: tuple[float, float]
    x: float
    right: tuple[float, float]
    arrow: int

    def rectangles(self) -> Iterator[Rectangle]:
        """The three segments."""
        (x1, y1), (x2, y2) = self.left, self.right
        yield Rectangle(x1, y1, self.x - x1, 0)
        yield Rectangle(self.x, min(y1, y2), 0, abs(y2 - y1))
        yield Rectangle(self.x, y2, x2 - self.x, 0)


class Picture(NamedTuple):
    """Boxes by name, lines, and the total size, in pixels."""

    boxes: dict[str, Rectangle]
    wires: list[Wire]
    width: float
    height: float

    def moved(self, dx: float, dy: float) -> Picture:
        boxes = {name: box._replace(x=box.x + dx, y=box.y + dy) for name, box in self.boxes.items()}
        wires = [
            Wire(parent, (left[0] + dx, left[1] + dy), x + dx, (right[0] + dx, right[1] + dy), arrow)
            for parent, left, x, right, arrow in self.wires
        ]
        return Picture(boxes, wires, self.width, self.height)


def row(pictures: list[Picture], width: float) -> Picture:
    """Arrange pictures side by side, in rows of at most `width`."""
    boxes: dict[str, Rectangle] = {}
    x = y = bottom = right = 0.0
    for picture in pictures:
        if x and x + picture.width > width:
            x, y = 0.0, bottom + LINE
        boxes.update(picture.moved(x, y).boxes)
        x += picture.width + LINE
        right, bottom = max(right, x - LINE), max(bottom, y + picture.height)
    return Picture(boxes, [], right, bottom)


def packed(first: Picture, others: list[Picture]) -> Picture:
    """Add each of the others to the first picture: at the lowest free spot, or else below."""
    boxes, wires, height = dict(first.boxes), list(first.wires), first.height
    width = max(picture.width for picture in (first, *others))
    for picture in others:
        taken = [*boxes.values(), *(each for wire in wires for each in wire.rectangles())]
        spot = next(_spots(picture, taken, width, height), (0.0, height + SPACE))
        moved = picture.moved(*spot)
        boxes.update(moved.boxes)
        wires += moved.wires
        height = max(height, spot[1] + picture.height)
    return Picture(boxes, wires, width, height)


def _spots(picture: Picture, taken: list[Rectangle], width: float, height: float) -> Iterator[tuple[float, float]]:
    y = height - picture.height
    while y >= 0:
        x = 0.0
        while x + picture.width <= width:
            here = Rectangle(x, y, picture.width, picture.height)
            in_the_way = [each.x + each.width for each in taken if here.overlaps(each, SPACE)]
            if not in_the_way:
                yield x, y
            x = max([x + LINE, *(end + SPACE for end in in_the_way)])
        y -= LINE

"""Places the names of points in a scatter plot so that none overlap: greedy, in pixels."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

CHAR_PX, LINE_PX = 6.3, 13.0
"""The size of a character and of a line at 11 px."""
GAP_PX = 9.0
STEPS = 16
"""How far from its point a label may go, in lines."""


class Box(NamedTuple):
    """A rectangle in pixels; y grows downward."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: "Box") -> bool:
        """Whether the two overlap."""
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom


class Label(NamedTuple):
    """Where a label's text begins or ends (`align`: left or right), at its middle height; `led`: it needs a line."""

    x: float
    y: float
    align: str
    led: bool


def place_labels(
    points: Sequence[tuple[float, float]], texts: Sequence[str], frame: Box, obstacles: Sequence[Box] = ()
) -> list[Label]:
    """Give each point the nearest free place inside `frame`; where there is none, the first is taken all the same."""
    taken = [Box(x - 6, y - 6, x + 6, y + 6) for x, y in points] + list(obstacles)
    labels: list[Label | None] = [None] * len(points)
    for number in sorted(range(len(points)), key=lambda one: points[one]):
        x, y = points[number]
        width = len(texts[number]) * CHAR_PX
        candidates = list(_around(x, y))
        boxes = [_box(label, width) for label in candidates]
        inside = [at for at, box in enumerate(boxes) if box.left >= frame.left and box.right <= frame.right]
        inside = [at for at in inside if boxes[at].top >= frame.top and boxes[at].bottom <= frame.bottom]
        free = (at for at in inside if not any(boxes[at].meets(other) for other in taken))
        chosen = next(free, inside[0] if inside else 0)
        labels[number] = candidates[chosen]
        taken.append(boxes[chosen])
    return [label for label in labels if label is not None]


def _around(x: float, y: float) -> Iterator[Label]:
    """Places beside the point, then further and further above and below it."""
    yield Label(x + GAP_PX, y, "left", led=False)
    yield Label(x - GAP_PX, y, "right", led=False)
    for step in range(1, STEPS + 1):
        for side in (-1, 1):
            for shift, align in ((GAP_PX, "left"), (-GAP_PX, "right")):
                yield Label(x + shift, y + side * step * LINE_PX, align, led=True)


def _box(label: Label, width: float) -> Box:
    left = label.x if label.align == "left" else label.x - width
    return Box(left, label.y - LINE_PX / 2, left + width, label.y + LINE_PX / 2)

"""Windows of a fault that comes again and again, about so often."""

from collections.abc import Iterator
from random import Random

DRAWN = (0.75, 1.25)
"""From the begin of one to that of the next it is `every_s`, times something between."""


def spaced(first_s: float, every_s: float, length_s: float, rng: Random) -> Iterator[tuple[float, float]]:
    """Draw begin and end of each window, in seconds of load; there is no end to them, and none overlaps the next."""
    begin_s = first_s
    while True:
        end_s = begin_s + length_s
        yield begin_s, end_s
        begin_s = max(end_s, begin_s + every_s * rng.uniform(*DRAWN))

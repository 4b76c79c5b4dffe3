"""Numbers that look random and are not: a pure hash of the numbers that they are drawn for.

A program draws no random number of its own, so that given the same results it does the same. What it spreads (checks
over an interval, launches over hosts) it spreads by this.
"""

MASK = (1 << 64) - 1
GAMMA = 0x9E3779B97F4A7C15


def drawn(*numbers: int) -> float:
    """Return a number in [0, 1) that is always the same for the same integers, and unlike its neighbours'.

    The finaliser of SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014),
    applied to one number after the other.
    """
    state = 0
    for number in numbers:
        state = (state + number + GAMMA) & MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & MASK
        state ^= state >> 31
    return (state >> 11) / (1 << 53)

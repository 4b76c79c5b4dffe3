"""The verdicts on a guard, worst first. A preset says which it expects; `results` says which it got.

`metastable`, `slow` and `recovers` are about a system behind the endpoint after an outage, where no guard is at work.
"""

from enum import StrEnum


class Verdict(StrEnum):
    """Worst first: the verdict of several trials is the first one that any of them has."""

    FAILED = "failed"
    STALE = "stale"
    DANGLING = "dangling"
    WEDGED = "wedged"
    STUCK = "stuck"
    METASTABLE = "metastable"
    SLOW = "slow"
    UNPROVEN = "unproven"
    RECOVERS = "recovers"
    CLEAN = "clean"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return list(Verdict).index(self)


GOOD = frozenset({Verdict.CLEAN, Verdict.RECOVERS})
"""Verdicts of what was put to the test and held."""
SAFE = GOOD | {Verdict.UNPROVEN}
"""Verdicts under which no harm was seen."""

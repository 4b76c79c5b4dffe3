"""The verdicts on a guard, worst first. A preset says which it expects; `results` says which it got."""

from enum import StrEnum


class Verdict(StrEnum):
    """Worst first: the verdict of several trials is the first one that any of them has."""

    FAILED = "failed"
    STALE = "stale"
    DANGLING = "dangling"
    WEDGED = "wedged"
    STUCK = "stuck"
    UNPROVEN = "unproven"
    CLEAN = "clean"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return list(Verdict).index(self)


SAFE = frozenset({Verdict.CLEAN, Verdict.UNPROVEN})
"""Verdicts under which no harm was seen."""

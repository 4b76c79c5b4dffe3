"""How many trials a run has, and how long it will take: what is said before it begins."""

from leasebench.bench.suite import MAX_STRETCH, Suite, cells

OVERHEAD_S = 0.5
"""Per trial: starting and ending processes, settling, reading and writing. Only for what is said beforehand."""


def count_trials(suite: Suite) -> int:
    """How many trials a run has."""
    return suite.trials * sum(1 for _ in cells(suite))


def expected_seconds(suite: Suite, trials: int | None = None) -> tuple[float, float]:
    """How long a run will take at least, and at most: all of its trials, or so many of them."""
    trials = count_trials(suite) if trials is None else trials
    return (
        trials * (suite.duration_s + OVERHEAD_S),
        trials * (MAX_STRETCH * suite.duration_s + suite.settle_s + OVERHEAD_S),
    )

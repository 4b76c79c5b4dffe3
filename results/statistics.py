"""Intervals and distributions, each with the source of its formula."""

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv

CONFIDENCE = 0.95


def exact_interval(successes: float, trials: int, confidence: float = CONFIDENCE) -> tuple[float, float] | None:
    """The Clopper-Pearson interval of a rate (Biometrika 26, 1934); None without trials.

    `successes` need not be whole: a rate over clustered events is rescaled to the number of its clusters.
    """
    if trials == 0:
        return None
    tail = (1 - confidence) / 2
    low = 0.0 if successes <= 0 else float(betaincinv(successes, trials - successes + 1, tail))
    high = 1.0 if successes >= trials else float(betaincinv(successes + 1, trials - successes, 1 - tail))
    return low, high


def upper_bound_of_zero(trials: int, confidence: float = CONFIDENCE) -> float | None:
    """The one-sided bound on a rate of which nothing was seen in `trials`: 1 - (1 - confidence)^(1/n)."""
    return None if trials == 0 else 1 - (1 - confidence) ** (1 / trials)


def spread(values: npt.NDArray[np.float64]) -> dict[str, float | int | None]:
    """p50, p99, max (null where there is nothing) and n."""
    if not len(values):
        return {"p50": None, "p99": None, "max": None, "n": 0}
    p50, p99 = np.quantile(values, [0.5, 0.99], method="higher")
    return {
        "p50": round(float(p50), 3),
        "p99": round(float(p99), 3),
        "max": round(float(values.max()), 3),
        "n": len(values),
    }

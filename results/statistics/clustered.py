"""The interval of a rate whose events come in clusters: races, or commits, of one application hang together.

One application may leak all of its races, or a few by chance. How far a rate can be known depends on which of the two
it was, so the interval measures it: it takes the variance of the rate from how the applications differ, and asks of how
many independent events a rate would vary as much (Korn and Graubard, Survey Methodology 24, 1998). That many events
have their exact interval. For independent leaks they are the events themselves, for leaks that come all at once the
applications; where the applications that leak are those with the most races, they are fewer still.

The interval knows only of what was seen: of few applications it is kept wide on purpose (FEW).
"""

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv, stdtrit

from leasebench.results.statistics.intervals import CONFIDENCE, Interval

Clusters = npt.NDArray[np.int64]
"""One row for each kind of cluster: its events, how many of them were seen, and how many clusters are of this kind."""
NO_CLUSTERS: Clusters = np.zeros((0, 3), dtype=np.int64)
FEWEST = 4
"""The fewest clusters whose kurtosis can be estimated; below that, each cluster counts as one event."""

FEW = 40
"""With fewer clusters the interval does not rely on their variance alone: simulated, it then held in 70 % of cases."""

Floats = npt.NDArray[np.float64]


def clusters_of(cluster: npt.NDArray[np.int64], seen: npt.NDArray[np.bool_]) -> Clusters:
    """Count clusters by kind, from the number of its cluster for each event, and whether it was seen."""
    marked = cluster * 2
    marked += seen
    marked.sort()
    first = np.flatnonzero(np.concatenate(([True], marked[1:] >> 1 != marked[:-1] >> 1))[: len(marked)])
    if not len(first):
        return NO_CLUSTERS
    events = np.diff(np.append(first, len(marked)))
    base = int(events.max()) + 1
    marked &= 1
    kinds, clusters = np.unique(events * base + np.add.reduceat(marked, first), return_counts=True)
    return np.column_stack([kinds // base, kinds % base, clusters])


def added(parts: Iterable[Clusters]) -> Clusters:
    """Put the clusters of several trials into one table, in rising order."""
    rows = np.concatenate([NO_CLUSTERS, *parts])
    kinds, place = np.unique(rows[:, :2], axis=0, return_inverse=True)
    clusters = np.zeros(len(kinds), dtype=np.int64)
    np.add.at(clusters, place.ravel(), rows[:, 2])
    return np.column_stack([kinds, clusters])


def as_json(clusters: Clusters) -> dict[str, int]:
    """Write a table as `summary.json` has it: `{"3/8": 2}` is two clusters of 8 events of which 3 were seen."""
    return {f"{seen}/{events}": count for events, seen, count in clusters.tolist()}


def from_json(written: Mapping[str, int]) -> Clusters:
    """Read what `as_json` wrote. Raises ValueError."""
    rows = [(*map(int, reversed(kind.split("/"))), count) for kind, count in written.items()]
    return np.array(rows, dtype=np.int64).reshape(-1, 3)


def clustered_interval(clusters: Clusters, confidence: float = CONFIDENCE) -> Interval | None:
    """The interval of the share of events that were seen; None without events. See `clustered_ends`."""
    if not len(clusters):
        return None
    events, seen, number = clusters.T
    low, high = clustered_ends(events, seen, number, confidence)
    return float(low), float(high)


def clustered_ends(
    events: npt.NDArray[np.int64],
    seen: npt.NDArray[np.int64],
    clusters: npt.NDArray[np.int64],
    confidence: float = CONFIDENCE,
) -> tuple[Floats, Floats]:
    """The ends of the interval of `seen` out of `events`; kinds of clusters along the last axis, with their numbers.

    The Clopper-Pearson interval of as many independent events as `_effective` says. Where nothing was seen, or
    everything, the clusters do not differ and say nothing of their variance: then each is one event. Fewer than FEW
    clusters may lack a kind that leaks far more than those that were seen (one in ten is missing from 10 applications
    in a third of all runs): there the interval is at least as wide as if each cluster were one event.
    """
    total = (events * clusters).sum(-1).astype(np.float64)
    part = (seen * clusters).sum(-1).astype(np.float64)
    number = clusters.sum(-1).astype(np.float64)
    rate = part / total
    alike = (part == 0) | (part == total) | (number < FEWEST)
    residual = seen - rate[..., None] * events
    with np.errstate(invalid="ignore", divide="ignore"):  # what is computed of those alike is not taken
        trials = np.where(alike, number, _effective(events, residual, clusters, rate, confidence))
    low, high = _clopper_pearson(rate, trials, confidence)
    few_low, few_high = _clopper_pearson(rate, number, confidence)
    few = number < FEW
    return np.where(few, np.minimum(low, few_low), low), np.where(few, np.maximum(high, few_high), high)


def _clopper_pearson(rate: Floats, trials: Floats, confidence: float) -> tuple[Floats, Floats]:
    """The exact interval of `rate`, seen in so many independent events (Biometrika 26, 1934); both may be fractions."""
    hits, tail = rate * trials, (1 - confidence) / 2
    with np.errstate(invalid="ignore"):
        low = np.where(rate == 0, 0.0, betaincinv(hits, trials - hits + 1, tail))
        high = np.where(rate == 1, 1.0, betaincinv(hits + 1, trials - hits, 1 - tail))
    return low, high


def _effective(
    events: npt.NDArray[np.int64],
    residual: Floats,
    clusters: npt.NDArray[np.int64],
    rate: Floats,
    confidence: float,
) -> Floats:
    """How many independent events tell as much: Korn and Graubard's effective size, with its factor for few clusters.

    The variance is that of the ratio estimator, between clusters (Cochran, Sampling Techniques, 1977, section 2.11); no
    more events count than there are. The factor compares Student's t of independent events with that of the variance
    as it was estimated. They give the latter `n - 1` degrees of freedom, which holds for normal residuals. Where few
    clusters make up the variance it has fewer: they follow from the variance of a variance, `G2 / n + 2 / (n - 1)`
    (Satterthwaite, Biometrics Bulletin 2, 1946), where G2 is the excess kurtosis (Joanes and Gill, The Statistician 47,
    1998). That factor goes no lower than to where each cluster is as good as one event: to the effective number of
    clusters, `(sum of sizes)^2 / sum of sizes^2` (Kish, Survey Sampling, 1965), unless the variance itself says less.
    """
    n = clusters.sum(-1).astype(np.float64)
    total = (events * clusters).sum(-1).astype(np.float64)
    squares = (clusters * residual**2).sum(-1)
    variance = n / (n - 1) * squares / total**2
    independent = np.fmin(rate * (1 - rate) / variance, total)

    excess = n * (clusters * residual**4).sum(-1) / squares**2 - 3
    kurtosis = (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * excess + 6)
    freedom = np.maximum(1.0, 2 / (np.fmax(kurtosis, 0.0) / n + 2 / (n - 1)))
    side = (1 + confidence) / 2
    if_independent, by_normal, by_kurtosis = (stdtrit(df, side) for df in (total - 1, n - 1, freedom))

    one_each = total**2 / (clusters * events.astype(np.float64) ** 2).sum(-1)
    at_least = np.minimum(independent * (if_independent / by_normal) ** 2, one_each)
    effective: Floats = np.maximum(independent * (if_independent / by_kurtosis) ** 2, at_least)
    return effective
